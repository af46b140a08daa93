"""The options of commands about mailings, and how what is typed is read."""

import getpass
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, TextIO
from uuid import UUID

import typer

from cli.naming import read_mailing
from cli.render import Json

MailingId = Annotated[
    UUID,
    typer.Argument(
        parser=read_mailing,
        metavar="MAILING",
        help="Its identifier, or its name if no other has it.",
    ),
]

GATEWAYS = "What hands it over, as `./mailings gateways list` shows it."
LONGEST_NAME = 100  # characters; what services take
EXAMPLE = "2026-03-01T10:00+03:00"
# 90s, 15m, 2h, 1d, 1h30m; and what ISO 8601 makes of them: PT90S, P1D, PT1H30M
DURATION = re.compile(
    r"(?:P(?=.))?(?:(?P<days>\d+)d)?(?:T(?=.))?"
    r"(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?",
    re.IGNORECASE | re.ASCII,
)


def read_instant(text: str) -> datetime:
    """Read an instant with its zone.

    Raises:
        typer.BadParameter: It is none, or it has no zone.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date-time such as {EXAMPLE}") from None
    if read.tzinfo is None:
        raise typer.BadParameter(f"{text!r} names no zone; write it as {EXAMPLE}")
    return read


def read_duration(text: str) -> timedelta:
    """Read a duration.

    Raises:
        typer.BadParameter: It is none, or it is zero.
    """
    found = DURATION.fullmatch(text)
    parts = found.groupdict() if found else {}
    try:
        length = timedelta(**{name: int(value) for name, value in parts.items() if value})
    except OverflowError:
        length = timedelta()
    if not length:
        raise typer.BadParameter(f"{text!r} is no duration such as 90s, 15m, 2h, 1d or 1h30m")
    return length


class Priority(StrEnum):
    """Which of the mailings that share a gateway go first."""

    BULK = "bulk"
    NORMAL = "normal"
    URGENT = "urgent"


class MessageClass(StrEnum):
    """What the messages of a mailing are for people."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    CRITICAL = "critical"


class OnUnknown(StrEnum):
    """What is done where nobody can know whether a message has arrived."""

    PREFER_DELIVERY = "prefer_delivery"
    PREFER_SILENCE = "prefer_silence"
    AS_GATEWAY = "as_gateway"


Name = Annotated[str | None, typer.Option(help="What people call it.")]
Body = Annotated[
    str | None, typer.Option(help="The text; may have {{ full_name }} and other variables.")
]
BodyFile = Annotated[
    typer.FileText | None,
    typer.Option(encoding="utf-8", help="The text from a file; - for standard input."),
]
Subject = Annotated[str | None, typer.Option(help="For gateways that send mails.")]
HtmlFile = Annotated[
    typer.FileText | None,
    typer.Option(
        encoding="utf-8", help="Of mails: HTML beside the text, from a file; - for stdin."
    ),
]
Sender = Annotated[
    str | None, typer.Option(metavar="NAME <ADDRESS>", help="Of mails, if the gateway allows it.")
]
FirstOf = Annotated[
    Priority | None,
    typer.Option("--priority", help="Which of those that share a gateway go first."),
]
MaxAttempts = Annotated[
    int | None,
    typer.Option(min=0, help="Of each message; 0 for as many as the window allows."),
]
Unknown = Annotated[
    OnUnknown | None,
    typer.Option("--on-unknown", help="Where nobody knows whether it arrived."),
]
Class = Annotated[
    MessageClass | None,
    typer.Option("--class", help="What its messages are for people; critical ones never wait."),
]
Topic = Annotated[
    str | None, typer.Option(help="By which clients can refuse it, such as news; '' for none.")
]
StartsAt = Annotated[
    datetime | None, typer.Option(parser=read_instant, metavar="INSTANT", help="Default: now.")
]
EndsAt = Annotated[
    datetime | None,
    typer.Option(parser=read_instant, metavar="INSTANT", help=f"Such as {EXAMPLE}."),
]
For = Annotated[
    timedelta | None,
    typer.Option("--for", parser=read_duration, metavar="DURATION", help="Such as 2h."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show to how many it would go; create nothing.")
]
By = Annotated[
    str | None,
    typer.Option(help="Who does it, as it is shown beside the switch. Default: your account."),
]
Watch = Annotated[bool, typer.Option("--watch", help="Then watch it.")]


def account() -> str | None:
    """Return the name of the account that runs this; None if it has none."""
    try:
        return getpass.getuser()[:LONGEST_NAME]
    except (OSError, KeyError):  # as in a container whose user is a number
        return None


def text_of(body: str | None, file: TextIO | None) -> str | None:
    """Return the text, from wherever it comes; None if from nowhere.

    Raises:
        typer.BadParameter: It comes from both, or as `content_of`.
    """
    if file is None:
        return body
    if body is not None:
        raise typer.BadParameter("say either --body or --body-file")
    return content_of(file)


def content_of(file: TextIO | None) -> str | None:
    """Return what a file has, without line breaks at its end; None if there is none.

    Raises:
        typer.BadParameter: It is not readable as UTF-8.
    """
    if file is None:
        return None
    try:
        return file.read().rstrip("\n")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file.name} is not text in UTF-8") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """The options of order, retries, class and topic."""

    priority: FirstOf = None
    max_attempts: MaxAttempts = None
    on_unknown: Unknown = None
    class_: Class = None
    topic: Topic = None


def delivery_of(options: DeliveryOptions) -> Json:
    """Return what is said of order, retries, class and topic of mailings, as the API takes it."""
    unknown = options.on_unknown
    wanted = None if unknown is OnUnknown.AS_GATEWAY else unknown
    given: dict[str, tuple[object, object]] = {
        "priority": (options.priority, options.priority),
        "max_attempts": (options.max_attempts, options.max_attempts or None),
        "on_unknown": (unknown, wanted),
        "message_class": (options.class_, options.class_),
        "topic": (options.topic, options.topic or None),
    }
    return {name: value for name, (typed, value) in given.items() if typed is not None}


def end_of(
    starts_at: datetime | None, ends_at: datetime | None, length: timedelta | None
) -> datetime:
    """Return when the window ends."""
    if ends_at is not None:
        return ends_at
    try:
        return (starts_at or datetime.now(UTC)) + (length or timedelta())
    except OverflowError:
        raise typer.BadParameter("that is longer than time goes") from None
