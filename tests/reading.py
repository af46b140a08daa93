"""Reads over HTTP: which there are, and how many statements each of them takes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from sqlalchemy import event

from shared.database import Pool


def reads(routers: Sequence[APIRouter]) -> set[str]:
    """Return the paths of all reads, with their parameters in braces."""
    routes = (route for router in routers for route in router.routes)
    return {
        each.path
        for each in routes
        if isinstance(each, APIRoute) and "GET" in (each.methods or ())
    }


@contextmanager
def statements(pool: Pool) -> Iterator[list[bool]]:
    """Note each statement that the block executes: whether it stands in a transaction.

    One that doesn't takes a single round trip: there is neither BEGIN nor COMMIT.
    """
    sent: list[bool] = []

    def note(db: Any, *_: object) -> None:
        sent.append(db.connection.driver_connection.is_in_transaction())

    event.listen(pool.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(pool.sync_engine, "before_cursor_execute", note)
