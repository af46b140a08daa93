"""The stream: server-sent events, written as bytes that all who watch share."""

import asyncio
from contextlib import suppress

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from services.stats.handlers.broadcasting import Broadcast

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # of proxies that would wait for more
}


class LiveStream(Response):
    """Goes on until the watcher leaves or the process ends. No database, no span, no queue."""

    media_type = "text/event-stream"

    def __init__(self, broadcast: Broadcast, address: str, last_id: str | None) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._broadcast, self._address, self._last_id = broadcast, address, last_id

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send frames; who does not take them in time is left."""
        with self._broadcast.watching(self._address):
            own, leaving = asyncio.current_task(), asyncio.create_task(_left(receive))

            def end(_: object) -> None:
                if own is not None:
                    own.cancel()

            leaving.add_done_callback(end)
            try:
                await self._stream(send)
            except asyncio.CancelledError:
                if own is None or not leaving.done():
                    raise
                own.uncancel()  # nobody but the watcher has ended it
            finally:
                leaving.remove_done_callback(end)
                leaving.cancel()

    async def _stream(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        number, frames = self._broadcast.first(self._last_id)
        with suppress(TimeoutError):
            while not self._broadcast.is_closing:
                if frames:
                    async with self._broadcast.in_time():
                        await send(_piece(frames))
                number, frames = await self._broadcast.after(number)
        await send(_piece(b"", more=False))


def _piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _left(receive: Receive) -> None:
    """Wait until the watcher has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
