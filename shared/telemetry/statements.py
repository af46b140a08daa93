"""The statements: those that the database is slow with get spans, and no others."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from opentelemetry.trace import SpanKind
from sqlalchemy import Engine, event

from shared.telemetry.spans import ERROR_TYPE, Attributes, finished, is_exporting

SLOW_S = 0.1  # what is not is as fast as a disk and a lock may be
SHOWN = 2_000  # characters of a statement: ours have parameters in the place of values

BEGUN = "statement_begun"


@contextmanager
def statement(text: str) -> Iterator[None]:
    """Make a span of the block, which executes a statement, if that is slow."""
    if not is_exporting():
        yield
        return
    begun = monotonic()
    try:
        yield
    except Exception as error:
        _note(text, begun, error)
        raise
    _note(text, begun)


def watch_statements(engine: Engine) -> None:
    """Do the same for each statement that is executed by SQLAlchemy's means."""
    if is_exporting():
        event.listen(engine, "before_cursor_execute", _begin)
        event.listen(engine, "after_cursor_execute", _end)
        event.listen(engine, "handle_error", _fail)


def _begin(connection: Any, *_: object) -> None:  # noqa: ANN401 - SQLAlchemy's
    connection.info[BEGUN] = monotonic()


def _end(connection: Any, _: object, text: str, *__: object) -> None:  # noqa: ANN401 - the same
    _note(text, connection.info[BEGUN])


def _fail(failed: Any) -> None:  # noqa: ANN401 - the same
    if failed.connection is not None and failed.statement is not None:
        _note(failed.statement, failed.connection.info[BEGUN], failed.original_exception)


def _note(text: str, begun: float, error: BaseException | None = None) -> None:
    duration_s = monotonic() - begun
    if duration_s < SLOW_S:
        return
    verb, *_ = text.split(None, 1)
    attributes: Attributes = {
        "db.system.name": "postgresql",
        "db.query.text": " ".join(text.split())[:SHOWN],
    }
    if error is not None:
        attributes = {**attributes, ERROR_TYPE: type(error).__name__}
    finished(verb.upper(), attributes, kind=SpanKind.CLIENT, duration_s=duration_s)
