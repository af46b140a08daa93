"""The lease of a sender: an answer that comes late makes nothing last longer."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from services.dispatcher.domain.attempt import Limits
from services.dispatcher.handlers import leasing
from services.dispatcher.handlers.leasing import SenderLease
from services.dispatcher.queue import leasing as queue
from shared import database
from shared.database import transaction
from tests.dispatcher.world import World

LATE_S = 10.0  # how long an answer takes
LIMITS = Limits(
    timeout_s=2, lease_s=60, backoff_base_s=20, backoff_cap_s=50, controls_ttl_s=LATE_S / 2
)


class Time:
    """The loop's time, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds

    def late(self, ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return the same question, whose answer comes late."""

        async def ask_and_wait(*args: Any, **more: Any) -> Any:
            answer = await ask(*args, **more)
            self.seconds += LATE_S
            return answer

        return ask_and_wait


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def lease(world: World, time: Time, monkeypatch: pytest.MonkeyPatch) -> SenderLease:
    lease = SenderLease(world.pool, LIMITS, "http", marks_starts=False)
    monkeypatch.setattr(lease, "_time", time)
    return lease


def known(lease: SenderLease) -> UUID:
    assert lease.sender_id is not None
    return lease.sender_id


async def test_a_lease_counts_from_the_question(
    lease: SenderLease, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.seconds
    monkeypatch.setattr(queue, "renew", time.late(queue.renew))

    await lease.renew([])

    time.seconds = began + LIMITS.lease_s - 0.1
    assert not lease.has_expired
    time.seconds = began + LIMITS.lease_s
    assert lease.has_expired


async def test_a_request_must_end_before_the_lease_does(lease: SenderLease, time: Time) -> None:
    await lease.renew([])

    ends = time.seconds + LIMITS.lease_s
    lease._controls_read_at = ends  # noqa: SLF001 - so that only the lease counts
    assert lease.is_valid_at(ends - LIMITS.timeout_s - 0.1)
    assert not lease.is_valid_at(ends - LIMITS.timeout_s)


async def test_controls_are_as_old_as_the_question(
    lease: SenderLease, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lease.renew([])
    assert lease.is_valid_at(time.seconds)
    monkeypatch.setattr(queue, "read_controls", time.late(queue.read_controls))

    time.seconds += LIMITS.lease_s / leasing.RENEWALS + 0.1
    await lease.renew([])

    assert not lease.is_valid_at(time.seconds), "a pause may have come right after the question"


@pytest.mark.parametrize("is_claim", [False, True], ids=["a renewal", "a claim"])
async def test_business_time_is_never_behind_for_an_answer_that_comes_late(
    world: World,
    lease: SenderLease,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_claim: bool,
) -> None:
    await lease.renew([])
    time.seconds += LIMITS.lease_s  # so that the next renewal is due
    monkeypatch.setattr(database, "now", time.late(database.now))
    monkeypatch.setattr(queue, "hold", time.late(queue.hold))

    if is_claim:
        async with transaction(world.pool) as db:
            now = await lease.hold(db, known(lease), reads_controls=False)
        read_at = now.timestamp()
    else:
        before = await world.now()
        await lease.renew([])
        read_at = before.timestamp()

    # The database may have read its clock at once: so late it may be now.
    assert time.seconds + lease.clock_offset_s > read_at + LATE_S - 0.001


@pytest.mark.parametrize("reads_controls", [False, True])
async def test_only_a_claim_that_reads_all_controls_makes_them_new(
    world: World, lease: SenderLease, time: Time, *, reads_controls: bool
) -> None:
    await lease.renew([])
    time.seconds += LIMITS.controls_ttl_s + 1
    assert not lease.is_valid_at(time.seconds)

    async with transaction(world.pool) as db:
        await lease.hold(db, known(lease), reads_controls=reads_controls)

    assert lease.is_valid_at(time.seconds) == reads_controls


async def test_a_lease_that_was_lost_while_it_was_renewed_is_not_renewed(
    lease: SenderLease, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lease.renew([])
    read_controls = queue.read_controls

    async def lose_and_read(*args: Any) -> Any:
        controls = await read_controls(*args)
        assert lease.sender_id is not None
        lease.drop(lease.sender_id)
        return controls

    monkeypatch.setattr(queue, "read_controls", lose_and_read)
    time.seconds += LIMITS.lease_s / leasing.RENEWALS + 0.1

    assert await lease.renew([]) == []
    assert lease.has_expired
    assert not lease.is_valid_at(time.seconds)
