"""Whether plain results travel in blocks or singly, statistics show the same of a mailing."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from httpx import ASGITransport, AsyncClient
from pydantic import PostgresDsn
from sqlalchemy import text

from services.dispatcher.domain.outcome import OutgoingMessage, Verdict
from services.dispatcher.handlers import reconciling, recording
from services.dispatcher.settings import Settings
from services.stats.routes import routers
from services.stats.subscriptions import CONSUMER, subscriptions
from shared import database, http, ids
from shared.contracts.dispatcher import MESSAGES, MessagesDelivered, State
from shared.database import Pool, transaction
from tests.dispatcher.world import ACCEPTED, NOT_PROCESSED, REFUSED, UNKNOWN, FakeGateway, replaced
from tests.together.platform import Json, Platform, Reader, platform_on

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

# What the gateway answers, by phone; what has no answer left is accepted.
MIXED: dict[str, list[Verdict]] = {
    "79160000002": [NOT_PROCESSED],
    "79160000003": [REFUSED],
    "79160000004": [UNKNOWN],
    "79160000005": [replaced(ACCEPTED, gateway_message_id=None)],
    "79160000006": [NOT_PROCESSED] * 1_000,
    "79160000007": [UNKNOWN, *[NOT_PROCESSED] * 1_000],
    "79160000008": [replaced(ACCEPTED, status_code=202)],
}
GONE = "79160000009"
PHONES = [f"791600000{number:02}" for number in range(1, 31)]
BY_STATUS = {
    "planned": 0,
    "retry": 0,
    "delivered": len(PHONES) - 4,
    "failed": 2,  # refused, and one without a phone
    "expired": 1,
    "cancelled": 1,
    "undetermined": 1,
    "suppressed": 0,
}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


class Scripted(FakeGateway):
    """A gateway that answers as its script says, by phone."""

    def __init__(self) -> None:
        super().__init__()
        self.script = {phone: list(verdicts) for phone, verdicts in MIXED.items()}

    def verdict(self, message: OutgoingMessage) -> Verdict | None:
        left = self.script.get(message.phone or "")
        return left.pop(0) if left else ACCEPTED


@pytest.fixture
async def platform(
    catalog_pool: Pool,
    scheduler_pool: Pool,
    dispatcher_pool: Pool,
    stats_pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Platform]:
    for module in (recording, reconciling):
        monkeypatch.setattr(module, "random", lambda: 0.5)  # no retry is due at once
    pools = {
        "catalog": catalog_pool,
        "scheduler": scheduler_pool,
        "dispatcher": dispatcher_pool,
        CONSUMER: stats_pool,
    }
    async with platform_on(**pools) as platform:
        platform.readers[CONSUMER] = Reader(CONSUMER, stats_pool, subscriptions())
        contacts = [*({"phone": phone} for phone in PHONES), {"email": "anna@example.com"}]
        for contact in contacts:
            answer = await platform.api.post("/clients", json=contact)
            assert answer.is_success, answer.text
        await platform.settle()
        yield platform


@pytest.fixture
async def statistics(stats_pool: Pool) -> AsyncIterator[AsyncClient]:
    app = http.create_app("stats", routers, stats_pool, database.business_clock(stats_pool), None)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://stats/v1") as api:
        yield api


async def get(api: AsyncClient, path: str, **parameters: str) -> Json:
    answer: httpx.Response = await api.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def pages(api: AsyncClient, **parameters: str) -> list[Json]:
    """Return the messages of all pages, which are small."""
    items, cursor = list[Json](), None
    while True:
        page = await get(
            api, "/messages", limit="7", **parameters, **({"cursor": cursor} if cursor else {})
        )
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


async def everything(api: AsyncClient, run_id: str, mailing_id: str) -> Json:
    """Return all that statistics show."""
    views: Json = {
        "totals": await get(api, "/totals"),
        "mailings": await get(api, "/mailings"),
        "mailing": await get(api, f"/mailings/{mailing_id}"),
        "run": await get(api, f"/runs/{run_id}"),
        "reconcile": await get(api, "/reconcile"),
        "messages": await pages(api),
        "messages of the run": await pages(api, run_id=run_id),
        "messages of the mailing": await pages(api, mailing_id=mailing_id),
    }
    for state in State:
        views[f"messages that are {state}"] = await pages(api, run_id=run_id, status=state)
    return views


def comparable(view: Any, names: dict[str, str]) -> Any:
    """Return a view in which identifiers have names; of an instant is left that it is there.

    Pages come in another order: messages in blocks before those with rows.
    """
    match view:
        case dict():
            return {name: comparable(each, names) for name, each in view.items()}
        case list():
            return sorted((comparable(each, names) for each in view), key=str)
        case str():
            return names.get(view, "an instant" if INSTANT.fullmatch(view) else view)
        case _:
            return view


LAST_ATTEMPTS = text("""
    SELECT client_id, max(ended_at) FROM all_attempts WHERE run_id = :run_id GROUP BY client_id
""")


async def seen(
    platform: Platform, api: AsyncClient, mailing: Json, clients: dict[str, str]
) -> Json:
    """Return all that statistics show of a mailing, once they have read all of it."""
    while await platform.consume(CONSUMER):
        pass
    run = (await get(api, f"/mailings/{mailing['mailing_id']}"))["runs"][0]
    found = await everything(api, run["run_id"], mailing["mailing_id"])
    async with transaction(platform.pools["dispatcher"]) as db:
        rows = await db.execute(LAST_ATTEMPTS, {"run_id": run["run_id"]})
        ended_at = {str(client_id): at for client_id, at in rows}
    names = {run["run_id"]: "the run", mailing["mailing_id"]: "the mailing", **clients}
    for each in found["messages"]:
        if each["status"] == "delivered":  # the instants are the ledger's, too
            at = datetime.fromisoformat(each["changed_at"])
            assert at == ended_at[each["client_id"]]
        message_id = ids.message_id(UUID(run["run_id"]), UUID(each["client_id"]))
        assert each["message_id"] == message_id
        names[message_id] = f"to {clients[each['client_id']]}"
    return dict(comparable(found, names))


async def send(platform: Platform, api: AsyncClient, *, packs: bool) -> list[Json]:
    """Send a mailing; return what is shown before it, in the middle and at the end."""
    page = (await platform.api.get("/clients", params={"limit": 100})).json()
    clients = {each["client_id"]: each["phone"] or each["email"] for each in page["items"]}
    platform.packs, platform.gateway = packs, Scripted()
    starts_at = await platform.now()
    mailing = await platform.create(
        name="spring",
        body="Hello",
        starts_at=starts_at.isoformat(),
        ends_at=(starts_at + HOUR).isoformat(),
    )
    await platform.settle(without=["send"])
    shown = [await seen(platform, api, mailing, clients)]
    (gone,) = (client_id for client_id, name in clients.items() if name == GONE)
    assert (await platform.api.delete(f"/clients/{gone}")).is_success
    await platform.settle()
    shown.append(await seen(platform, api, mailing, clients))
    for _ in range(3):
        await platform.pass_time(MINUTE)
        await platform.settle()
    await platform.pass_time(2 * HOUR)
    await platform.settle()
    shown.append(await seen(platform, api, mailing, clients))
    return shown


def blocks_of(platform: Platform) -> int:
    name = MessagesDelivered.type_name().encode()
    return sum(
        dict(record.headers)["ce_type"] == name for record in platform.log.topics[MESSAGES.name]
    )


async def test_packed_or_not_statistics_show_the_same(
    platform: Platform, statistics: AsyncClient, stats_pool: Pool
) -> None:
    single = await send(platform, statistics, packs=False)
    assert blocks_of(platform) == 0
    async with transaction(stats_pool) as db:
        await db.execute(text("TRUNCATE runs, mailings, totals, chunks, blocks, messages"))
    answer = await platform.api.post("/clients", json={"phone": GONE})
    assert answer.is_success, answer.text
    await platform.settle()

    packed = await send(platform, statistics, packs=True)

    assert blocks_of(platform) > 0
    assert single == packed
    assert single[-1]["run"]["by_status"] == BY_STATUS
    assert single[-1]["run"]["is_finished"]
    assert all(each["reconcile"]["reconciles"] for each in single)


@pytest.mark.parametrize(("written", "packs"), [("off", False), ("on", True)])
def test_the_setting_says_whether(
    written: str, packs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCHER_PACKED", written)

    settings = Settings(
        database_url=PostgresDsn("postgresql://nobody@127.0.0.1/none"),
        kafka_servers="127.0.0.1",
        _env_file=None,
    )

    assert settings.packed is packs
