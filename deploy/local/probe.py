"""The probes: short questions that tell whether a part is ready. None of them raises."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from deploy.local.ports import HOST

Probe: TypeAlias = Callable[[], Awaitable[bool]]

ANSWER_WITHIN_S = 2.0

# Metadata, version 1, no client id, about no topic. Source: Kafka protocol guide.
_METADATA = struct.pack(">hhihi", 3, 1, 1, -1, 0)


async def answers_http(port: int, path: str) -> bool:
    """Return whether GET `path` is answered with 204."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n"
    head = await _ask(port, request.encode(), len("HTTP/1.1 204"))
    return head.endswith(b" 204")


async def has_broker(port: int) -> bool:
    """Return whether Kafka answers and counts itself among the brokers that can take topics."""
    request = struct.pack(">i", len(_METADATA)) + _METADATA
    head = await _ask(port, request, 12)  # length, correlation id, number of brokers
    return len(head) == 12 and struct.unpack(">iii", head)[2] > 0  # noqa: PLR2004 (the head)


async def _ask(port: int, request: bytes, count: int) -> bytes:
    """Return the first `count` bytes of the answer, nothing when there are not as many."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(request)
                return await reader.readexactly(count)
            finally:
                writer.close()
    except (OSError, EOFError):  # TimeoutError is an OSError, IncompleteReadError an EOFError
        return b""
