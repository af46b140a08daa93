"""Serving: what the processes of both sandboxes do alike, from their options to their end."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

BACKLOG = 4_096  # connections that may wait: a dispatcher opens all of its at once
_HIGHEST_PORT = 65_535


class Stop:
    """When a process is to end, and with which exit code."""

    def __init__(self) -> None:
        """Listen for SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        self._code: asyncio.Future[int] = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, 0)

    async def wait(self) -> int:
        """Wait for the end; return the exit code."""
        return await self._code

    def fail(self, error: OSError) -> None:
        """End, for the ledger cannot be written."""
        print(f"the ledger can't be written: {error}", file=sys.stderr)  # noqa: T201 - a command
        self._end(1)

    def _end(self, code: int) -> None:
        if not self._code.done():
            self._code.set_result(code)


def parser_of(module: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that both sandboxes have."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--host", type=_host, default="127.0.0.1")
    parser.add_argument("--port", type=port, required=True, help="of HTTP")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--latency-ms", default="0", help="30, 20-50 or lognormal:30:0.5")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def port(text: str) -> int:
    """Return the number of a port.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or not 1 <= int(text) <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def _host(text: str) -> str:
    if not text.strip():  # a server would listen on all interfaces
        raise argparse.ArgumentTypeError("a host is needed, 0.0.0.0 for all interfaces")
    return text
