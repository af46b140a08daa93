"""The server: the application that every service has, and how it is served."""

import asyncio
import signal
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI

from shared.clock import Clock
from shared.database import Pool
from shared.event_store import EventStore
from shared.http import health, problems


def create_app(
    service: str, routers: Sequence[APIRouter], pool: Pool, clock: Clock, store: EventStore | None
) -> FastAPI:
    """Return an application with what all have in common: health, problem details."""
    app = FastAPI(
        title=service,
        version="1",
        telemetry={"exclude": _is_probe, "auto_configure": False},
    )
    app.state.store, app.state.pool, app.state.clock = store, pool, clock
    for router in (health.router, *routers):
        app.include_router(router)
    problems.answer(app)
    return app


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in health.PROBES


async def serve(app: FastAPI, *, host: str, port: int, drain: timedelta) -> None:
    """Answer requests until told to stop, then finish those begun within `drain`."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(drain.total_seconds()),
    )
    server = _Server(config)
    with suppress(SystemExit):  # uvicorn's own, which does not say what to do
        await server.serve()
    if not server.started:
        raise SystemExit(f"{host}:{port} is taken: end what listens there or set another port")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End gracefully when told to. Unlike uvicorn, do not end the whole process then."""
        loop, numbers = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
