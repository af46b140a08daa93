"""The stack of containers, tried: `make compose-test`, where an engine answers.

Builds the image and starts all; looks whether containers are closed; imports clients and sends a
mailing through the sandbox, in which the dispatcher's container is killed; then, with three
dispatchers, another one in which every container is started anew. Nothing is lost or sent twice.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cli.generate import csv_pieces
from tests.compose.books import Books, wait_for
from tests.compose.contained import faults
from tests.compose.engine import ROOT, Failed, Stack, has_engine

CLIENTS = 5_000
LATENCY_MS = "300-500"  # a run takes half a minute: time to kill something in it
RESTARTED = ("postgres", "kafka", "gateway", "catalog", "scheduler", "stats", "dispatcher")
BEGAN = time.monotonic()


def say(text: str) -> None:
    """Print a line, with the seconds since the beginning."""
    sys.stdout.write(f"{time.monotonic() - BEGAN:6.1f} s  {text}\n")
    sys.stdout.flush()


def show(title: str, text: str) -> None:
    """Print what a command has printed."""
    say(title)
    sys.stdout.write("".join(f"          {line}\n" for line in text.splitlines()))


def command(books: Books, *arguments: str) -> str:
    """Run the command line against the stack; return what it prints.

    Raises:
        Failed: It ended with an error.
    """
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env={**os.environ, **books.addresses},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"mailings {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout


def start(stack: Stack) -> Books:
    """Build the image and start everything, with nothing of an earlier try."""
    stack.compose("down", "--volumes", "--remove-orphans")
    stack.compose("build")
    size = int(stack.docker("image", "inspect", "mailings:mailings-test", "--format={{.Size}}"))
    say(f"built: {size / 1e6:.0f} MB")
    stack.compose("up", "--detach", "--wait")
    columns = "table {{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}"
    show("started", stack.docker("ps", "--all", "--format", columns))
    if found := list(faults(stack)):
        raise Failed("\n".join(found))
    count = len(stack.containers())
    say(f"{count} containers: none is root, has a capability or a root that can be written")
    return Books(stack.addresses)


def create(books: Books, name: str) -> str:
    """Create a mailing to all clients, which begins at once; return its identifier."""
    plan = ("--name", name, "--body", "Hello {{ full_name }}", "--for", "2h", "--output", "json")
    return str(json.loads(command(books, "mailings", "create", *plan))["mailing_id"])


def tell(books: Books, when: str, mailing: str) -> None:
    """Print what the books say in the middle of a run."""
    taken = books.gateway()["accepted_distinct"]
    figures = books.statistics(mailing)["by_status"]
    found = {status: count for status, count in figures.items() if count}
    say(f"{when}: the gateway has taken {taken:,}; statistics: {found}")


def finish(books: Books, mailing: str, runs: int) -> None:
    """Wait for a run's end; compare its books. The gateway's go over all `runs` so far."""
    wait_for(
        "the run has finished, and statistics know it",
        lambda: books.statistics(mailing)["runs"][0]["is_finished"],
        within_s=240,
    )
    wait_for(
        "the figures agree with the ledger",
        lambda: bool(books.get("stats", "/v1/reconcile", mailing_id=mailing)["reconciles"]),
        within_s=60,
    )
    figures = books.statistics(mailing)["by_status"]
    ledger, gateway = books.ledger(mailing), books.gateway()
    show("statistics", json.dumps(figures))
    show("the dispatcher's ledger, message by message", json.dumps(ledger))
    show("the gateway's ledger", json.dumps(gateway))
    wanted = {"delivered": CLIENTS, "different messages": CLIENTS}
    if ledger != wanted or not sum(figures.values()) == figures["delivered"] == CLIENTS:
        raise Failed(f"{CLIENTS:,} should be delivered")
    if not gateway["accepted"] == gateway["accepted_distinct"] == runs * CLIENTS:
        raise Failed(f"the gateway should have taken {runs * CLIENTS:,}, each once")


def taken(books: Books, count: int) -> None:
    """Wait until the gateway has taken `count` messages in all."""
    wait_for(
        f"the gateway has taken {count:,}",
        lambda: int(books.gateway()["accepted_distinct"]) >= count,
        within_s=120,
    )


def kill_the_dispatcher(stack: Stack, books: Books) -> None:
    """Kill the only dispatcher in the middle of a run."""
    mailing = create(books, "killed")
    taken(books, CLIENTS // 3)
    tell(books, "before the kill", mailing)
    stack.docker("kill", "--signal=KILL", stack.container("dispatcher"))
    say("the dispatcher's container is killed")
    tell(books, "after the kill", mailing)
    stack.compose("up", "--detach", "--wait", "--no-deps", "dispatcher")
    say("it is started again")
    books.find_again()
    finish(books, mailing, runs=1)


def restart_everything(stack: Stack, books: Books) -> None:
    """Start each container anew in the middle of a run of three dispatchers."""
    options = ("--detach", "--wait", "--no-deps", "--no-recreate", "--scale", "dispatcher=3")
    stack.compose("up", *options, "dispatcher")
    ps = stack.compose("ps", "dispatcher", "--format", "table {{.Name}}\t{{.Status}}\t{{.Ports}}")
    show("three dispatchers", ps)
    books.find_again()
    books.set_latency(LATENCY_MS)
    mailing = create(books, "restarted")
    for number, name in enumerate(RESTARTED, start=1):
        taken(books, CLIENTS + number * CLIENTS // (len(RESTARTED) + 2))
        stack.docker("restart", stack.container(name))
        books.find_again()
        say(f"{name} was started anew")
        if name == "gateway":
            wait_for("the gateway answers", lambda: bool(books.gateway()), within_s=30)
            books.set_latency(LATENCY_MS)
    finish(books, mailing, runs=2)


def run() -> None:
    """Do it all.

    Raises:
        Failed: Something is not as it should be.
    """
    stack = Stack()
    try:
        books = start(stack)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "clients.csv"
            file.write_bytes(b"".join(csv_pieces(CLIENTS)))
            show("imported", command(books, "clients", "import", "--strict", str(file)))
        books.set_latency(LATENCY_MS)
        kill_the_dispatcher(stack, books)
        restart_everything(stack, books)
    except Failed:
        show("the last lines of the logs", stack.compose("logs", "--tail=15"))
        raise
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")
        say("stopped, and its volumes removed")


def main() -> None:
    """Try the stack; the last line says how it went."""
    if not has_engine():
        sys.stdout.write("SKIPPED: no engine\n")
        return
    try:
        run()
    except Failed as failure:
        sys.stdout.write(f"{failure}\nFAILED\n")
        sys.exit(1)
    sys.stdout.write(f"PASSED: {2 * CLIENTS:,} messages, none lost, none twice\n")


if __name__ == "__main__":
    main()
