"""The commands about mailings: plan, look at, control and watch them."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from rich.console import RenderableType

from cli import Output
from cli.api import Api, run
from cli.render import Format, Json, facts, grid, instant, say, say_more, show
from cli.statistics.progress import Progress
from cli.statistics.progress import watch as watch_progress

app = typer.Typer(help="Mailings: plan, control and watch them.", no_args_is_help=True)

MailingId = Annotated[UUID, typer.Argument(metavar="ID", help="As `list` shows it.")]

EXAMPLE = "2026-03-01T10:00+03:00"
# 90s, 15m, 2h, 1d, 1h30m; and what ISO 8601 makes of them: PT90S, P1D, PT1H30M
DURATION = re.compile(
    r"(?:P(?=.))?(?:(?P<days>\d+)d)?(?:T(?=.))?"
    r"(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?",
    re.IGNORECASE | re.ASCII,
)


class Status(StrEnum):
    """Where a mailing is in its life."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


class Gateway(StrEnum):
    """What hands the messages over."""

    HTTP = "http"
    LOG = "log"


def read_instant(text: str) -> datetime:
    """Read an instant with its zone.

    Raises:
        typer.BadParameter: It is none, or it has no zone.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no instant such as {EXAMPLE}") from None
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


@app.command("list")
def list_mailings(
    status: Annotated[Status | None, typer.Option(help="Only those there.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    output: Format = Output.TABLE,
) -> None:
    """List mailings, the newest first."""
    having = {"status": status}
    found, has_more = run(lambda api: api.items("catalog", "/v1/mailings", having, limit))
    show(output, found, lambda: _mailings_table(found))
    say_more(limit, has_more=has_more)


@app.command("create")
def create_mailing(  # noqa: PLR0913 (options are the fields of a mailing)
    *,
    name: Annotated[str, typer.Option(help="What people call it.")],
    body: Annotated[str, typer.Option(help="The text; may have {{ full_name }} and others.")],
    subject: Annotated[str | None, typer.Option(help="For gateways that send mails.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="To clients with any of these.")] = None,
    operator_code: Annotated[list[str] | None, typer.Option(help="And any of these.")] = None,
    starts_at: Annotated[
        datetime | None, typer.Option(parser=read_instant, metavar="INSTANT", help="Default: now.")
    ] = None,
    ends_at: Annotated[
        datetime | None,
        typer.Option(parser=read_instant, metavar="INSTANT", help=f"Such as {EXAMPLE}."),
    ] = None,
    for_: Annotated[
        timedelta | None,
        typer.Option("--for", parser=read_duration, metavar="DURATION", help="Such as 2h."),
    ] = None,
    gateway: Annotated[Gateway, typer.Option(help="What hands it over.")] = Gateway.HTTP,
    watch: Annotated[bool, typer.Option("--watch", help="Then watch it.")] = False,
    output: Format = Output.TABLE,
) -> None:
    """Create a mailing; it starts by itself, at once or at its start, and ends at its end."""
    if (ends_at is None) == (for_ is None):
        raise typer.BadParameter("say when it ends: either --ends-at or --for")
    plan = {
        "name": name,
        "body": body,
        "subject": subject,
        "filter": {"tags": tag or [], "operator_codes": operator_code or []},
        "starts_at": starts_at.isoformat() if starts_at else None,
        "ends_at": _end(starts_at, ends_at, for_).isoformat(),
        "gateway": gateway.value,
    }
    created = run(lambda api: api.post("catalog", "/v1/mailings", plan))
    show(output, created, lambda: mailing_table(created))
    if watch:
        _watch(created["mailing_id"], output)


@app.command("show")
def show_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Show one mailing."""
    found = run(lambda api: api.get("catalog", f"/v1/mailings/{mailing_id}"))
    show(output, found, lambda: mailing_table(found))


@app.command("start")
def start_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Start a mailing now, whatever its start says."""
    _command(mailing_id, "start", output)


@app.command("pause")
def pause_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Send nothing of a mailing until it is resumed."""
    _command(mailing_id, "pause", output)


@app.command("resume")
def resume_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Send a paused mailing again."""
    _command(mailing_id, "resume", output)


@app.command("stop")
def stop_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Send nothing of a mailing any more, ever."""
    _command(mailing_id, "stop", output)


@app.command("watch")
def watch_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Show live how a mailing goes on, until it is over."""
    _watch(mailing_id, output)


def _watch(mailing_id: UUID | str, output: Output) -> None:
    async def work(api: Api) -> Progress:
        return await watch_progress(api, mailing_id, output)

    try:
        run(work)
    except KeyboardInterrupt:
        stop = f"./mailings mailings stop {mailing_id}"
        say(f"That ends the watching, not the mailing: `{stop}` would.", "dim")
        raise


def _command(mailing_id: UUID, what: str, output: Output) -> None:
    done = run(lambda api: api.post("catalog", f"/v1/mailings/{mailing_id}/{what}"))
    show(output, done, lambda: mailing_table(done))


def _end(
    starts_at: datetime | None, ends_at: datetime | None, length: timedelta | None
) -> datetime:
    """Return when the window ends."""
    if ends_at is not None:
        return ends_at
    try:
        return (starts_at or datetime.now(UTC)) + (length or timedelta())
    except OverflowError:
        raise typer.BadParameter("that is longer than time goes") from None


def _mailings_table(found: list[Json]) -> RenderableType:
    rows = (
        [
            each["mailing_id"],
            each["name"],
            each["status"],
            each["gateway"],
            instant(each["starts_at"]),
            instant(each["ends_at"]),
        ]
        for each in found
    )
    return grid(("mailing", "name", "status", "gateway", "starts", "ends"), rows)


def mailing_table(found: Json) -> RenderableType:
    """Return all that there is to say of a mailing."""
    return facts([
        ("mailing", found["mailing_id"]),
        ("name", found["name"]),
        ("status", found["status"]),
        ("missed", found["missed_reason"]),
        ("tags", found["filter"]["tags"] or "all"),
        ("operator codes", found["filter"]["operator_codes"] or "all"),
        ("starts", instant(found["starts_at"])),
        ("ends", instant(found["ends_at"])),
        ("gateway", found["gateway"]),
        ("subject", found["subject"]),
        ("body", found["body"]),
        ("version", found["version"]),
        ("created", instant(found["created_at"])),
        ("changed", instant(found["changed_at"])),
    ])  # fmt: skip
