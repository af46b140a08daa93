"""Messages of a run are due by the clocks of their clients, and are cut into few chunks."""

from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.dispatcher.domain.due import USUAL, PlatformTimes
from services.dispatcher.handlers import planning
from services.dispatcher.queries.messages import Wanted, messages
from services.dispatcher.queries.of_client import message_in_run
from services.dispatcher.queries.why import why_of
from services.dispatcher.queue import leasing, pending, timing
from services.dispatcher.queue import planning as planning_queue
from shared.contracts.dispatcher import MessagesPlanned, MessageSuppressed, State
from shared.contracts.timing import (
    AlreadyPassed,
    Clock,
    NoZone,
    Otherwise,
    QuietHours,
    TimePolicy,
)
from shared.database import autocommit, transaction
from shared.errors import Unavailable
from tests.dispatcher.proof import prove, told
from tests.dispatcher.test_handlers_resending import again, chosen
from tests.dispatcher.world import (
    CHANNELS,
    HOUR,
    LIMITS,
    NOT_PROCESSED,
    REFUSED,
    FakeGateway,
    Run,
    World,
    alive,
    claim_one,
    client,
    registered,
    work,
)

NIGHT = datetime(2026, 3, 28, 22, tzinfo=UTC)  # before clocks are set forward in Berlin
MORNING = "2026-03-29T09:00[Europe/Berlin]"  # at 07:00 UTC
LOCAL = TimePolicy(kind=Clock.RECIPIENT_LOCAL)
ZONES = ("Asia/Tokyo", "Europe/Moscow", "Europe/Berlin", "America/New_York", None)
DUE = {  # at 09:00 there; in Tokyo that is over two hours after the run has begun
    "Asia/Tokyo": datetime(2026, 3, 29, 0, tzinfo=UTC),
    "Europe/Moscow": datetime(2026, 3, 29, 6, tzinfo=UTC),
    "Europe/Berlin": datetime(2026, 3, 29, 7, tzinfo=UTC),
    "America/New_York": datetime(2026, 3, 29, 13, tzinfo=UTC),
    None: datetime(2026, 3, 29, 7, tzinfo=UTC),
}


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chunk hold three messages, and let each step of a pass take two chunks' worth."""
    monkeypatch.setattr(planning_queue, "CHUNK", 3)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 2)
    monkeypatch.setattr(timing, "STAGED", 2)
    monkeypatch.setattr(timing, "CUT", 2)


async def begin(world: World, **fields: Any) -> Run:
    fields = {"starts_at": NIGHT, "ends_at": NIGHT + 26 * HOUR, "local_time": MORNING} | fields
    run = await world.begin_run(**fields)
    await run.begin()
    return run


async def expand(world: World, usual: PlatformTimes = USUAL) -> None:
    while await planning.expand(world.pool, CHANNELS, usual):
        pass


async def know_zones(world: World, each: int = 4) -> None:
    """Let there be so many clients in each zone, all mixed."""
    numbers = range(1, each * len(ZONES) + 1)
    await world.know(
        *(registered(number, time_zone=ZONES[number % len(ZONES)]) for number in numbers)
    )


async def due_times(world: World) -> dict[UUID, datetime]:
    rows = await world.rows("SELECT unnest(client_ids), due_at FROM chunks")
    assert len(rows) == len({row[0] for row in rows})
    return {row[0]: row[1] for row in rows}


async def test_each_client_gets_it_at_the_local_time_where_it_is(world: World) -> None:
    await know_zones(world)
    await begin(world, time_policy=LOCAL)

    await expand(world)

    assert await due_times(world) == {
        client(number): DUE[ZONES[number % len(ZONES)]] for number in range(1, 21)
    }


async def test_chunks_are_filled_by_due_time_across_the_whole_audience(world: World) -> None:
    await know_zones(world, each=7)
    await begin(world, time_policy=LOCAL)

    await expand(world)

    rows = await world.rows("SELECT due_at, cardinality(client_ids) FROM chunks ORDER BY chunk")
    # Berlin and those without a zone are due together: 14; the others 7 each.
    assert [row[1] for row in rows] == [3, 3, 1, 3, 3, 1, 3, 3, 3, 3, 2, 3, 3, 1]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert len(rows) <= 35 / 3 + len(set(DUE.values()))


async def test_what_is_published_of_a_run_is_what_was_written_down(world: World) -> None:
    await know_zones(world)
    run = await begin(world, time_policy=LOCAL)

    await expand(world)

    events = [each for each in await told(world.pool) if isinstance(each, MessagesPlanned)]
    rows = await world.rows("SELECT chunk, due_at, client_ids, lane FROM chunks ORDER BY chunk")
    assert [(each.chunk, each.due_at, each.client_ids, each.lane) for each in events] == [
        (row.chunk, row.due_at, list(row.client_ids), row.lane) for row in rows
    ]
    assert await run.status() == "sending"
    assert await world.value("SELECT planned_count FROM runs") == 20
    assert await world.value("SELECT count(*) FROM staged") == 0


async def test_an_expansion_that_dies_at_any_step_goes_on_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await know_zones(world, each=5)
    await begin(world, time_policy=LOCAL)
    real, calls = planning_queue.expand_next, 0

    async def dying(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        step = await real(*args)
        if calls in {1, 3, 4, 7, 8, 12, 13, 17}:
            raise Unavailable
        return step

    monkeypatch.setattr(planning_queue, "expand_next", dying)
    for _ in range(60):
        try:
            if not await planning.expand(world.pool, CHANNELS):
                break
        except Unavailable:
            pass

    assert await due_times(world) == {
        client(number): DUE[ZONES[number % len(ZONES)]] for number in range(1, 26)
    }


# By the rules of a mailing


async def reasons(world: World) -> dict[UUID, str]:
    events = [each for each in await told(world.pool) if isinstance(each, MessageSuppressed)]
    rows = await world.rows("SELECT client_id, reason FROM exceptions WHERE state = 'suppressed'")
    found = {row.client_id: row.reason for row in rows}
    assert {each.client_id: each.reason for each in events} == found
    return found


async def planned(world: World, policy: TimePolicy | None, **fields: Any) -> list[datetime]:
    """Return when messages are due that are not suppressed, in the order of clients."""
    await begin(world, time_policy=policy, **fields)
    await expand(world)
    skipped = await reasons(world)
    times = await due_times(world)
    return [times[each] for each in sorted(times) if each not in skipped]


@pytest.mark.parametrize(
    ("passed", "due", "skipped"),
    [
        (AlreadyPassed.SEND_NOW, [NIGHT, DUE["Europe/Berlin"]], []),
        (AlreadyPassed.SKIP, [DUE["Europe/Berlin"]], [client(1)]),
        (
            AlreadyPassed.NEXT_DAY_IF_INSIDE_WINDOW,
            [datetime(2026, 3, 29, 21, tzinfo=UTC), DUE["Europe/Berlin"]],
            [],
        ),
    ],
)
async def test_where_the_local_time_has_passed_the_mailing_says_what_is_done(
    world: World, passed: AlreadyPassed, due: list[datetime], skipped: list[UUID]
) -> None:
    await world.know(registered(1, time_zone="Pacific/Kiritimati"), registered(2, time_zone=None))
    policy = TimePolicy(kind=Clock.RECIPIENT_LOCAL, already_passed=passed)
    local = "2026-03-29T11:00[Europe/Berlin]"  # there at 21:00 UTC the day before
    due = [each + 2 * HOUR if each == DUE["Europe/Berlin"] else each for each in due]

    assert await planned(world, policy, local_time=local) == due

    assert await reasons(world) == dict.fromkeys(skipped, "time_passed")


async def test_the_next_day_is_skipped_if_it_is_outside_the_window(world: World) -> None:
    await world.know_clients([1], time_zone="Pacific/Kiritimati")
    policy = TimePolicy(
        kind=Clock.RECIPIENT_LOCAL, already_passed=AlreadyPassed.NEXT_DAY_IF_INSIDE_WINDOW
    )

    assert await planned(world, policy, ends_at=NIGHT + 21 * HOUR) == []

    assert await reasons(world) == {client(1): "time_passed"}


async def test_clients_without_a_zone_are_skipped_if_the_mailing_says_so(world: World) -> None:
    await world.know(registered(1, time_zone=None), registered(2, time_zone="Europe/Moscow"))
    policy = TimePolicy(kind=Clock.RECIPIENT_LOCAL, no_zone=NoZone.SKIP)

    assert await planned(world, policy) == [DUE["Europe/Moscow"]]

    assert await reasons(world) == {client(1): "no_zone"}


async def test_a_local_time_that_does_not_exist_comes_at_the_first_moment_after(
    world: World,
) -> None:
    await world.know_clients([1], time_zone="Europe/Berlin")

    due = await planned(world, LOCAL, local_time="2026-03-29T02:30[Europe/Moscow]")

    assert due == [datetime(2026, 3, 29, 1, tzinfo=UTC)]


async def test_a_client_gets_it_at_its_next_preferred_time_inside_the_window(
    world: World,
) -> None:
    # 29 March 2026 is a Sunday.
    await world.know(
        registered(1, preferred_times="sun 18:30"),
        registered(2, preferred_times="sun 18:30, mon-sun 10:15"),
        registered(3, preferred_times="tue 09:00"),
        registered(4, time_zone=None, preferred_times="daily 12:00"),
        registered(5),
    )
    policy = TimePolicy(kind=Clock.PREFERRED_TIMES)

    assert await planned(world, policy) == [
        datetime(2026, 3, 29, 15, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 7, 15, tzinfo=UTC),
        NIGHT,
        datetime(2026, 3, 29, 10, tzinfo=UTC),  # in Berlin, the mailing's zone
        NIGHT,
    ]


async def test_who_prefers_no_time_inside_the_window_gets_it_at_the_local_time(
    world: World,
) -> None:
    await world.know(registered(1, preferred_times="tue 09:00"), registered(2))
    policy = TimePolicy(kind=Clock.PREFERRED_TIMES, otherwise=Otherwise.RECIPIENT_LOCAL)

    assert await planned(world, policy) == [DUE["Europe/Moscow"]] * 2


QUIET = QuietHours(begins="21:00", ends="08:00")


async def test_in_quiet_hours_messages_wait_for_their_end_on_the_clock_of_the_client(
    world: World,
) -> None:
    await world.know(
        registered(1, time_zone="Europe/Berlin"),  # 23:00 there
        registered(2, time_zone="Asia/Tokyo"),  # 07:00
        registered(3, time_zone="America/New_York"),  # 18:00
        registered(4, time_zone=None),  # as in Berlin
    )

    assert await planned(world, None, quiet_hours=QUIET) == [
        datetime(2026, 3, 29, 6, tzinfo=UTC),
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        NIGHT,
        datetime(2026, 3, 29, 6, tzinfo=UTC),
    ]


async def test_what_cannot_wait_for_the_end_of_quiet_hours_is_suppressed(world: World) -> None:
    await world.know(registered(1, time_zone="Europe/Berlin"), registered(2, time_zone=None))

    assert await planned(world, None, quiet_hours=QUIET, ends_at=NIGHT + 8 * HOUR) == []

    assert set((await reasons(world)).values()) == {"quiet_hours"}


@pytest.mark.parametrize(
    "fields",
    [{"message_class": "critical"}, {"quiet_hours": QuietHours(begins="00:00", ends="00:00")}],
)
async def test_a_critical_mailing_and_one_without_quiet_hours_wait_for_nothing(
    world: World, fields: dict[str, Any]
) -> None:
    await world.know_clients([1])
    await begin(world, **fields)

    await expand(world, PlatformTimes(QuietHours(begins="00:00", ends="23:59")))

    assert list((await due_times(world)).values()) == [NIGHT]


async def test_the_platforms_quiet_hours_hold_where_a_mailing_says_nothing(world: World) -> None:
    await world.know_clients([1], time_zone=None)
    run = await begin(world, local_time=None)

    await expand(world, PlatformTimes(QUIET, "Asia/Yekaterinburg"))  # 03:00 there

    assert list((await due_times(world)).values()) == [datetime(2026, 3, 29, 3, tzinfo=UTC)]
    pinned = await world.value("SELECT quiet_hours FROM runs WHERE run_id = :id", id=run.run_id)
    zone = "Asia/Yekaterinburg"
    assert pinned == {"begins": "21:00", "ends": "08:00", "zone": zone}


# What was planned so is found, sent and shown as all else


async def statuses(world: World, run: Run, status: State, limit: int = 4) -> list[int]:
    """Return whose messages have a status, page by page, as the list shows them."""
    found, cursor = [], None
    async with autocommit(world.pool) as db:
        while True:
            wanted = Wanted(run_id=run.run_id, status=status)
            items, cursor = await messages(db, wanted, cursor, limit)
            found += [each.client_id.int & 0xFFFF for each in items]
            if cursor is None:
                return sorted(found)
            cursor = urlsafe_b64decode(cursor).decode()


async def pass_to(world: World, at: datetime) -> None:
    await world.rows("UPDATE clock SET shift = :at - clock_timestamp() RETURNING 1", at=at)


async def test_each_message_is_sent_when_it_is_due_and_not_before(world: World) -> None:
    await know_zones(world)
    run = await begin(world, time_policy=LOCAL)
    await expand(world)
    gateway = FakeGateway({2: [REFUSED], 7: [REFUSED]})  # in Berlin
    sender = await alive(world, gateway)
    sent = []

    for at in sorted(set(DUE.values())):
        await pass_to(world, at - timedelta(seconds=1))
        await work(sender)
        before = len(gateway.messages)
        await pass_to(world, at)
        await work(sender)
        sent.append((before, len(gateway.messages)))

    assert sent == [(0, 4), (4, 8), (8, 16), (16, 20)]
    assert await statuses(world, run, State.FAILED) == [2, 7]
    assert await statuses(world, run, State.DELIVERED) == [
        number for number in range(1, 21) if number not in (2, 7)
    ]
    await world.end()
    await prove(world.pool)


async def test_messages_of_a_status_are_found_though_they_are_in_several_lanes(
    world: World,
) -> None:
    await know_zones(world, each=6)
    run = await begin(world, time_policy=LOCAL)
    await expand(world)
    sender = await alive(world, FakeGateway({5: [NOT_PROCESSED], 10: [NOT_PROCESSED]}))
    await pass_to(world, DUE["Asia/Tokyo"])
    await work(sender)  # those of Tokyo; two of them at the second attempt
    await pass_to(world, DUE["Asia/Tokyo"] + timedelta(minutes=2))
    await work(sender)

    tokyo = [number for number in range(1, 31) if number % len(ZONES) == 0]
    assert await statuses(world, run, State.DELIVERED) == tokyo
    others = [number for number in range(1, 31) if number not in tokyo]
    assert await statuses(world, run, State.PLANNED) == others
    await run.stop()
    await world.end()
    assert await statuses(world, run, State.CANCELLED) == others
    async with autocommit(world.pool) as db:
        shown = [await message_in_run(db, client(number), run.run_id) for number in (1, 5, 30)]
    assert [each and each.status for each in shown] == ["cancelled", "delivered", "delivered"]


async def test_who_was_not_reached_in_such_a_run_is_sent_to_again(world: World) -> None:
    await know_zones(world, each=6)
    run = await begin(world, time_policy=LOCAL, ends_at=DUE["Europe/Moscow"] + HOUR)
    await expand(world)
    await pass_to(world, DUE["Europe/Moscow"])
    await work(await alive(world, FakeGateway({1: [REFUSED]})))  # of Moscow
    await pass_to(world, DUE["Europe/Moscow"] + 2 * HOUR)
    await world.end()
    left = [1, *(number for number in range(1, 31) if number % len(ZONES) > 1 or number == 0)]

    made = await again(world, chosen(run, State.FAILED, State.EXPIRED))

    assert await statuses(world, made, State.PLANNED) == sorted(left)


async def test_a_run_whose_messages_are_not_due_says_until_when_it_waits(world: World) -> None:
    await know_zones(world)
    run = await begin(world, time_policy=LOCAL)
    await expand(world)
    await alive(world, FakeGateway())
    await pass_to(world, NIGHT)

    async with autocommit(world.pool) as db:
        why = await why_of(db, run.run_id)

    assert (why.code, why.until, why.not_due) == ("waiting_for_time", DUE["Asia/Tokyo"], 20)
    assert why.sentence == (
        "20 messages are waiting for their time, the next at 2026-03-29 00:00:00 UTC."
    )


async def test_a_retry_waits_for_the_end_of_quiet_hours(world: World) -> None:
    await world.know_clients([1], time_zone="Europe/Berlin")
    starts_at = datetime(2026, 3, 28, 19, 59, 50, tzinfo=UTC)  # 20:59:50 there
    run = await begin(world, starts_at=starts_at, quiet_hours=QUIET)
    await expand(world)
    await pass_to(world, starts_at)
    limits = replace(LIMITS, backoff_base_s=3_600, backoff_cap_s=3_600)
    sender = await alive(world, FakeGateway({1: [NOT_PROCESSED]}), limits)
    while not (rows := await world.rows("SELECT due_at FROM exceptions")):
        await work(sender)

    assert rows[0].due_at == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert await statuses(world, run, State.RETRY) == [1]


# However many wait

ROWS_READ = text("""
    SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
    FROM pg_stat_xact_user_tables WHERE relname = 'chunks'
""")
MANY = text("""
    INSERT INTO chunks (
        run_id, chunk, due_at, client_ids, state, epoch, reaped, is_touched, open_count, lane
    )
    SELECT :run_id, 3001 + n, CAST(:at AS timestamptz) + n * interval '1 minute',
        ARRAY[gen_random_uuid()], CASE WHEN n < 0 THEN 'sent' ELSE 'planned' END, 0, 0, false,
        CAST(n >= 0 AS int), 3002 + n
    FROM generate_series(-3000, 2999) AS n
""")


# Whatever autovacuum has found out in the middle of tests before this one.
FORGET_STATISTICS = text("""
    SELECT pg_clear_relation_stats('public', 'chunks'),
        pg_clear_attribute_stats('public', 'chunks', attname, false)
    FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND attnum > 0 AND NOT attisdropped
""")


@pytest.mark.parametrize("statistics", ["none", "old", "new"])
async def test_thousands_of_chunks_that_are_sent_or_not_due_cost_those_who_look_nothing(
    world: World, statistics: str
) -> None:
    run = await world.plan(1)
    now = await world.now()
    me = UUID(int=1)

    async with transaction(world.pool) as db:
        await db.execute(FORGET_STATISTICS)
        if statistics == "old":  # of a table with one chunk
            await db.execute(text("ANALYZE chunks"))
        await db.execute(MANY, {"run_id": run.run_id, "at": now + HOUR})
        if statistics == "new":
            await db.execute(text("ANALYZE chunks"))
        await leasing.register(db, me, "http", marks_starts=False)
        before = await db.scalar(ROWS_READ)
        at = {"now": now, "latest": now}
        assert (await pending.pending_work(db, now)).due == {"http"}
        assert await claim_one(db, me, "http", last=UUID(int=0), **at) is not None
        assert await claim_one(db, me, "http", last=UUID(int=0), **at) is None
        read = await db.scalar(ROWS_READ) - before
        await db.rollback()

    assert read < 50


async def test_a_run_that_was_restored_from_the_log_is_expanded_whole(world: World) -> None:
    await know_zones(world, each=6)
    run = await begin(world, time_policy=LOCAL)
    for _ in range(9):  # all are staged, and some chunks are written down and published
        await planning.expand(world.pool, CHANNELS)
    there = await due_times(world)
    assert 0 < len(there) < 30
    # What the ledger has then: the chunks that were published, and nothing of what was staged.
    await world.rows("DELETE FROM staged RETURNING 1")
    forgotten = "staged_to = NULL, staged_count = 0, is_staged = false, quiet_hours = NULL"
    await world.rows(f"UPDATE runs SET {forgotten} RETURNING 1")

    await expand(world)

    assert await due_times(world) == {
        client(number): DUE[ZONES[number % len(ZONES)]] for number in range(1, 31)
    }
    assert await world.value("SELECT planned_count FROM runs") == 30
    async with autocommit(world.pool) as db:
        shown = [await message_in_run(db, client(n), run.run_id) for n in range(1, 31)]
    assert all(shown)
