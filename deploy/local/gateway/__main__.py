"""`python -m deploy.local.gateway --port P --ledger FILE …`: serve until told to stop."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from time import monotonic

import msgspec
import uvloop

from deploy.local.gateway.faults import Faults, Misbehavior
from deploy.local.gateway.ledger import Ledger
from deploy.local.gateway.server import Connection, Sandbox

_HIGHEST_PORT = 65_535
_BACKLOG = 4_096  # connections that may wait: a dispatcher opens all of its at once


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.gateway", description=__doc__)
    parser.add_argument("--host", type=_host, default="127.0.0.1")
    parser.add_argument("--port", type=_port, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--idempotent", action="store_true", help="a key is taken once")
    kind.add_argument("--plain", action="store_true", help="whatever comes is taken (the default)")
    parser.add_argument("--latency-ms", default="0", help="30, 20-50 or lognormal:30:0.5")
    for what in ("fail", "throttle", "garbage", "hang"):
        parser.add_argument(f"--{what}-share", type=float, default=0.0, help="0 to 1")
    parser.add_argument("--outage", help="FROM..TO, in seconds from now")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def _host(text: str) -> str:
    if not text.strip():  # a server would listen on all interfaces
        raise argparse.ArgumentTypeError("a host is needed, 0.0.0.0 for all interfaces")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def _faults(options: argparse.Namespace) -> Faults:
    fields = {name: vars(options)[name] for name in Faults.__struct_fields__ if name in options}
    return msgspec.convert({**fields, "is_idempotent": options.idempotent}, Faults)


async def serve(options: argparse.Namespace, faults: Faults) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises:
        OSError: the port or the ledger can't be had.
    """
    loop = asyncio.get_running_loop()
    stop = loop.create_future()

    def end(code: int) -> None:
        if not stop.done():
            stop.set_result(code)

    def fail(error: OSError) -> None:
        print(f"the ledger can't be written: {error}", file=sys.stderr)  # noqa: T201 - a command
        end(1)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, 0)
    ledger = Ledger(options.ledger)
    sandbox = Sandbox(ledger, Misbehavior(faults, options.seed, monotonic), fail)
    server = await loop.create_server(
        lambda: Connection(sandbox), options.host, options.port, backlog=_BACKLOG
    )
    code = int(await stop)
    server.close()
    if code == 0:
        sandbox.flush()
    for connection in list(sandbox.connections):
        connection.abort()
    if code == 0:
        ledger.close()
    return code


def main() -> None:
    """Read the options and serve."""
    parser = _parser()
    options = parser.parse_args()
    try:
        faults = _faults(options)
    except msgspec.ValidationError as error:
        parser.error(str(error))
    try:
        code = uvloop.run(serve(options, faults))
    except (OSError, msgspec.DecodeError) as error:
        sys.exit(f"the sandbox gateway can't start: {error}")
    sys.exit(code)


if __name__ == "__main__":
    main()
