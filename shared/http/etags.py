"""Entity tags: an aggregate's version, as requests may expect it.

Source: RFC 9110 §8.8.3 and §13.1.
"""

import re
from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Request, Response, status

from shared.errors import FieldError, Invalid

TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# Nothing in it can be read in two ways, so no header takes long.
TAGS = re.compile(rf"(?:{TAG})?+(?:[ \t]*+,[ \t]*+(?:{TAG})?+)*+")
OURS = re.compile(r'(?<!W/)"([1-9][0-9]{0,8})"')

NO_TAGS = 'If-Match takes entity tags, as an ETag gives them: "7", or "7", "8", or *'


def etag(version: int) -> str:
    """Return the entity tag of a stream at `version`."""
    return f'"{version}"'


def _expected(
    if_match: Annotated[
        list[str] | None,
        Header(
            alias="If-Match",
            description="The versions that may be changed, as an ETag gives them, or *.",
        ),
    ] = None,
) -> frozenset[int] | None:
    """Return the versions that are expected, any of them; a tag that we never gave is none."""
    if if_match is None:
        return None
    given = ", ".join(if_match).strip(" \t")
    if given == "*":
        return None
    if not re.search(TAG, given) or not TAGS.fullmatch(given):
        raise Invalid(FieldError("", "if_match", NO_TAGS))
    return frozenset(int(version) for version in OURS.findall(given))


Expected: TypeAlias = Annotated[frozenset[int] | None, Depends(_expected)]


def if_unchanged(request: Request, response: Response) -> Response:
    """Answer a read with 304 instead if the client has this version already."""
    tag = response.headers.get("etag")
    is_read = request.method in ("GET", "HEAD") and response.status_code == status.HTTP_200_OK
    if tag is None or not is_read:
        return response
    given = ", ".join(request.headers.getlist("if-none-match")).strip(" \t")
    if given != "*" and tag not in _opaque(given):
        return response
    return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers={"ETag": tag})


def _opaque(given: str) -> list[str]:
    """Return the tags of a list, weak ones like strong ones; of what is no list, none."""
    if not TAGS.fullmatch(given):
        return []
    return [tag.removeprefix("W/") for tag in re.findall(TAG, given)]
