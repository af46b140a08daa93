"""Lists as a whole: page by page, as they are read."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Page(Protocol[T]):
    """A page of a list, as all operations that list something return it."""

    @property
    def items(self) -> list[T]:
        """What is on it."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next one begins; None: there is none."""


def paged(operation: Callable[..., Page[T]], *given: object, **asked: object) -> Iterator[T]:
    """Yield all that a list has, as in `paged(catalog.list_clients, tag=["vip"])`."""
    cursor: str | None = None
    while True:
        page = operation(*given, **asked, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


async def paged_async(
    operation: Callable[..., Awaitable[Page[T]]], *given: object, **asked: object
) -> AsyncIterator[T]:
    """Yield the same of an operation that is awaited."""
    cursor: str | None = None
    while True:
        page = await operation(*given, **asked, cursor=cursor)
        for each in page.items:
            yield each
        cursor = page.next_cursor
        if cursor is None:
            return
