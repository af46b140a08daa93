"""The stack's commands: start, stop and look at what runs on this machine."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlsplit

import typer
from dotenv import dotenv_values

from cli import NAMES, Exit, Failure, Output, address, addresses, home
from cli.render import Format, grid, note, show
from deploy.local import logs
from deploy.local.errors import AlreadyRunning
from deploy.local.foreground import run_until_ended
from deploy.local.home import PROJECT, Home, exports
from deploy.local.record import Record, is_alive, send, supervisor_of
from deploy.local.services import SERVICES
from deploy.local.stack import ALL, KAFKA, POSTGRES, WITH_PAGE, Parts, Stack
from deploy.local.status import status as status_of

app = typer.Typer()

EVERY_S = 0.05
STOP_WITHIN_S = 90.0  # services, gateway and stores one after the other, each within its limit

# The sandbox gateway that comes with `up` knows a message again: nobody is written to twice.
GATEWAY_OPTIONS = ("--idempotent",)

# A server's address may have a password in it: this is how it is handed on, and can be given.
POSTGRES_URL = "MAILINGS_POSTGRES"

PAGE = "WEB"

Only = Annotated[list[str] | None, typer.Option(help="Start only this part (may be repeated).")]


@app.command()
def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is ready.")] = False,
    detached: Annotated[bool, typer.Option("--detached", hidden=True)] = False,
    only: Only = None,
    postgres: Annotated[
        str, typer.Option(envvar=POSTGRES_URL, help="Use this server: postgresql://…")
    ] = "",
    kafka: Annotated[str, typer.Option(help="Use this Kafka: host:port")] = "",
) -> None:
    """Start PostgreSQL, Kafka, the services, the sandbox gateway and the page."""
    _hide(postgres)
    if detach:
        _up_detached(postgres)
        return
    given = {POSTGRES: postgres, KAFKA: kafka}
    parts = [name for name in only or usual_parts() if not given.get(name)]
    if unknown := set(parts) - set(WITH_PAGE):
        message = f"There is no {', '.join(sorted(unknown))}; there are {', '.join(WITH_PAGE)}."
        raise Failure(message, Exit.USAGE)
    missing = [name for name, there in given.items() if not there and name not in parts]
    if missing and set(parts) & set(SERVICES):
        options = ", ".join(f"--only {name} or --{name} ADDRESS" for name in missing)
        message = f"Services need {' and '.join(missing)}: add {options}."
        raise Failure(message, Exit.USAGE)
    stack = Stack(home().path, settings(postgres, kafka), parts, GATEWAY_OPTIONS, _report)
    raise typer.Exit(asyncio.run(run_until_ended(stack, _stay if detached else _stay_and_say)))


@app.command()
def down() -> None:
    """Stop what `up` has started."""
    supervisor = supervisor_of(home())
    if supervisor is None:
        ended = _end_orphans() if home().record.exists() else []
        _report(f"ended: {', '.join(ended)}" if ended else "nothing runs here")
        return
    send(supervisor, signal.SIGTERM)
    _report("stopping …")
    end = time.monotonic() + STOP_WITHIN_S
    while is_alive(supervisor) and time.monotonic() < end:
        time.sleep(EVERY_S)
    if is_alive(supervisor):
        send(supervisor, signal.SIGKILL)
        _end_orphans()
    _report("everything has stopped")


@app.command()
def status(output: Format = Output.TABLE) -> None:
    """Show what runs, and where."""
    found = asyncio.run(status_of(home()))
    if not found and output is Output.TABLE:
        _report("nothing runs here; `./mailings up` starts everything")
        return
    columns = ("part", "state", "pid", "address")
    rows = [(part.name, part.state, str(part.pid), part.address) for part in found]
    show(output, [asdict(part) for part in found], lambda: grid(columns, rows))
    if found and supervisor_of(home()) is None:
        note(
            "Who started this was killed: nothing of it is started again when it ends.\n"
            "  What to do: `./mailings up --detach` starts all anew, `./mailings down` ends it.",
            "yellow",
        )


@app.command("logs")
def show_logs(
    name: Annotated[str | None, typer.Argument(help="One part; all of them without it.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many to begin with.")
    ] = 20,
) -> None:
    """Show the logs, each line with the name of its part."""
    logs.show(home(), name, lines=lines, follow=follow)


@app.command()
def env() -> None:
    """Print the addresses as shell exports: eval "$(./mailings env)"."""
    known = addresses()
    if not known:
        message = "Nothing runs here. Start it with `./mailings up --detach`."
        raise Failure(message, Exit.UNAVAILABLE)
    typer.echo(exports(known), nl=False)


@app.command()
def migrate() -> None:
    """Bring the databases of all services up to date."""
    needed = [f"{name.upper()}_DATABASE_URL" for name in SERVICES]
    _run("shared.migrate", *SERVICES, needed=needed)


@app.command()
def rebuild(
    what: Annotated[str, typer.Argument(help="What to rebuild: stats.")],
) -> None:
    """Compute the statistics anew from the events; the old ones answer meanwhile."""
    if what != "stats":
        message = f"{what} cannot be rebuilt, only stats."
        raise Failure(message, Exit.USAGE)
    _run("services.stats", "rebuild", needed=["STATS_DATABASE_URL", "KAFKA_SERVERS"])


def _end_orphans() -> list[str]:
    """End what no supervisor looks after; the lock makes sure that there is none."""
    with home().lock():
        return Record(home().record).end_orphans()


def _run(module: str, *arguments: str, needed: list[str]) -> None:
    """Run one of our modules here, with the addresses that it needs."""
    given = {name: address(name) for name in needed}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(  # noqa: S603 (our own module)
        command, cwd=PROJECT, env={**os.environ, **given}, check=False
    )
    raise typer.Exit(Exit.OK if done.returncode == 0 else Exit.ERROR)


def usual_parts() -> Parts:
    """Return everything; without the page where `WEB=off` stands in the environment or `.env`."""
    given = {**dotenv_values(PROJECT / ".env"), **os.environ}
    return ALL if (given.get(PAGE) or "").lower() == "off" else WITH_PAGE


def settings(postgres: str = "", kafka: str = "") -> dict[str, str]:
    """Return what a person has set for services, and the addresses of servers that are not ours.

    Not the addresses in the environment or in `.env`: another stack's may be there.
    """
    prefixes = tuple(f"{name.upper()}_" for name in SERVICES)
    given = {**dotenv_values(PROJECT / ".env"), **os.environ}
    found = {
        n: v
        for n, v in given.items()
        if v is not None and n.startswith(prefixes) and n not in NAMES
    }
    if kafka:
        found["KAFKA_SERVERS"] = kafka
    if postgres:
        server = urlsplit(postgres)
        for name in SERVICES:
            found[f"{name.upper()}_DATABASE_URL"] = server._replace(path=f"/{name}").geturl()
    return found


async def _stay(_: Stack) -> int:
    return await asyncio.Event().wait()


async def _stay_and_say(stack: Stack) -> int:
    _say_addresses()
    _report("Ctrl-C stops everything.")
    return await _stay(stack)


def _hide(postgres: str) -> None:
    """Begin anew without the server's address among the arguments, which everybody can see.

    A process can say what it was started with only by being started again.
    """
    kept = _without_address(sys.argv[1:])
    if urlsplit(postgres).password and kept != sys.argv[1:]:
        os.environ[POSTGRES_URL] = postgres
        safe_path = ["-P"] if sys.flags.safe_path else []
        command = [sys.executable, *safe_path, "-m", "cli", *kept]
        os.execv(sys.executable, command)  # noqa: S606 - ourselves


def _without_address(arguments: Sequence[str]) -> list[str]:
    """Return the arguments but for `--postgres` and what it is."""
    option = f"--{POSTGRES}"
    before = ["", *arguments]
    return [
        word
        for previous, word in zip(before, arguments, strict=False)
        if option not in (previous, word) and not word.startswith(f"{option}=")
    ]


def _up_detached(postgres: str) -> None:
    """Start the supervisor in a session of its own; return when it says that all is ready."""
    place = home()
    if supervisor_of(place):
        raise AlreadyRunning(place.path)
    place.make()
    kept = _without_address(sys.argv[1:])  # the rest of it, when it has no password
    arguments = ["--detached" if word == "--detach" else word for word in kept]
    with place.log("supervisor").open("ab") as log:
        begin = log.tell()
        supervisor = subprocess.Popen(  # noqa: S603 (ourselves)
            [sys.executable, "-u", "-m", "cli", *arguments],
            cwd=PROJECT,
            env={**os.environ, "MAILINGS_HOME": str(place.path), POSTGRES_URL: postgres},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _show_start(supervisor, place, begin)
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait(STOP_WITHIN_S)
        raise
    if supervisor.poll() is not None:
        raise typer.Exit(Exit.ERROR)
    _say_addresses()
    _report("`./mailings down` stops everything.")


def _show_start(supervisor: "subprocess.Popen[bytes]", place: Home, begin: int) -> None:
    """Show what it says, until it is ready or has ended."""
    with (place.logs / "supervisor.log").open() as log:
        log.seek(begin)
        is_over = False
        while not is_over:
            started = supervisor_of(place)
            is_ready = started and started.pid == supervisor.pid and place.env.exists()
            is_over = bool(is_ready) or supervisor.poll() is not None
            sys.stdout.write(log.read())
            sys.stdout.flush()
            time.sleep(EVERY_S)


def _say_addresses() -> None:
    """Print every address, and where a service's HTTP API is explained."""
    known = home().addresses()
    width = max((len(name) for name in known), default=0)
    for name, value in known.items():
        documented = name in DOCUMENTED
        _report(f"{name:<{width}}  {value}{f'   docs: {value}/docs' if documented else ''}")


def _report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


DOCUMENTED = tuple(f"{name.upper()}_URL" for name in SERVICES)
