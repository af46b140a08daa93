"""`python -m deploy.local.mail --port P --smtp-port P --ledger FILE …`: serve until stopped."""

import argparse
import asyncio
import sys

import msgspec
import uvloop

from deploy.local.gateway.ledger import Ledger
from deploy.local.gateway.server import Connection
from deploy.local.gateway.serving import BACKLOG, Stop, parser_of, port
from deploy.local.mail.faults import Faults, Misbehavior
from deploy.local.mail.server import MailConnection, Sandbox

_SHARES = ("fail", "refuse", "close", "drop", "greeting")


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("deploy.local.mail", __doc__)
    parser.add_argument("--smtp-port", type=port, required=True)
    for what in _SHARES:
        parser.add_argument(f"--{what}-share", type=float, default=0.0, help="0 to 1")
    return parser


async def serve(options: argparse.Namespace, faults: Faults) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises:
        OSError: A port or the ledger can't be had.
    """
    loop, stop = asyncio.get_running_loop(), Stop()
    ledger = Ledger(options.ledger)
    sandbox = Sandbox(ledger, Misbehavior(faults, options.seed), stop.fail)
    servers = [
        await loop.create_server(lambda: Connection(sandbox), options.host, options.port),
        await loop.create_server(
            lambda: MailConnection(sandbox), options.host, options.smtp_port, backlog=BACKLOG
        ),
    ]
    code = await stop.wait()
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
