"""The reads: what each service answers about its database, while none of its workers runs."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

from fastapi import APIRouter
from httpx import ASGITransport, AsyncClient
from pydantic import PostgresDsn

from services.catalog.routes import routers as catalog
from services.dispatcher.routes import routers as dispatcher
from services.scheduler.routes import routers as scheduler
from services.stats.routes import routers as stats
from shared import database
from shared.contracts.dispatcher import State
from shared.http import create_app

Json: TypeAlias = dict[str, Any]

ROUTERS: Mapping[str, Sequence[APIRouter]] = {
    "catalog": catalog,
    "scheduler": scheduler,
    "dispatcher": dispatcher,
    "stats": stats,
}
PASSING = {"as_of", "lag_s"}  # how old an answer is; not what it says
IDENTIFYING = {"row", "column", "attempt", "kind"}
SAMPLE = 3  # messages of each run and status that are looked at closely


async def read_everything(urls: Mapping[str, str]) -> Json:
    """Return every answer that matters, by service and path."""
    answers: Json = {}
    for service, url in urls.items():
        async with _http(service, url) as http:
            reads = _Reads(http)
            await _PATHS[service](reads)
            answers[service] = reads.answers
    return answers


def differences(before: Any, now: Any, where: str = "") -> Iterable[str]:
    """Name each place where what was answered is not in what is answered now.

    Newer code may say more; and what a list's order is, each list's own tests say.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for name, value in before.items():
            if name in now:
                yield from differences(value, now[name], f"{where}/{name}")
            else:
                yield f"{where}/{name} is missing"
    elif isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            yield f"{where} has {len(now)} items, not {len(before)}"
            return
        names = _identifying(before)
        one, other = (sorted(items, key=partial(_identity, names)) for items in (before, now))
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{where}/{number}")
    elif before != now:
        yield f"{where} was {before!r}, is {now!r}"


class _Reads:
    """The answers so far."""

    def __init__(self, http: AsyncClient) -> None:
        self._http = http
        self.answers: Json = {}

    async def one(self, path: str) -> Json:
        """Ask for one thing."""
        answer: Json = await self._get(path)
        self.answers[path] = answer
        return answer

    async def all(self, path: str) -> list[Json]:
        """Ask for all pages of a list."""
        items: list[Json] = []
        cursor: Json = {}
        while True:
            page = await self._get(path, limit=1000, **cursor)
            items += page["items"]
            if page["next_cursor"] is None:
                self.answers[path] = items
                return items
            cursor = {"cursor": page["next_cursor"]}

    async def _get(self, path: str, **params: Any) -> Json:
        address, _, query = path.partition("?")
        pairs = dict(each.split("=") for each in query.split("&") if each)
        answer = await self._http.get(address, params=pairs | params)
        assert answer.status_code == 200, (path, answer.text)
        body: Json = answer.json()
        return {name: value for name, value in body.items() if name not in PASSING}


async def _of_catalog(reads: _Reads) -> None:
    clients = await reads.all("/v1/clients")
    for client in sorted(clients, key=lambda each: str(each["client_id"]))[:SAMPLE]:
        await reads.one(f"/v1/clients/{client['client_id']}")
        await reads.all(f"/v1/clients?phone={client['phone']}")
    await reads.all("/v1/clients?tag=middle")
    for mailing in await reads.all("/v1/mailings"):
        await reads.one(f"/v1/mailings/{mailing['mailing_id']}")
    for each in await reads.all("/v1/imports"):
        await reads.one(f"/v1/imports/{each['import_id']}")
        await reads.all(f"/v1/imports/{each['import_id']}/rejections")


async def _of_scheduler(reads: _Reads) -> None:
    for schedule in await reads.all("/v1/schedules"):
        await reads.one(f"/v1/schedules/{schedule['mailing_id']}")
    for run in await reads.all("/v1/runs"):
        await reads.one(f"/v1/runs/{run['run_id']}")
        await reads.all(f"/v1/runs?mailing_id={run['mailing_id']}")


async def _of_dispatcher(reads: _Reads) -> None:
    for run in await reads.all("/v1/runs"):
        await reads.one(f"/v1/runs/{run['run_id']}")
        await reads.all(f"/v1/runs?mailing_id={run['mailing_id']}")
        of_run = f"/v1/messages?run_id={run['run_id']}"
        for message in _sample(await reads.all(of_run)):
            await reads.one(f"/v1/messages/{message['message_id']}")
            await reads.all(f"/v1/messages?client_id={message['client_id']}")
        for state in State:
            await reads.all(f"{of_run}&status={state}")


async def _of_stats(reads: _Reads) -> None:
    await reads.one("/v1/totals")
    await reads.one("/v1/reconcile")
    for mailing in await reads.all("/v1/mailings"):
        found = await reads.one(f"/v1/mailings/{mailing['mailing_id']}")
        await reads.all(f"/v1/messages?mailing_id={mailing['mailing_id']}")
        for run in found["runs"]:
            await reads.one(f"/v1/runs/{run['run_id']}")
            await reads.one(f"/v1/reconcile?run_id={run['run_id']}")
            for state in State:
                await reads.all(f"/v1/messages?run_id={run['run_id']}&status={state}")


_PATHS = {
    "catalog": _of_catalog,
    "scheduler": _of_scheduler,
    "dispatcher": _of_dispatcher,
    "stats": _of_stats,
}


@asynccontextmanager
async def _http(service: str, url: str) -> AsyncIterator[AsyncClient]:
    async with database.connect(PostgresDsn(url)) as pool:
        app = create_app(service, ROUTERS[service], pool, database.business_clock(pool), None)
        async with AsyncClient(
            transport=ASGITransport(app), base_url=f"http://{service}"
        ) as client:
            yield client


def _sample(messages: list[Json]) -> Iterable[Json]:
    """Choose some messages of each status: those that were tried most."""
    by_status: dict[str, list[Json]] = defaultdict(list)
    for each in sorted(messages, key=lambda each: (-each["attempts"], each["message_id"])):
        by_status[each["status"]].append(each)
    for found in by_status.values():
        yield from found[:SAMPLE]


def _identifying(items: list[Any]) -> list[str]:
    """Return the fields that an item of this list is found by, before and now."""
    fields = items[0] if items and isinstance(items[0], dict) else {}
    return [name for name in fields if name.endswith("_id") or name in IDENTIFYING]


def _identity(names: list[str], item: Any) -> str:
    return str([item.get(name) for name in names] if isinstance(item, dict) else item)
