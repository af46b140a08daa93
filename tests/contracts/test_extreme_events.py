"""No value that an event may have stops a consumer, a loop or a list.

Each kind of event is applied with each extreme of each of its fields, through every consumer of
every service, on a real database. What could not be applied is a dead letter; what comes with it
is applied, and all lists answer.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition
from fastapi import APIRouter
from httpx import ASGITransport, AsyncClient
from msgspec import to_builtins
from msgspec.inspect import type_info
from msgspec.structs import replace
from sqlalchemy import text

from services.catalog import routes as catalog_routes
from services.catalog import subscriptions as catalog_subscriptions
from services.catalog.projections import project as project_catalog
from services.dispatcher import routes as dispatcher_routes
from services.dispatcher import subscriptions as dispatcher_subscriptions
from services.dispatcher.handlers import ending, planning
from services.dispatcher.handlers.archiving import Retention
from services.dispatcher.subscriptions import CONSUMER, CONTROLS
from services.scheduler import routes as scheduler_routes
from services.scheduler import subscriptions as scheduler_subscriptions
from services.scheduler.handlers import fire_due
from services.scheduler.projections import project as project_scheduler
from services.stats import routes as stats_routes
from services.stats import subscriptions as stats_subscriptions
from services.stats.queries import figures
from shared import database, http
from shared.contracts.catalog import ClientRegistered, MailingCreated, RunBegun
from shared.contracts.dispatcher import MessageDelivered, MessagesPlanned
from shared.contracts.schedule import Cron, Daily, Once, Schedule
from shared.contracts.scheduler import MailingScheduled
from shared.database import Pool, transaction
from shared.database_errors import Unstorable
from shared.errors import StaleVersion
from shared.event import Event
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore
from shared.kafka import Handlers
from shared.kafka.applying import Applier
from shared.kafka.handlers import topics_of
from shared.kafka.positions import PartitionProgress, hold_positions
from tests.contracts.extremes import events, is_event, new_id, plain, record
from tests.dispatcher.world import CHANNELS, FakeGateway, World, alive, work

HOUR = timedelta(hours=1)
KINDS = (MailingCreated,)
ONE_BY_ONE, PAGES = 200, 40
LISTS = re.compile("(/public)?/v1/(?!live$)")  # the live figures are a stream
# Mailings that recur as nobody would have it: in all years that there are, and never.
ALL_YEARS = {"starts_at": "0001-01-01T00:00:00Z", "ends_at": "9999-12-31T23:59:59Z"}
SCHEDULES: list[tuple[Any, dict[str, str]]] = [
    (Daily(at="00:00", zone="Pacific/Kiritimati"), ALL_YEARS),
    (Daily(at="23:59", zone="Pacific/Pago_Pago"), ALL_YEARS),
    (Cron(expression="0 0 30 2 *", zone="UTC"), ALL_YEARS),
    (Cron(expression="0 0 30 2 *", zone="UTC"), {}),
    (Once(at="9999-12-31T23:59", zone="Pacific/Pago_Pago"), ALL_YEARS),
    (Once(at="0001-01-01T00:00", zone="Pacific/Kiritimati"), ALL_YEARS),
]


async def apply(pool: Pool, consumer: str, handlers: Handlers, good: Sequence[Any]) -> None:
    """Apply all extremes that `handlers` are about, and what is good between them."""
    applier = Applier(pool, consumer, handlers)
    for topic in topics_of(handlers):
        kinds = [kind for kind in handlers if kind.topic is topic]
        wanted = [(kind, values) for kind, values in events(kinds) if is_event(kind, values)]
        mine = [(type(each), json.loads(each.json())) for each in good if each.topic is topic]
        partition = TopicPartition(topic.name, 0)
        records = [
            record(kind, values, offset, partition)
            for offset, (kind, values) in enumerate([*wanted, *mine])
        ]
        assert wanted
        async with transaction(pool) as db:
            await hold_positions(db, consumer, [partition])
        progress = PartitionProgress(partition, 0, len(records), None)
        await applier.apply({partition: records}, [progress])


async def lists_answer(
    pool: Pool, name: str, routers: Sequence[APIRouter], store: PostgresEventStore | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Read every list, and much that is in it one by one; return what they show."""
    app = http.create_app(name, routers, pool, database.business_clock(pool), store)
    app.state.senders = []
    app.state.retention = Retention(pool, None)
    transport = ASGITransport(app, raise_app_exceptions=False)
    shown: dict[str, list[dict[str, Any]]] = {}
    async with AsyncClient(transport=transport, base_url=f"http://{name}") as client:
        described = app.openapi()["paths"]
        paths = [path for path in described if LISTS.match(path) and "get" in described[path]]
        for path in paths:
            if "{" not in path:
                shown[path] = await whole_list(client, path)
        for path in paths:
            whole, _, last = path.rpartition("/")
            if last.startswith("{") and whole in shown:
                for each in shown[whole][:ONE_BY_ONE]:
                    answer = await client.get(f"{whole}/{each[last.strip('{}')]}")
                    assert answer.status_code == 200, (path, each, answer.text)
    return shown


async def whole_list(client: AsyncClient, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    largest = {"limit": "100" if path.startswith("/public") else "1000"}
    for _ in range(PAGES):
        answer = await client.get(path, params=largest | cursor)
        if answer.status_code == 422:  # no list
            answer = await client.get(path)
        assert answer.status_code in {200, 204, 422}, (path, answer.text)
        is_page = answer.headers.get("content-type") == "application/json"  # else a file
        page = answer.json() if answer.status_code == 200 and is_page else {}
        items += page.get("items", [])
        if not page.get("next_cursor"):
            break
        cursor = {"cursor": page["next_cursor"]}
    return items


def good(kind: type[Event], **fields: Any) -> Any:
    """Return an event as it should be."""
    values = plain(type_info(kind)) | {
        name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()
    }
    return kind.read(json.dumps(values, default=lambda at: at.isoformat()).encode())


async def rows(pool: Pool, statement: str, **values: Any) -> list[Any]:
    async with transaction(pool) as db:
        return list(await db.execute(text(statement), values))


async def test_the_scheduler_fires_and_shows_all_others(scheduler_pool: Pool) -> None:
    store = PostgresEventStore("scheduler", scheduler_pool, project_scheduler)
    (now,) = (await rows(scheduler_pool, "SELECT clock_timestamp()"))[0]
    once = {"schedule": None, "time_policy": None}
    mailing = good(MailingCreated, starts_at=now, ends_at=now + HOUR, **once)

    await apply(
        scheduler_pool, "scheduler", scheduler_subscriptions.subscriptions(store), [mailing]
    )
    while await fire_due(store):
        pass

    shown = await lists_answer(scheduler_pool, "scheduler", scheduler_routes.routers, store)
    fired = {each["mailing_id"]: each for each in shown["/v1/runs"]}
    assert fired[str(mailing.mailing_id)]["fired_at"] is not None
    assert len(shown["/v1/schedules"]) > 50


async def test_the_dispatcher_sends_and_shows_all_others(dispatcher_pool: Pool) -> None:
    pool, world = dispatcher_pool, World(dispatcher_pool)
    now = await world.now()
    run_id, mailing_id = UUID(new_id()), UUID(new_id())
    run = {"run_id": run_id, "mailing_id": mailing_id, "starts_at": now, "ends_at": now + HOUR}
    nobody_else = {"operator_codes": ["999"], "tags": []}
    begun = good(RunBegun, **run, body="Hello", filter=nobody_else, gateway="http", begun_at=now)
    own = {"phone": "79990000000", "phone_hashes": (), "email_hashes": ()}
    client = good(ClientRegistered, operator_code="999", **own)

    await apply(pool, CONSUMER, dispatcher_subscriptions.subscriptions(), [client])
    await apply(pool, CONTROLS, dispatcher_subscriptions.controls(), [begun])
    await rows(pool, "UPDATE runs SET state = 'expanding' RETURNING 1")
    while await planning.expand(pool, CHANNELS):
        pass
    gateway = FakeGateway()
    await work(await alive(world, gateway))
    await world.pass_time(2 * HOUR)
    await world.end()
    while await ending.finish(pool):
        pass

    shown = await lists_answer(pool, "dispatcher", dispatcher_routes.routers)
    states = {each["run_id"]: each["state"] for each in shown["/v1/runs"]}
    assert states[str(run_id)] == "finished"
    assert len(states) > 50
    (sent,) = [each for each in gateway.messages if each.phone == "79990000000"]
    assert sent.text == "Hello"


async def test_the_catalog_shows_all_others(catalog_pool: Pool) -> None:
    store = PostgresEventStore("catalog", catalog_pool, project_catalog)
    clock = database.business_clock(catalog_pool)
    now = await clock()
    once = {"schedule": None, "time_policy": None}
    mailing = good(MailingCreated, starts_at=now, ends_at=now + HOUR, **once)
    extreme = [
        kind.read(json.dumps(values)) for kind, values in events(KINDS) if is_event(kind, values)
    ]
    for event in (mailing, *extreme):
        assert isinstance(event, MailingCreated)
        with suppress(Unstorable, StaleVersion):  # no earlier release stored it, either
            await store.append_many([Append(f"mailing-{event.mailing_id}", [event], 0)], now=now)
    proposal = good(MailingScheduled, mailing_id=mailing.mailing_id, is_proposal=True)
    proposal = replace(proposal, starts_at=mailing.starts_at, scheduled_at=now)

    handlers = catalog_subscriptions.subscriptions(store, clock)
    await apply(catalog_pool, "catalog", handlers, [proposal])

    shown = await lists_answer(catalog_pool, "catalog", catalog_routes.routers, store)
    states = {each["mailing_id"]: each["status"] for each in shown["/v1/mailings"]}
    assert states[str(mailing.mailing_id)] == "running"
    assert len(states) > 50


async def test_statistics_count_and_show_all_others(stats_pool: Pool) -> None:
    run_id, client_id = UUID(new_id()), UUID(new_id())
    planned = good(MessagesPlanned, run_id=run_id, chunk=0, client_ids=[str(client_id)])
    delivered = good(
        MessageDelivered, run_id=run_id, client_id=client_id, state="delivered", attempts=1
    )

    recurring = [
        good(MailingCreated, schedule=to_builtins(Schedule(entries=(each,))), **window)
        for each, window in SCHEDULES
    ]

    handlers = stats_subscriptions.subscriptions()
    await apply(stats_pool, "stats", handlers, [planned, delivered, *recurring])

    shown = await lists_answer(stats_pool, "stats", stats_routes.routers)
    assert len(shown["/v1/messages"]) > 50
    public = {each["mailing_id"]: each for each in shown["/public/v1/mailings"]}
    found = [public[str(each.mailing_id)] for each in recurring]
    assert [each["is_recurring"] for each in found] == [True] * len(SCHEDULES)
    assert len(public) > 50
    async with transaction(stats_pool) as db:
        run = await figures.run(db, run_id)
    assert (run.planned, run.by_status.delivered) == (1, 1)
