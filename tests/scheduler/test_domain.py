"""The rules of a schedule: once, whatever happens."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from services.scheduler.domain.schedule import (
    DeclineRun,
    FireMailing,
    Plan,
    RunPostponed,
    Schedule,
    ScheduleCommand,
    ScheduleEvent,
    schedule,
)
from shared import ids
from shared.contracts.catalog import DeclinedReason, Filter, MailingContent
from shared.contracts.scheduler import MailingScheduled, MissedReason, RunMissed
from shared.event import Instant
from shared.testing import Scenario

MAILING = UUID(int=1)
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


@pytest.fixture
def plan(now: Instant) -> Plan:
    content = MailingContent(
        body="Hello {{ full_name }}",
        subject="Hi",
        filter=Filter(operator_codes=("916",), tags=("vip",)),
        starts_at=now,
        ends_at=now + HOUR,
        gateway="log",
    )
    return Plan(revision=3, content=content)


@pytest.fixture
def given() -> Scenario[ScheduleCommand, Schedule, ScheduleEvent]:
    return Scenario(schedule)


def scheduled(plan: Plan, now: Instant) -> MailingScheduled:
    return MailingScheduled(
        run_id=ids.run_id(MAILING, "once"),
        mailing_id=MAILING,
        nominal="once",
        revision=3,
        is_last=True,
        body="Hello {{ full_name }}",
        subject="Hi",
        filter=Filter(operator_codes=("916",), tags=("vip",)),
        starts_at=plan.content.starts_at,
        ends_at=plan.content.ends_at,
        gateway="log",
        scheduled_at=now,
        is_proposal=True,
    )


def missed(plan: Plan, now: Instant, reason: MissedReason = MissedReason.WINDOW_OVER) -> RunMissed:
    return RunMissed(
        run_id=ids.run_id(MAILING, "once"),
        mailing_id=MAILING,
        nominal="once",
        is_last=True,
        reason=reason,
        missed_at=now,
        ends_at=plan.content.ends_at,
    )


@pytest.mark.parametrize("late", [timedelta(), HOUR / 2, HOUR - MOMENT])
def test_inside_its_window_a_mailing_is_fired_as_it_was_planned(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent],
    plan: Plan,
    now: Instant,
    late: timedelta,
) -> None:
    told = given.when(FireMailing(mailing_id=MAILING, plan=plan, now=now + late))

    assert told == [scheduled(plan, now + late)]


@pytest.mark.parametrize("late", [HOUR, HOUR + MOMENT, 1_000 * HOUR])
def test_from_its_end_on_a_mailing_is_missed_and_the_reason_is_said(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent],
    plan: Plan,
    now: Instant,
    late: timedelta,
) -> None:
    told = given.when(FireMailing(mailing_id=MAILING, plan=plan, now=now + late))

    assert told == [missed(plan, now + late)]


@pytest.mark.parametrize("late", [timedelta(), HOUR])
@pytest.mark.parametrize("is_missed", [False, True])
def test_what_is_settled_stays_settled_even_after_a_change(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent],
    plan: Plan,
    now: Instant,
    late: timedelta,
    *,
    is_missed: bool,
) -> None:
    before = given.given(missed(plan, now) if is_missed else scheduled(plan, now))
    window = {"starts_at": now + late, "ends_at": now + 9 * HOUR}
    changed = Plan(revision=4, content=msgspec.structs.replace(plan.content, **window))

    assert before.when(FireMailing(mailing_id=MAILING, plan=changed, now=now + late)) == []


def test_the_run_of_a_mailing_is_the_same_whenever_and_however_it_starts(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent], plan: Plan, now: Instant
) -> None:
    (one,) = given.when(FireMailing(mailing_id=MAILING, plan=plan, now=now))
    (two,) = given.when(FireMailing(mailing_id=MAILING, plan=plan, now=now + 2 * HOUR))
    (other,) = given.when(FireMailing(mailing_id=UUID(int=2), plan=plan, now=now))

    assert one.run_id == two.run_id != other.run_id


def decline(plan: Plan, proposed_at: Instant, reason: DeclinedReason) -> DeclineRun:
    return DeclineRun(
        run_id=ids.run_id(MAILING, "once"),
        mailing_id=MAILING,
        nominal="once",
        reason=reason,
        starts_at=plan.content.starts_at,
        ends_at=plan.content.ends_at,
        proposed_at=proposed_at,
        now=proposed_at + MOMENT,
    )


@pytest.mark.parametrize("is_missed", [False, True])
def test_what_was_postponed_is_proposed_again_as_the_same_run(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent],
    plan: Plan,
    now: Instant,
    *,
    is_missed: bool,
) -> None:
    proposed = given.given(missed(plan, now) if is_missed else scheduled(plan, now))

    [postponed] = proposed.when(decline(plan, now, DeclinedReason.POSTPONED))

    assert isinstance(postponed, RunPostponed)
    later = FireMailing(mailing_id=MAILING, plan=plan, now=now + HOUR / 2)
    assert proposed.given(postponed).when(later) == [scheduled(plan, now + HOUR / 2)]


@pytest.mark.parametrize(
    ("declined", "reason"),
    [
        (DeclinedReason.STOPPED, MissedReason.STOPPED),
        (DeclinedReason.DELETED, MissedReason.DELETED),
        (DeclinedReason.WINDOW_OVER, MissedReason.WINDOW_OVER),
    ],
)
def test_what_can_never_run_is_missed_with_the_reason(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent],
    plan: Plan,
    now: Instant,
    declined: DeclinedReason,
    reason: MissedReason,
) -> None:
    proposed = given.given(scheduled(plan, now))

    told = proposed.when(decline(plan, now, declined))

    assert told == [missed(plan, now + MOMENT, reason)]
    fire = FireMailing(mailing_id=MAILING, plan=plan, now=now + 2 * MOMENT)
    assert proposed.given(*told).when(fire) == []


def test_a_run_that_has_begun_already_is_neither_proposed_again_nor_missed(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent], plan: Plan, now: Instant
) -> None:
    proposed = given.given(scheduled(plan, now))

    assert proposed.when(decline(plan, now, DeclinedReason.ALREADY_BEGUN)) == []


@pytest.mark.parametrize("reason", DeclinedReason)
def test_only_the_last_proposal_can_be_declined_and_only_once(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent],
    plan: Plan,
    now: Instant,
    reason: DeclinedReason,
) -> None:
    [postponed] = given.given(scheduled(plan, now)).when(
        decline(plan, now, DeclinedReason.POSTPONED)
    )
    waiting = given.given(scheduled(plan, now), postponed)
    again = waiting.given(scheduled(plan, now + HOUR / 2))

    assert given.when(decline(plan, now, reason)) == []
    assert waiting.when(decline(plan, now, reason)) == []
    assert again.when(decline(plan, now, reason)) == []
