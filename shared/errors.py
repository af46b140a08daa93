"""The errors a use case may end with.

Error:
├── Invalid       the request makes no sense            422
├── NotFound      there is no such thing                404
├── Conflict      it makes sense, but not now           409
│   └── StaleVersion   someone else was faster          412
└── Unavailable   not our fault, try again later        503

Only `shared.http.problems` knows the numbers on the right.
"""

from typing import NamedTuple


class Place(NamedTuple):
    """Where a request is wrong, and why; never what it said there."""

    pointer: str  # Source: RFC 6901
    code: str
    detail: str = ""


def pointer(*path: str | int) -> str:
    """Return the JSON pointer of what stands at `path`. Source: RFC 6901 §3."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


class Error(Exception):
    """Something the caller is told about."""

    def __init__(self, *places: Place) -> None:
        super().__init__(*places)
        self.places = places


class Invalid(Error):
    """The request makes no sense."""


class NotFound(Error):
    """There is no such thing."""


class Conflict(Error):
    """It makes sense, but not in this state."""


class StaleVersion(Conflict):
    """It was changed by someone else meanwhile; load it again and decide anew."""


class Unavailable(Error):
    """A dependency failed; the same request may succeed later."""
