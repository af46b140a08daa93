"""`python -m deploy.local.mail --port P --smtp-port P --ledger FILE …`: serve until stopped."""

import argparse
import asyncio
import signal
import sys
from functools import partial
from pathlib import Path

import msgspec
import uvloop

from deploy.local.gateway.ledger import Ledger
from deploy.local.gateway.server import Connection
from deploy.local.mail.faults import Faults, Misbehavior
from deploy.local.mail.server import MailConnection, Sandbox

_BACKLOG = 4_096  # connections that may wait: a dispatcher opens all of its at once
_SHARES = ("fail", "refuse", "close", "drop", "greeting")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.mail", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="of HTTP")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--latency-ms", default="0", help="30, 20-50 or lognormal:30:0.5")
    for what in _SHARES:
        parser.add_argument(f"--{what}-share", type=float, default=0.0, help="0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def _end(stop: asyncio.Future[int], code: int) -> None:
    if not stop.done():
        stop.set_result(code)


def _fail(stop: asyncio.Future[int], error: OSError) -> None:
    print(f"the ledger can't be written: {error}", file=sys.stderr)  # noqa: T201 - a command
    _end(stop, 1)


async def serve(options: argparse.Namespace, faults: Faults) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises:
        OSError: A port or the ledger can't be had.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, stop, 0)
    ledger = Ledger(options.ledger)
    sandbox = Sandbox(ledger, Misbehavior(faults, options.seed), partial(_fail, stop))
    servers = [
        await loop.create_server(lambda: Connection(sandbox), options.host, options.port),
        await loop.create_server(
            lambda: MailConnection(sandbox), options.host, options.smtp_port, backlog=_BACKLOG
        ),
    ]
    code = await stop
    for server in servers:
        server.close()
    if code == 0:
        sandbox.flush()
    sandbox.abort()
    if code == 0:
        ledger.close()
    return code


def main() -> None:
    """Read the options and serve."""
    parser = _parser()
    options = parser.parse_args()
    fields = {name: vars(options)[name] for name in Faults.__struct_fields__}
    try:
        faults = msgspec.convert(fields, Faults)
    except msgspec.ValidationError as error:
        parser.error(str(error))
    try:
        code = uvloop.run(serve(options, faults))
    except (OSError, msgspec.DecodeError) as error:
        sys.exit(f"the sandbox mail server can't start: {error}")
    sys.exit(code)


if __name__ == "__main__":
    main()
