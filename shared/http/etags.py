"""Entity tags: an aggregate's version, as requests may expect it.

Source: RFC 9110 §8.8.3 and §13.1.1.
"""

import re
from typing import Annotated, TypeAlias

from fastapi import Depends, Header

from shared.errors import StaleVersion


def etag(version: int) -> str:
    """Return the entity tag of a stream at `version`."""
    return f'"{version}"'


def _expected(if_match: Annotated[str | None, Header()] = None) -> int | None:
    if if_match in (None, "*"):
        return None
    if tag := re.fullmatch(r'"(\d{1,9})"', if_match):
        return int(tag[1])
    raise StaleVersion  # a tag that we never gave matches nothing


Expected: TypeAlias = Annotated[int | None, Depends(_expected)]
