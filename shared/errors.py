"""The errors that a use case may end with.

Error:
├── Invalid       the request makes no sense            422
│   └── TooLarge       there is too much of it          413
├── NotFound      there is no such thing                404
├── Gone          there was such a thing, until then    410
├── Conflict      it makes sense, but not now           409
│   ├── InUse          mailings need it                 409
│   └── StaleVersion   someone else was faster          412
└── Unavailable   not our fault, try again later        503
    └── Overloaded     too much at once                 503

Only `shared.http.problems` has the numbers on the right.
"""

from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID


class FieldError(NamedTuple):
    """A field of a request that is wrong, and why; never the value it had."""

    pointer: str  # Source: RFC 6901
    code: str
    detail: str = ""
    limits: tuple[
        float, ...
    ] = ()  # that it does not keep, in the order in which `detail` has them


def pointer(*path: str | int) -> str:
    """Return the JSON pointer of what stands at `path`. Source: RFC 6901 §3."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


class Error(Exception):
    """The reason why a use case ended, as it is reported to the caller."""

    def __init__(self, *field_errors: FieldError) -> None:
        super().__init__(*field_errors)
        self.field_errors = field_errors


class Invalid(Error):
    """The request makes no sense."""


class TooLarge(Invalid):
    """There is more of it than is taken."""


class NotFound(Error):
    """There is no such thing."""


class Gone(Error):
    """There was such a thing; it was deleted as too old."""

    def __init__(self, since: datetime) -> None:
        super().__init__()
        self.since = since


class Conflict(Error):
    """It makes sense, but not in this state."""


class NamedMailing(NamedTuple):
    """A mailing, by its identifier and its name."""

    mailing_id: UUID
    name: str


class InUse(Conflict):
    """Mailings need it; they are named, all of them."""

    def __init__(self, *mailings: NamedMailing) -> None:
        super().__init__(
            *(FieldError("", "in_use", f"{each.name} ({each.mailing_id})") for each in mailings)
        )
        self.mailings = mailings


class StaleVersion(Conflict):
    """It was changed by someone else meanwhile; load it again and decide anew."""


class Unavailable(Error):
    """A dependency failed; the same request may succeed later."""

    retry_after_s: ClassVar[int] = 1


class Overloaded(Unavailable):
    """Too many requests at once; the same request may succeed in a moment."""
