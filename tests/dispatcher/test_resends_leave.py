"""A run and its resends are archived together, with what of each does not count by client."""

from typing import TYPE_CHECKING

import pytest

from services.dispatcher.handlers import planning
from services.dispatcher.handlers.archiving import Archived, archive
from services.dispatcher.handlers.resending import NewResend, resend
from services.dispatcher.queries import retention
from services.dispatcher.queue import planning as planning_queue
from shared import ids
from shared.contracts.dispatcher import BEST_FIRST, RunArchived, State
from shared.database import autocommit
from tests.dispatcher.proof import prove, told
from tests.dispatcher.test_handlers_resending import (
    EXPIRED,
    FAILED,
    MINUTE,
    UNDETERMINED,
    again,
    chosen,
    ended,
)
from tests.dispatcher.world import (
    CHANNELS,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    work,
)

if TYPE_CHECKING:
    from services.dispatcher.domain.outcome import Verdict


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", 2)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 3)


async def archived(world: World) -> dict[str, RunArchived]:
    found = [each for each in await told(world.pool) if isinstance(each, RunArchived)]
    return {str(each.run_id): each for each in found}


async def due(world: World, in_minutes: float) -> int:
    async with autocommit(world.pool) as db:
        before = await world.now() + in_minutes * MINUTE
        return (await retention.plan(db, None, before, 10)).due_runs


async def resent_and_resent(world: World) -> tuple[Run, Run, Run]:
    """Return a finished run, its resend of all that did not arrive, and the resend of that.

    Of the clients 2, 9 (failed), 3 (undetermined) and 11 to 20 (expired) all get it then but
    2 (failed both times, then delivered), 3 (undetermined twice) and 9 (failed all three times).
    """
    run = await ended(world)
    first = await again(world, chosen(run, FAILED, UNDETERMINED, EXPIRED))
    script: dict[int, list[Verdict | None]] = {2: [REFUSED], 3: [UNKNOWN], 9: [REFUSED]}
    broken = FakeGateway(script, is_idempotent=False, resends_unknown=False)
    await work(await alive(world, broken))
    await world.end()
    second = await again(world, chosen(first, FAILED))
    await work(await alive(world, FakeGateway({9: [REFUSED]})))
    await world.end()
    return run, first, second


async def test_they_leave_at_once_with_what_does_not_count_by_client(world: World) -> None:
    runs = await resent_and_resent(world)

    assert await archive(world.pool, await world.now() + MINUTE) == Archived(3, 20 + 13 + 2)

    await prove(world.pool)
    events = await archived(world)
    assert len({each.archived_at for each in events.values()}) == 1
    messages, best = dict.fromkeys(State, 0), dict.fromkeys(State, 0)
    for run in runs:
        event = events[str(run.run_id)]
        assert event.superseded is not None
        for state, number in event.totals.items():
            messages[state] += number
            best[state] += number - event.superseded.get(state, 0)
    assert sum(messages.values()) == 20 + 13 + 2
    expected = {State.DELIVERED: 7 + 10 + 1, UNDETERMINED: 1, FAILED: 1}
    assert {state: number for state, number in best.items() if number} == expected
    only_first = events[str(runs[0].run_id)].superseded or {}
    assert only_first[EXPIRED] == 10


async def test_a_run_stays_until_the_last_of_its_resends_has_had_its_time(world: World) -> None:
    run = await ended(world)
    new = NewResend(chosen(run, FAILED), ids.new_id(), None, await world.now() + MINUTE)
    await resend(world.pool, new)
    assert (await due(world, 1), (await archive(world.pool, await world.now())).runs) == (0, 0)

    await world.pass_time(2 * MINUTE)
    await world.end()
    before = await world.now() - MINUTE

    assert (await archive(world.pool, before)).runs == 0
    assert await due(world, 1) == 0  # it is not written down yet
    while await planning.expand(world.pool, CHANNELS):
        pass
    await world.end()
    assert await due(world, 1) == 2
    assert (await archive(world.pool, await world.now() + MINUTE)).runs == 2


async def test_a_resend_of_which_something_is_held_keeps_the_run(world: World) -> None:
    _, first, _ = await resent_and_resent(world)
    lease = "UPDATE chunks SET sender_id = :holder WHERE run_id = :run_id RETURNING 1"
    await world.rows(lease, holder=ids.new_id(), run_id=first.run_id)

    assert (await archive(world.pool, await world.now() + MINUTE)).runs == 0
    await world.rows(lease, holder=None, run_id=first.run_id)
    assert (await archive(world.pool, await world.now() + MINUTE)).runs == 3


async def test_a_run_that_was_not_resent_says_nothing_of_it(world: World) -> None:
    run = await ended(world)

    await archive(world.pool, await world.now() + MINUTE)

    assert (await archived(world))[str(run.run_id)].superseded is None


async def test_a_resend_whose_run_was_archived_before_leaves_by_itself(world: World) -> None:
    run, first, second = await resent_and_resent(world)
    link = "UPDATE runs SET resent_from = :run_id WHERE run_id = :first RETURNING 1"
    await world.rows(link, run_id=None, first=first.run_id)
    await archive(world.pool, await world.now() + MINUTE, limit=1)
    assert (await run.status(), await first.status()) == ("archived", "finished")
    await world.rows(link, run_id=run.run_id, first=first.run_id)

    assert (await archive(world.pool, await world.now() + MINUTE)).runs == 2
    assert (await archived(world)).keys() == {str(each.run_id) for each in (run, first, second)}


def test_every_state_has_its_place() -> None:
    assert sorted(BEST_FIRST) == sorted(State)
