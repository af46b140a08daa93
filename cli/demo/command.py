"""The demo: the whole platform at work, from nothing, against a gateway that misbehaves.

It has a home of its own, which each demo begins anew: every figure at its end is about this
demo's clients, and nothing that `./mailings up` has is touched.
"""

import asyncio
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Annotated

import typer
from rich.text import Text

from cli import Exit, Failure, home
from cli.api import Api
from cli.clients import import_table
from cli.demo.books import Books, open_books
from cli.demo.later import plan_for_later
from cli.generate import MOST, csv_pieces
from cli.render import Json, console, facts, grid, note
from cli.stack import usual_parts
from cli.statistics.progress import watch
from cli.upload import import_file, kind_of, upload_bar
from deploy.local.errors import AlreadyRunning
from deploy.local.foreground import run_until_ended
from deploy.local.home import Home
from deploy.local.record import Record
from deploy.local.services import SERVICES
from deploy.local.stack import Stack

app = typer.Typer()

INTERRUPTED = 128 + 2  # as shells say it. Source: POSIX, a command that SIGINT has ended

# Against a gateway that answers late or not at all, a short deadline and short pauses: each hang
# costs a connection for two seconds, so there are more connections than usual.
SETTINGS: Mapping[str, str] = MappingProxyType({
    "DISPATCHER_HTTP_GATEWAY_TIMEOUT": "PT2S",
    "DISPATCHER_HTTP_GATEWAY_CONNECTIONS": "128",
    "DISPATCHER_SMTP_GATEWAY_CONNECTIONS": "64",
    "DISPATCHER_BACKOFF_BASE": "PT0.2S",
    "DISPATCHER_BACKOFF_CAP": "PT2S",
})  # fmt: skip

# One in a hundred fails, every 500th answer is garbage, every 4,000th never comes.
GATEWAY_OPTIONS = (
    "--idempotent",
    "--latency-ms", "2-8",
    "--fail-share", "0.01",
    "--garbage-share", "0.002",
    "--hang-share", "0.00025",
)  # fmt: skip

# Of mails, one in a hundred is to come later, and at every 500th the server hangs up.
MAIL_OPTIONS = ("--latency-ms", "1-4", "--fail-share", "0.01", "--close-share", "0.002")

SUBJECT = "{{ full_name }}, у нас новость"  # noqa: RUF001 - Russian
BODY = "{{ full_name }}, у нас для вас новость! Ответьте на это сообщение с номера {{ phone }}."  # noqa: RUF001 - the same
WINDOW = timedelta(hours=6)
REJECTIONS = 10  # rows that are shown


@app.command()
def demo(
    clients: Annotated[
        str, typer.Option(metavar="N|FILE", help="How many to make up; or yours, CSV or NDJSON.")
    ] = "100000",
    *,
    leave: Annotated[
        bool, typer.Option("--exit", help="End at the end; as it does without a terminal.")
    ] = False,
) -> None:
    """Start everything, import clients, send them two mailings, and count whether all adds up.

    One goes to their phones, one to their e-mails; who has none is a message that failed. Two more
    are planned: one goes each day, and one at ten on each client's own clock.

    Begins from nothing each time, in `.mailings/demo`. The exit code is 0 only if every message
    is in a final state and statistics, ledger and the gateway's own ledger agree.
    """
    source = _source(clients)
    place = Home(home().path / "demo")
    _clear(place)
    play = _Play(source, place, stays=console().is_terminal and not leave)
    parts = usual_parts()
    stack = Stack(place.path, SETTINGS, parts, GATEWAY_OPTIONS, _report, mail_options=MAIL_OPTIONS)
    asyncio.run(run_until_ended(stack, play.run))
    if play.agrees is None:
        note("The demo was interrupted; everything has stopped.", "yellow")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(Exit.OK if play.agrees else Exit.ERROR)


def _source(clients: str) -> int | Path:
    """Return how many clients to make up, or where they are."""
    if clients.isdecimal():
        if not 0 < int(clients) <= MOST:
            raise typer.BadParameter(f"--clients takes 1 to {MOST:,}, or a file")
        return int(clients)
    path = Path(clients)
    if not path.is_file():
        raise typer.BadParameter(f"--clients takes a number or a file; there is no file {path}")
    return path


def _clear(place: Home) -> None:
    """Remove what an earlier demo has left, and end what still runs of it.

    Raises:
        Failure: A demo is running.
    """
    try:
        lock = place.lock()
    except AlreadyRunning:
        message = "A demo is running already. End it by Ctrl-C where it was started."
        raise Failure(message, Exit.CONFLICT) from None
    with lock:
        Record(place.record).end_orphans()
        shutil.rmtree(place.data, ignore_errors=True)
        if place.fallback.exists():
            shutil.rmtree(Path(place.fallback.read_text()) / "postgres", ignore_errors=True)


class _Play:
    """One demo, from the first client to the last figure."""

    def __init__(self, source: int | Path, place: Home, *, stays: bool) -> None:
        self._source = source
        self._place = place
        self._stays = stays
        self.agrees: bool | None = None  # None: it did not get that far

    async def run(self, stack: Stack) -> int:
        async with Api(stack.env.__getitem__) as api:
            imported = await self._import(api)
            agree = [
                await _send(api, imported["created"], gateway, sandbox)
                for gateway, sandbox in (("http", "gateway"), ("smtp", "mail"))
            ]
            await plan_for_later(api, BODY)
        self.agrees = all(agree)
        if self._stays:
            _say_addresses(stack.env, self._place)
            note("Everything stays up; Ctrl-C stops it.", "bold")
            await asyncio.Event().wait()
        return 0

    async def _import(self, api: Api) -> Json:
        """Import the clients; return what came of it."""
        path, kind = self._place.data / "clients.csv", kind_of("clients.csv")
        if isinstance(self._source, int):
            await asyncio.to_thread(_make_up, path, self._source)
        else:
            path, kind = self._source, kind_of(self._source.name)
        title = f"importing {path.name}"
        with path.open("rb") as file, upload_bar(title, path.stat().st_size) as report:
            view = await import_file(api, file, kind, report)
        rejections = f"/v1/imports/{view['import_id']}/rejections"
        shown, _ = await api.items("catalog", rejections, {}, REJECTIONS)
        console().print(import_table(view, shown))
        if not view["created"]:
            raise Failure(f"There is no client in {path}; the demo has nobody to write to.")
        seconds = _seconds(view["started_at"], view["ended_at"])
        note(f"{view['rows']:,} rows in {seconds:.1f} s, {view['rows'] / seconds:,.0f} rows/s")
        return view


def _make_up(path: Path, count: int) -> None:
    with path.open("wb") as file:
        file.writelines(csv_pieces(count))


async def _send(api: Api, clients: int, gateway: str, sandbox: str) -> bool:
    """Send all clients a mailing, and return whether all books of it agree."""
    mailing = await _mailing(api, gateway)
    note(f"The mailing {mailing['mailing_id']} is created, by {gateway}.")
    end = await watch(api, mailing["mailing_id"])
    if not end.runs or end.mailing["missed_reason"]:
        raise Failure(f"The mailing had no run: {end.mailing['missed_reason']}")
    run = await api.get("dispatcher", f"/v1/runs/{end.runs[0]['run_id']}")
    books = await open_books(api, run["run_id"], clients, sandbox)
    _show(books, mailing, run)
    return books.agree


async def _mailing(api: Api, gateway: str) -> Json:
    """Create the mailing, to all clients and from now on."""
    plan = {
        "name": f"Demo by {gateway}",
        "subject": SUBJECT,
        "body": BODY,
        "ends_at": (datetime.now(UTC) + WINDOW).isoformat(),
        "gateway": gateway,
    }
    return await api.post("catalog", "/v1/mailings", plan)


def _show(books: Books, mailing: Json, run: Json) -> None:
    screen = console()
    screen.print(Text("\nWhat became of it", style="bold"))
    columns = ("", "statistics", "ledger", "gateway", "agree")
    screen.print(grid(columns, books.comparisons))
    seconds = _seconds(mailing["created_at"], run["finished_at"])
    rate = books.ledger.messages / seconds if seconds else 0
    gateway = books.gateway
    decisions = ", ".join(f"{name} {n:,}" for name, n in gateway["by_decision"].items())
    screen.print(
        facts(
            [
                ("duration", f"{seconds:.1f} s, from its creation to its last message"),
                ("rate", f"{rate:,.0f} messages/s"),
                ("gateway", f"{gateway['requests']:,} requests: {decisions}"),
                ("statistics reconcile", books.reconciles),
                ("everything agrees", books.agree),
            ]
        )
    )


def _seconds(since: str, until: str | None) -> float:
    if until is None:
        return 0.0
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def _say_addresses(env: Mapping[str, str], place: Home) -> None:
    screen = console()
    screen.print()
    names = [name.upper() for name in (*SERVICES, "gateway", "mail")]
    documented = {name.upper() for name in SERVICES}
    urls = {"the page": env.get("WEB_URL"), "for those who run it": env.get("ADMIN_URL")}
    urls |= {name: env[f"{name}_URL"] for name in names}
    screen.print(
        facts(
            (name.lower(), f"{url}/docs" if name in documented else url)
            for name, url in urls.items()
            if url
        )
    )
    note(f"All commands speak to it with MAILINGS_HOME={quote(str(place.path))}")


def _report(line: str) -> None:
    note(line, "dim")
