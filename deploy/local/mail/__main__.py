"""`python -m deploy.local.mail --port P --smtp-port P --ledger FILE …`: serve until stopped."""

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

import msgspec
import uvloop

from deploy.local.gateway.ledger import Ledger
from deploy.local.gateway.server import Connection
from deploy.local.gateway.serving import BACKLOG, Stop, parser_of, port
from deploy.local.mail import authority
from deploy.local.mail.connection import MailConnection
from deploy.local.mail.faults import LOGINS, Decision, Faults, Misbehavior
from deploy.local.mail.login import Account
from deploy.local.mail.server import Sandbox

_NAMES = ("localhost", "127.0.0.1", "::1", "mail")  # "mail": in compose and in a cluster
_SHARES = ("fail", "refuse", "close", "hang", "drop", "cut", "greeting", "silence", "tls")


def options_parser() -> argparse.ArgumentParser:
    """Return what reads the options."""
    parser = parser_of("deploy.local.mail", __doc__)
    parser.add_argument("--smtp-port", type=port, required=True)
    parser.add_argument("--smtps-port", type=port, help="of TLS from the first byte")
    parser.add_argument("--tls", type=Path, help="folder of the certificates; else beside LEDGER")
    parser.add_argument("--tls-name", action="append", help="a name of this server")
    parser.add_argument("--user", default=Account().user, help="who may enter by AUTH")
    parser.add_argument("--password", default=Account().password, help="or token")
    for what in _SHARES:
        parser.add_argument(f"--{what}-share", type=float, default=0.0, help="0 to 1")
    parser.add_argument("--answer-at", choices=("rcpt", "content"), default="rcpt")
    parser.add_argument("--greylist-s", type=float, default=0.0, help="of each new recipient")
    parser.add_argument("--no-starttls", dest="has_starttls", action="store_false")
    parser.add_argument("--logins", default=LOGINS, help="ways of AUTH that are offered")
    parser.add_argument("--needs-login", action="store_true")
    return parser


async def serve(options: argparse.Namespace, faults: Faults) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises:
        OSError: A port, the ledger or a file of certificates can't be had.
    """
    loop, stop = asyncio.get_running_loop(), Stop()
    folder = options.tls or options.ledger.with_name(f"{options.ledger.name}.tls")
    tls = authority.context(folder, options.tls_name or _NAMES)
    ledger, account = Ledger(options.ledger, Decision), Account(options.user, options.password)
    sandbox = Sandbox(ledger, Misbehavior(faults, options.seed), tls, account, stop.fail)
    listen = partial(loop.create_server, host=options.host, backlog=BACKLOG)
    servers = [await listen(lambda: MailConnection(sandbox), port=options.smtp_port)]
    if options.smtps_port:
        implicit = partial(MailConnection, sandbox, is_encrypted=True)
        servers.append(await listen(implicit, port=options.smtps_port, ssl=tls))
    # Last: who finds this one live finds the others.
    servers.append(await listen(lambda: Connection(sandbox), port=options.port))
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
    parser = options_parser()
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
