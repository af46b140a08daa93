"""Pages of a list: where the next begins stands in a cursor, which only we can read."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Annotated, Generic, TypeAlias, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, TypeAdapter

from shared.errors import FieldError, Invalid
from shared.event import Instant

T = TypeVar("T")

INSTANT: TypeAdapter[Instant] = TypeAdapter(Instant)

BAD_CURSOR = FieldError("/cursor", "bad_cursor")


class BadCursor(Invalid):
    """This cursor is none of ours: take it from `next_cursor`, as it is."""


class Page(BaseModel, Generic[T]):
    """Some of a list, and where the rest begins."""

    items: list[T]
    next_cursor: str | None


def page(items: list[T], limit: int, key: Callable[[T], str]) -> Page[T]:
    """Return the first `limit` of `items`, of which one more may have been read."""
    shown = items[:limit]
    more = len(items) > limit
    return Page(items=shown, next_cursor=cursor_of(key(shown[-1])) if more else None)


def cursor_of(key: str) -> str:
    """Return the cursor of what stands behind `key`."""
    return urlsafe_b64encode(key.encode()).decode()


def _read(
    cursor: Annotated[
        str | None, Query(description="Where the page begins: `next_cursor` of the one before.")
    ] = None,
) -> str | None:
    if cursor is None:
        return None
    try:
        return urlsafe_b64decode(cursor).decode()
    except ValueError:
        raise BadCursor(BAD_CURSOR) from None


def position(cursor: str | None, parse: Callable[[str], T], first: T) -> T:
    """Return where the page begins, as `parse` reads it from the cursor.

    Raises:
        BadCursor: It is no cursor of this list.
    """
    if cursor is None:
        return first
    try:
        return parse(cursor)
    except ValueError:
        raise BadCursor(BAD_CURSOR) from None


def newest_key(instant: Instant, identifier: UUID) -> str:
    """Write what `instant_and_id` reads."""
    return f"{instant.isoformat()},{identifier}"


def instant_and_id(cursor: str) -> tuple[Instant, UUID]:
    """Read where a page of a list begins that shows the newest first.

    Raises:
        ValueError: It is no such cursor.
    """
    instant, identifier = cursor.split(",")
    return INSTANT.validate_python(instant), UUID(identifier)


Cursor: TypeAlias = Annotated[str | None, Depends(_read)]
LARGEST_PAGE = 1000  # items
Limit: TypeAlias = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Items of a page.")]
