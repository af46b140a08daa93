"""URLs of requests: where they go is fixed, their path and query are templates. Pure."""

import re
from typing import NamedTuple

from services.dispatcher.gateways.http.endpoint import Endpoint, parse_endpoint
from services.dispatcher.gateways.http.template import MARK, TemplateWrong, names_in

# In a path, `..` leads elsewhere however it is escaped: so no text there that people write.
_IN_PATH = frozenset({"id", "numeric_id", "phone", "phone_plus", "numeric_phone"})
_URL = re.compile(r"(https?://[^/?#{}]+)(/[^?#]*)?(?:\?([^#]*))?")


class Url(NamedTuple):
    """A URL taken apart."""

    endpoint: Endpoint  # its target has places for values filled in with anything
    origin: str  # scheme, host and port
    path: str  # template
    query: str | None  # template


def parse_url(url: str, *others: str) -> Url:
    """Take the template of a URL apart; it may name `others` besides what all templates may.

    Raises:
        ValueError: It is not one that requests can be sent to.
    """
    names_in(url, *others)
    endpoint = parse_endpoint(MARK.sub("x", url))
    parts = _URL.fullmatch(url)
    if parts is None:
        raise TemplateWrong("a URL has values in its path and its query only")
    path = parts[2] or "/"
    may_be_there = {*_IN_PATH, *others}
    if any(name not in may_be_there and "." not in name for name in names_in(path, *others)):
        names = ", ".join(sorted(may_be_there))
        raise TemplateWrong(f"in its path a URL has none but {names} and secrets.NAME")
    return Url(endpoint, parts[1], path, parts[3])
