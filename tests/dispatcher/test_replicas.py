"""Every process tells what it sees of the gateways, and whoever is asked shows all of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest
from httpx import ASGITransport, AsyncClient

from services.dispatcher.domain.outcome import Verdict
from services.dispatcher.handlers.replicas import Replica
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.routes import routers
from services.dispatcher.workers import REPORT_INTERVAL, report_gateways
from shared import database
from shared.http import create_app
from tests.dispatcher.described import HTTP, describe, store_of
from tests.dispatcher.world import (
    ACCEPTED,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    World,
    alive,
    work,
)
from tests.restoring import eventually_is

PHONE = "79161234567"


class Used:
    """The senders of one process."""

    def __init__(self, **senders: Sender) -> None:
        self.senders = senders

    def current(self) -> dict[str, Sender]:
        return self.senders


@pytest.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    await describe(world.pool, "http", HTTP, now=await world.now())
    clock = database.business_clock(world.pool)
    app = create_app("dispatcher", routers, world.pool, clock, store_of(world.pool))
    app.state.senders = Used()
    async with AsyncClient(transport=ASGITransport(app), base_url="http://dispatcher/v1") as found:
        yield found


def replica(world: World, host: str, *senders: Sender) -> Replica:
    used = Used(**{each.gateway.name: each for each in senders})
    return Replica(world.pool, used, host)


async def read_gateway(http: AsyncClient) -> dict[str, Any]:
    answer = await http.get("/gateways/http")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(http: AsyncClient) -> dict[str, Any]:
    """Return the gateway, which the list shows as well: while nothing reports."""
    found = await read_gateway(http)
    [listed] = (await http.get("/gateways")).json()["items"]
    assert listed == found
    return found


async def answered(world: World, *verdicts: Verdict | None) -> Sender:
    """Return a sender to which the gateway has answered so."""
    await world.plan(len(verdicts))
    script = {number: [verdict] for number, verdict in enumerate(verdicts, 1)}
    sender = await alive(world, FakeGateway(script, connections=10))
    await work(sender)
    return sender


async def test_what_replicas_see_is_shown_of_each_and_together(
    world: World, http: AsyncClient
) -> None:
    verdicts = ACCEPTED, REFUSED, NOT_PROCESSED, UNKNOWN, None
    first = await answered(world, *verdicts)
    await replica(world, "one", first).report()
    await replica(world, "two", await alive(world, FakeGateway(connections=10))).report()

    found = await shown(http)

    one, two = found["replicas"]
    outcomes = {"accepted": 1, "refused": 1, "not_processed": 1, "unknown": 1}
    assert (one["replica"], one["in_flight"], one["free"]) == ("one", 1, 9)
    assert one["answers"] == found["together"]["answers"] == outcomes
    assert (two["replica"], two["in_flight"], two["free"]) == ("two", 0, 10)
    assert two["answers"] == dict.fromkeys(outcomes, 0)
    assert (two["p50_s"], two["last_failure"]) == (None, None)
    assert (found["together"]["in_flight"], found["together"]["free"]) == (1, 19)
    assert 0 < found["together"]["p50_s"] <= found["together"]["p95_s"] < 10
    assert found["together"]["last_failure"]["reason"] in ("timeout", "status_500")
    assert not one["is_stale"]


async def test_a_report_takes_the_place_of_the_one_before(world: World, http: AsyncClient) -> None:
    sender = await answered(world, None)
    reporting = replica(world, "one", sender)
    await reporting.report()
    cast("FakeGateway", sender.gateway).answer(1, ACCEPTED)
    await work(sender)
    await reporting.report()

    [one] = (await shown(http))["replicas"]
    assert (one["in_flight"], one["answers"]["accepted"]) == (0, 1)


async def test_who_reports_no_more_is_stale_counts_for_nothing_and_is_forgotten(
    world: World, http: AsyncClient
) -> None:
    sender = await answered(world, None)
    await replica(world, "killed", sender).report()
    await world.pass_time(3 * REPORT_INTERVAL + timedelta(seconds=1))
    await replica(world, "lives", sender).report()
    stale = await shown(http)
    await world.pass_time(timedelta(minutes=10))
    await replica(world, "came", sender).report()
    later = await shown(http)

    assert [(each["replica"], each["is_stale"]) for each in stale["replicas"]] == [
        ("killed", True),
        ("lives", False),
    ]
    assert stale["together"]["in_flight"] == 1
    assert [each["replica"] for each in later["replicas"]] == ["came"]


async def test_who_ends_or_loses_a_gateway_reports_nothing_of_it(
    world: World, http: AsyncClient
) -> None:
    sender = await answered(world, ACCEPTED)
    used = Used(http=sender)
    ends, loses = replica(world, "ends", sender), Replica(world.pool, used, "loses")
    await ends.report()
    await loses.report()
    await ends.leave()
    used.senders.clear()  # as if the gateway were deleted
    await loses.report()

    assert (await shown(http))["replicas"] == []


async def test_a_process_that_sends_through_nothing_reports_nothing(
    world: World, http: AsyncClient
) -> None:
    await replica(world, "idle").report()

    found = await shown(http)
    assert (found["replicas"], found["together"]["free"]) == ([], 0)


async def test_a_worker_reports_until_it_ends(world: World, http: AsyncClient) -> None:
    working = asyncio.create_task(
        report_gateways(replica(world, "one", await answered(world, ACCEPTED)))
    )

    async def reporting() -> int:
        return len((await read_gateway(http))["replicas"])

    await eventually_is(reporting, 1)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    assert (await shown(http))["replicas"] == []


async def test_reports_say_nothing_of_persons(world: World, http: AsyncClient) -> None:
    refused = Verdict(UNKNOWN.outcome, "timeout", answer=f"no answer for {PHONE}")
    await replica(world, "one", await answered(world, refused)).report()

    assert (await shown(http))["together"]["last_failure"]["reason"] == "timeout"
    assert PHONE not in str(await world.rows("SELECT * FROM gateway_replicas"))
