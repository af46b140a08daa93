"""The server: the application that every service has, and how it is served."""

import asyncio
import signal
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from socket import socket
from types import FrameType
from typing import Any, cast

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI

from shared import watchdog
from shared.alarm import Alarm
from shared.clock import Clock
from shared.database import Pool
from shared.event_store import EventStore
from shared.http import about, docs, events_page, health, openapi, operations, problems
from shared.http.about import About, about_of
from shared.http.admission import Admission
from shared.http.bearer import Bearer
from shared.http.methods import Methods
from shared.http.protocol import TimedProtocol
from shared.http.secured import Secured
from shared.http.trust import ANYBODY, PROBES, Callers, Trust
from shared.settings import ServiceSettings

SERVERS = ({"url": "/", "description": "The service that shows this document."},)

# Of requests that are answered at once, each with a connection to the database: the loops of a
# service need the rest of its pool. A burst of a thousand reads is through in some seconds.
AT_ONCE = 6
WAIT_S = 20.0  # less than clients wait before they give up
TICK_S = 1.0
UNTRACED = (*PROBES, "/public/v1/live")

# Connections without a request are kept longer than any client or load balancer does (commonly
# 60 s), so that it is they who close first: a request never meets a connection just closed.
IDLE_S = 75
# For the same reason an ending server answers on its idle connections a little longer, and says
# with each answer that it is the last.
LAST_ANSWERS_S = 0.5

log = structlog.get_logger()


def create_app(
    service: str,
    routers: Sequence[APIRouter],
    pool: Pool,
    clock: Clock,
    store: EventStore | None,
    *,
    callers: Callers = ANYBODY,
) -> FastAPI:
    """Return an application with what all have in common.

    Args:
        service: Its name.
        routers: Of its own routes.
        pool: For reads, and to see whether the database answers.
        clock: The business time of commands.
        store: For commands; None if there are none.
        callers: Who is answered.
    """
    app = describe(service, routers)
    app.state.store, app.state.pool, app.state.clock = store, pool, clock
    app.state.about = About()
    app.state.admission, app.state.probes = Admission(AT_ONCE, WAIT_S), Admission(1, WAIT_S)
    app.add_middleware(Methods)
    token = callers.token
    app.add_middleware(Bearer, token=None if token is None else token.get_secret_value())
    app.add_middleware(Trust, hosts=callers.hosts)
    app.add_middleware(Secured)  # the last is outermost
    problems.handle_errors(app)
    return app


def describe_settings(app: FastAPI, settings: ServiceSettings) -> None:
    """Let `app` show what it is set to, without secrets."""
    app.state.about = about_of(settings, AT_ONCE)


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the document, which is made when it is first needed."""
        if self.openapi_schema is None:
            self.openapi_schema = openapi.document(self)
        return self.openapi_schema


def describe(
    service: str, routers: Sequence[APIRouter], *, servers: Sequence[dict[str, str]] = SERVERS
) -> FastAPI:
    """Return an application that has its routes and its document, and nothing to answer with."""
    app = _Application(
        title=service,
        version="1",
        servers=[*servers],
        docs_url=None,  # FastAPI's pages need servers on the internet
        redoc_url=None,
        redirect_slashes=False,  # FastAPI redirects to whatever `Host` has
        telemetry={
            "exclude": _is_untraced,
            "auto_configure": False,
            "logs": False,  # with the texts of errors, in which people may be named
            "operation_spans": False,  # our commands have their own
        },
    )
    common = (health, docs, events_page, about, operations)
    # Not by `include_router`, which takes each route apart a second time, at the first request:
    # that would be half a second of each start.
    for router in (*(each.router for each in common), *routers):
        app.router.routes.extend(router.routes)
    return app


def _is_untraced(scope: MutableMapping[str, Any]) -> bool:
    """Return whether a request has no span: probes, and streams, which last for hours."""
    return scope.get("path") in UNTRACED


def _nothing() -> None:
    """Do nothing at the end."""


async def serve(
    app: FastAPI,
    *,
    host: str,
    port: int,
    drain: timedelta,
    at_end: Callable[[], None] = _nothing,
) -> None:
    """Answer requests until a signal, then finish those begun within `drain`.

    `at_end` is called at the signal: it ends those that would go on for ever.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=TimedProtocol,
        log_config=None,
        access_log=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=int(drain.total_seconds()),
    )
    server = _Server(config, at_end)
    async with watchdog.watching(drain):
        with suppress(SystemExit):  # uvicorn's own, without what to do
            await server.serve()
    if not server.started:
        reason = "is taken: end what listens there or set another port"
        log.critical("http.not_started", reason=f"{host}:{port} {reason}")
        raise SystemExit(1)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, at_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending, self._at_end = Alarm(), at_end

    async def main_loop(self) -> None:
        """Renew the `Date` header until told to end; uvicorn looks ten times as often."""
        while not await self.on_tick(0):
            await self._ending.sleep(TICK_S)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Take no new connection, answer the last requests on the others, then close them."""
        for server in self.servers:
            server.close()
        connections = cast("set[TimedProtocol]", self.server_state.connections)
        for connection in connections:
            connection.finish()
        if connections:
            await asyncio.sleep(LAST_ANSWERS_S)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End soon."""
        super().handle_exit(sig, frame)
        self._at_end()
        self._ending.ring()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End gracefully at a signal. Unlike uvicorn, do not end the whole process then."""
        loop, numbers = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
