"""The proof of recipient-local times in short, and that it sees a difference."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.dispatcher.domain import due
from services.dispatcher.handlers import planning
from services.dispatcher.queue import planning as planning_queue
from shared.contracts.timing import Clock, TimePolicy
from shared.schedule import resolve
from tests.dispatcher.world import CHANNELS, FakeGateway, World, alive, registered, work
from tests.proof.recipient_local import (
    HOUR,
    WALL,
    Plan,
    chosen_zones,
    differences,
    expected,
    place_names,
)

PLAN = Plan(seed=7, clients=600, zones=25)
SIZE = 20  # of a chunk
SECOND = timedelta(seconds=1)


async def send(world: World) -> tuple[dict[UUID, str], dict[UUID, list[datetime]]]:
    """Send a run to clients of many zones; return their zones, and when each got it."""
    zones = chosen_zones(PLAN, place_names())
    clients = [registered(n, time_zone=zones[n % len(zones)]) for n in range(PLAN.clients)]
    await world.know(*clients)
    starts_at = min(expected(zone, WALL) for zone in zones) - HOUR
    run = await world.begin_run(
        starts_at=starts_at,
        ends_at=starts_at + 40 * HOUR,
        time_policy=TimePolicy(kind=Clock.RECIPIENT_LOCAL),
        local_time=f"{WALL:%Y-%m-%dT%H:%M}[UTC]",
    )
    await run.begin()
    while await planning.expand(world.pool, CHANNELS):
        pass
    query = "SELECT DISTINCT due_at FROM chunks ORDER BY due_at"
    for (due_at,) in await world.rows(query):
        for at in (due_at - SECOND, due_at):
            await world.rows("UPDATE clock SET shift = :at - clock_timestamp() RETURNING 1", at=at)
            await work(await alive(world, FakeGateway()))
    sent: dict[UUID, list[datetime]] = {}
    for row in await world.rows("SELECT client_id, started_at FROM all_attempts"):
        sent.setdefault(row.client_id, []).append(row.started_at)
    return {each.client_id: str(each.time_zone) for each in clients}, sent


async def test_each_message_goes_in_its_own_minute_around_a_change_of_clocks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", SIZE)

    zones, sent = await send(world)

    assert differences(zones, sent, WALL) == []
    chunks = await world.value("SELECT count(*) FROM chunks")
    due_minutes = {expected(zone, WALL) for zone in set(zones.values())}
    assert len(due_minutes) > 15
    assert chunks <= PLAN.clients / SIZE + len(due_minutes)


async def test_a_time_that_is_wrong_in_a_gap_is_a_difference(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = resolve

    def wrong(wall: datetime, zone: object) -> object:
        found = real(wall, zone)  # type: ignore[arg-type]
        late = found.at + timedelta(minutes=30)
        return type(found)(wall, found.zone, late if found.remark else found.at, None)

    monkeypatch.setattr(due, "resolve", wrong)

    zones, sent = await send(world)

    assert {line.split()[2] for line in differences(zones, sent, WALL)} >= {"Europe/Berlin:"}
