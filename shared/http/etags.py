"""Entity tags: an aggregate's version, as requests may expect it.

Source: RFC 9110 §8.8.3 and §13.1.1.
"""

import re
from typing import Annotated, TypeAlias

from fastapi import Depends, Header

from shared.errors import FieldError, Invalid

TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# Nothing in it can be read in two ways, so no header takes long.
TAGS = re.compile(rf"(?:{TAG})?+(?:[ \t]*+,[ \t]*+(?:{TAG})?+)*+")
OURS = re.compile(r'(?<!W/)"([1-9][0-9]{0,8})"')

NO_TAGS = 'If-Match takes entity tags, as an ETag gives them: "7", or "7", "8", or *'


def etag(version: int) -> str:
    """Return the entity tag of a stream at `version`."""
    return f'"{version}"'


def _expected(if_match: Annotated[list[str] | None, Header()] = None) -> frozenset[int] | None:
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
