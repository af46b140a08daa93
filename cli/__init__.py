"""What a person types: `./mailings COMMAND`.

It speaks to the services over HTTP as any user would; only the local stack, migrations and the
rebuild touch anything else. Where a variable such as CATALOG_URL is set, that address is used,
otherwise that of the stack on this machine.
"""

import os
import tomllib
from enum import IntEnum, StrEnum
from uuid import UUID

import typer

from deploy.local.home import PROJECT, Home, usual_home
from deploy.local.record import supervisor_of

EXAMPLE_ID = "01a223e7-6a60-70b3-918e-ee3db44241bc"


class Exit(IntEnum):
    """What scripts can rely on."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNAVAILABLE = 5


class Output(StrEnum):
    """How everything that reads answers."""

    TABLE = "table"
    JSON = "json"


class Failure(Exception):
    """A command that could not do its work; the message says why, and what to do about it."""

    def __init__(
        self, message: str, code: Exit = Exit.ERROR, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = (
            retry_after_s  # None: the service does not say that it may be repeated
        )


def version() -> str:
    """Return the version of this command line, which is the platform's."""
    with (PROJECT / "cli" / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def read_id(text: str) -> UUID:
    """Read an identifier.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an identifier such as {EXAMPLE_ID}") from None


def home() -> Home:
    """Return where the local stack lives."""
    return Home(usual_home())


def addresses() -> dict[str, str]:
    """Return all addresses: those of the stack on this machine, and what is set in their place."""
    here = home().addresses() if supervisor_of(home()) else {}
    set_ = {name: os.environ[name] for name in (*here, *NAMES) if os.environ.get(name)}
    return {**here, **set_}


def address(name: str) -> str:
    """Return one address, such as CATALOG_URL.

    Raises:
        Failure: Nothing runs here, and it is not set.
    """
    try:
        return addresses()[name]
    except KeyError:
        message = (
            f"{name} is not known: nothing that has it runs on this machine.\n"
            f"  What to do: start everything with `./mailings up --detach`, or set {name}."
        )
        raise Failure(message, Exit.UNAVAILABLE) from None


NAMES = (
    "CATALOG_URL",
    "SCHEDULER_URL",
    "DISPATCHER_URL",
    "STATS_URL",
    "GATEWAY_URL",
    "MAIL_URL",
    "KAFKA_SERVERS",
    "CATALOG_DATABASE_URL",
    "SCHEDULER_DATABASE_URL",
    "DISPATCHER_DATABASE_URL",
    "STATS_DATABASE_URL",
)
