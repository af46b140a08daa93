"""The errors of the database: which pass, which are of one row; none shows its values."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import Overloaded, Unavailable

# PostgreSQL's errors when it is starting, stopping or full: not our fault, and it passes.
PASSING = (
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InterfaceError,
    # A server has ended, and its last words came in the middle of what we said.
    asyncpg.InternalClientError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    # A role, too, may be made after the service has started.
    asyncpg.InvalidAuthorizationSpecificationError,
)

# What no row is to blame for: a mistake in a statement, a right that is missing, a full disk.
OF_ALL = (
    asyncpg.SyntaxOrAccessError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
OF_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

# PostgreSQL's errors before `shared.migrate` has done its work.
NOT_MIGRATED = {
    asyncpg.InvalidCatalogNameError: "the database does not exist yet",
    asyncpg.UndefinedTableError: "a table does not exist yet",
}


class NotMigrated(Exception):
    """The database, or something in it, does not exist yet; the text says what."""


class Unstorable(Exception):
    """A value is none that the database takes: a number too large for it, a text with NUL in it.

    The text is what kind of refusal it was, never the value, which may be a phone or a name.
    """


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise what the driver raises in the block as an error of ours, without values of rows.

    Raises:
        Unavailable: The database cannot be reached, went away, chose us as a victim, or is not
            migrated yet.
        Unstorable: Among what the block wrote is a value that the database does not take.
    """
    try:
        yield
    except (OSError, PoolTimeout) as error:  # TimeoutError is an OSError
        raise (Overloaded if isinstance(error, PoolTimeout) else Unavailable) from error
    except (*OF_DRIVER, DBAPIError) as error:
        cause = _cause_of(error)
        if isinstance(cause, asyncpg.DataError):
            raise _unstorable(cause).with_traceback(error.__traceback__) from None
        for kind, reason in NOT_MIGRATED.items():
            if isinstance(cause, kind):
                raise Unavailable from NotMigrated(reason)
        _hide_row(error)
        is_broken = isinstance(error, DBAPIError) and error.connection_invalidated
        if not (is_broken or _passes(cause)):
            raise
        raise Unavailable from error


def is_fault_of_record(error: Exception) -> bool:
    """Return whether `error` may come from the values of one record; others fail for all."""
    return not isinstance(error, MemoryError) and not isinstance(_cause_of(error), OF_ALL)


def _cause_of(error: BaseException) -> BaseException | None:
    """Return the driver's own error, which is below SQLAlchemy's two layers."""
    if isinstance(error, DBAPIError):
        return error.orig.__cause__ if error.orig is not None else None
    return error


def _hide_row(error: BaseException) -> None:
    """Cut PostgreSQL's details, which repeat the row, from an error and from its causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, asyncpg.PostgresError):
            cause.detail = None
        cause.args = tuple(
            each.partition("\nDETAIL:")[0] if isinstance(each, str) else each
            for each in cause.args
        )
        cause = cause.__cause__


def _passes(error: BaseException | None) -> bool:
    """Return whether it may go well next time; a setting that the driver refuses will not."""
    return isinstance(error, PASSING) and not isinstance(error, ValueError)


def _unstorable(error: asyncpg.DataError) -> Unstorable:
    """Return the same without the value: refused by PostgreSQL, or by the driver's encoders."""
    return Unstorable(type(error.__cause__ or error).__name__)
