"""The rules of a schedule: once, whatever happens."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.scheduler.domain import (
    FireMailing,
    Plan,
    Schedule,
    ScheduleCommand,
    ScheduleEvent,
    schedule,
)
from shared import ids
from shared.contracts.catalog import Filter, GatewayName
from shared.contracts.scheduler import MailingScheduled, MissedReason, RunMissed
from shared.event import Instant
from shared.testing import Scenario

MAILING = UUID(int=1)
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


@pytest.fixture
def plan(now: Instant) -> Plan:
    return Plan(
        revision=3,
        body="Hello {{ full_name }}",
        subject="Hi",
        filter=Filter(operator_codes=("916",), tags=("vip",)),
        starts_at=now,
        ends_at=now + HOUR,
        gateway=GatewayName.LOG,
    )


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
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        gateway=GatewayName.LOG,
        scheduled_at=now,
    )


def missed(now: Instant) -> RunMissed:
    return RunMissed(
        run_id=ids.run_id(MAILING, "once"),
        mailing_id=MAILING,
        nominal="once",
        is_last=True,
        reason=MissedReason.WINDOW_OVER,
        missed_at=now,
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

    assert told == [missed(now + late)]


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
    before = given.given(missed(now) if is_missed else scheduled(plan, now))
    changed = replace(plan, revision=4, starts_at=now + late, ends_at=now + 9 * HOUR)

    assert before.when(FireMailing(mailing_id=MAILING, plan=changed, now=now + late)) == []


def test_the_run_of_a_mailing_is_the_same_whenever_and_however_it_starts(
    given: Scenario[ScheduleCommand, Schedule, ScheduleEvent], plan: Plan, now: Instant
) -> None:
    (one,) = given.when(FireMailing(mailing_id=MAILING, plan=plan, now=now))
    (two,) = given.when(FireMailing(mailing_id=MAILING, plan=plan, now=now + 2 * HOUR))
    (other,) = given.when(FireMailing(mailing_id=UUID(int=2), plan=plan, now=now))

    assert one.run_id == two.run_id != other.run_id
