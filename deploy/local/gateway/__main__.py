"""`python -m deploy.local.gateway --port P --ledger FILE …`: serve until told to stop."""

import argparse
import asyncio
import sys
from time import monotonic

import msgspec
import uvloop

from deploy.local.gateway.faults import Faults, Misbehavior
from deploy.local.gateway.ledger import Ledger
from deploy.local.gateway.server import Connection, Sandbox
from deploy.local.gateway.serving import BACKLOG, Stop, parser_of


def options_parser() -> argparse.ArgumentParser:
    """Return what reads the options."""
    parser = parser_of("deploy.local.gateway", __doc__)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--idempotent", action="store_true", help="a key is taken once")
    kind.add_argument("--plain", action="store_true", help="whatever comes is taken (the default)")
    for what in ("fail", "throttle", "garbage", "hang"):
        parser.add_argument(f"--{what}-share", type=float, default=0.0, help="0 to 1")
    parser.add_argument("--retry-after-s", type=int, default=1, help="asked for with 429")
    parser.add_argument("--outage", help="FROM..TO, in seconds from now")
    return parser


def _faults(options: argparse.Namespace) -> Faults:
    fields = {name: vars(options)[name] for name in Faults.__struct_fields__ if name in options}
    return msgspec.convert({**fields, "is_idempotent": options.idempotent}, Faults)


async def serve(options: argparse.Namespace, faults: Faults) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises:
        OSError: The port or the ledger can't be had.
    """
    loop, stop = asyncio.get_running_loop(), Stop()
    ledger = Ledger(options.ledger)
    sandbox = Sandbox(ledger, Misbehavior(faults, options.seed, monotonic), stop.fail)
    server = await loop.create_server(
        lambda: Connection(sandbox), options.host, options.port, backlog=BACKLOG
    )
    code = await stop.wait()
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
    parser = options_parser()
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
