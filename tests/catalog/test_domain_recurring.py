"""The rules of a recurring mailing: which occurrences become runs, and when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.catalog.domain.mailing import MailingRunsOnce, MailingWindowOver, mailing
from services.catalog.domain.mailing_commands import (
    BeginRun,
    ChangeMailing,
    CreateMailing,
    FinishRun,
    MissRun,
    PauseMailing,
    StartMailing,
    StopMailing,
)
from services.catalog.domain.mailing_state import (
    MailingFinished,
    OccurrencePassed,
    RunEnded,
    RunQueued,
)
from services.catalog.domain.plan import MailingAlreadyRunning, MailingInvalid, Plan
from services.catalog.domain.recurring import QUEUE_LIMIT, RunIsGoingOn
from shared import ids
from shared.contracts.catalog import (
    DeclinedReason,
    Filter,
    MailingChanged,
    MailingCreated,
    RunBegun,
    RunDeclined,
)
from shared.contracts.schedule import Daily, Overlap, Schedule
from shared.event import Instant
from shared.schedule import occurrence_of
from shared.testing import Scenario

ID = UUID(int=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 3, 1, 5, tzinfo=UTC)  # 08:00 in Moscow
FIRST = NOW + HOUR  # 09:00 there
DAILY = Schedule(entries=(Daily(at="09:00", zone="Europe/Moscow"),), window_s=3 * 3600)
PLAN = Plan(
    name="daily",
    body="Good morning",
    subject=None,
    filter=Filter(),
    starts_at=NOW,
    ends_at=NOW + 3 * DAY,  # three occurrences
    gateway="http",
    schedule=DAILY,
)

Story = Scenario[Any, Any, Any]


def scheduled(**changes: Any) -> Plan:
    return replace(PLAN, schedule=msgspec.structs.replace(DAILY, **changes))


def created(plan: Plan = PLAN) -> Story:
    return Scenario(mailing).given(MailingCreated(mailing_id=ID, created_at=NOW, **plan.as_dict()))


def propose(day: int, *, late: timedelta = timedelta()) -> BeginRun:
    """Propose the occurrence of a day, from 0."""
    at = FIRST + day * DAY
    nominal = f"{at + 3 * HOUR:%Y-%m-%dT%H:%M}[Europe/Moscow]"
    return BeginRun(
        mailing_id=ID,
        run_id=ids.run_id(ID, nominal),
        nominal=nominal,
        is_last=False,
        starts_at=at,
        proposed_at=at + late,
        now=at + late,
    )


def miss(day: int) -> MissRun:
    one = propose(day)
    return MissRun(
        mailing_id=ID,
        run_id=one.run_id,
        nominal=one.nominal,
        ends_at=one.starts_at + HOUR,
        reason="superseded",
        proposed_at=one.proposed_at,
        now=one.now,
        starts_at=one.starts_at,
    )


def finish(run_id: UUID, at: Instant) -> FinishRun:
    return FinishRun(mailing_id=ID, is_last=False, now=at, run_id=run_id)


def after(story: Story, *commands: Any) -> Story:
    for command in commands:
        story = story.given(*story.when(command))
    return story


def kinds(events: Any) -> list[type]:
    return [type(each) for each in events]


def test_each_occurrence_is_a_run_of_its_own_with_a_window_of_its_own() -> None:
    story = created()
    [first] = story.when(propose(0))
    story = after(story, propose(0), finish(first.run_id, FIRST + HOUR))
    [second] = story.when(propose(1, late=timedelta(seconds=2)))

    assert isinstance(first, RunBegun)
    assert (first.starts_at, first.ends_at) == (FIRST, FIRST + 3 * HOUR)
    assert (second.starts_at, second.ends_at) == (FIRST + DAY, FIRST + DAY + 3 * HOUR)
    assert first.run_id == ids.run_id(ID, "2026-03-01T09:00[Europe/Moscow]")
    assert first.run_id != second.run_id
    assert not first.is_by_hand


def test_no_window_of_a_run_is_longer_than_the_mailing() -> None:
    story = created(replace(PLAN, ends_at=FIRST + HOUR))

    [begun] = story.when(propose(0))

    assert begun.ends_at == FIRST + HOUR


def test_an_occurrence_is_decided_once_however_often_it_is_proposed() -> None:
    story = after(created(), propose(0), finish(propose(0).run_id, FIRST + HOUR))

    assert story.when(propose(0)) == []
    assert story.when(replace(propose(0), proposed_at=FIRST + 2 * HOUR)) == []
    assert after(created(), miss(1)).when(propose(0)) == []  # a later one was decided


def test_what_was_declined_for_a_run_before_it_is_not_begun_after_that_one() -> None:
    story = after(created(), propose(0), propose(1), finish(propose(0).run_id, FIRST + DAY))

    assert story.when(propose(1)) == []


def test_a_run_begins_with_what_the_mailing_says_then() -> None:
    story = after(created(), propose(0))
    edited = ChangeMailing(mailing_id=ID, changes={"body": "Good evening"}, now=FIRST)
    story = after(story, edited, finish(propose(0).run_id, FIRST + HOUR))

    [second] = story.when(propose(1))

    assert (second.body, second.revision) == ("Good evening", 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"filter": Filter(tags=("vip",))},
        {"gateway": "log"},
        {"ends_at": NOW + 9 * DAY},
        {"ends_at": NOW + 2 * DAY},
        {"schedule": {"window_s": 60}},
        {"schedule": {"entries": [{"kind": "daily", "at": "10:00", "zone": "Europe/Kyiv"}]}},
    ],
)
def test_all_of_it_can_change_while_a_run_is_going_on(changes: dict[str, Any]) -> None:
    story = after(created(), propose(0))

    [changed] = story.when(ChangeMailing(mailing_id=ID, changes=changes, now=FIRST))

    assert isinstance(changed, MailingChanged)


def test_a_mailing_that_has_run_by_its_schedule_keeps_one() -> None:
    story = after(created(), propose(0))

    with pytest.raises(MailingAlreadyRunning):
        story.when(ChangeMailing(mailing_id=ID, changes={"schedule": None}, now=FIRST))


def test_a_schedule_is_changed_in_parts() -> None:
    changes = {"schedule": {"overlap": "queue", "count": None}}
    [changed] = created(scheduled(count=2)).when(
        ChangeMailing(mailing_id=ID, changes=changes, now=NOW)
    )

    assert changed.schedule == msgspec.structs.replace(DAILY, overlap=Overlap.QUEUE)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"schedule": {"entries": None}}, "/schedule/entries"),
        (
            {"schedule": {"entries": [{"kind": "daily", "at": "09:00", "zone": "Mars"}]}},
            "/schedule/entries/0/zone",
        ),
        ({"ends_at": NOW + HOUR / 2}, "/schedule"),
        ({"schedule": {"except_dates": ["2026-03-01", "2026-03-02", "2026-03-03"]}}, "/schedule"),
    ],
)
def test_a_schedule_that_could_never_be_due_is_refused(
    changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(MailingInvalid) as caught:
        created().when(ChangeMailing(mailing_id=ID, changes=changes, now=NOW))

    assert [each.pointer for each in caught.value.field_errors] == [place]


def test_zones_have_the_names_of_today() -> None:
    old = Schedule(entries=(Daily(at="09:00", zone="Europe/Kiev"),))
    create = CreateMailing(mailing_id=ID, plan=replace(PLAN, schedule=old), now=NOW)
    [made] = Scenario(mailing).when(create)

    assert made.schedule.entries[0].zone == "Europe/Kyiv"
    assert Scenario(mailing).given(made).when(create) == []


# Overlap


def test_an_occurrence_is_declined_while_the_run_before_it_is_going_on() -> None:
    [declined] = after(created(), propose(0)).when(propose(1))

    assert isinstance(declined, RunDeclined)
    assert declined.reason is DeclinedReason.OVERLAP
    assert (declined.starts_at, declined.ends_at) == (FIRST + DAY, FIRST + DAY + 3 * HOUR)


def test_runs_may_be_let_overlap() -> None:
    story = after(created(scheduled(overlap=Overlap.ALLOW)), propose(0))

    assert kinds(story.when(propose(1))) == [RunBegun]


def test_a_run_that_waits_begins_when_the_one_before_it_has_ended() -> None:
    story = after(created(scheduled(overlap=Overlap.QUEUE)), propose(0))
    queued = story.when(propose(1))
    story = story.given(*queued)
    ended, begun = story.when(finish(propose(0).run_id, FIRST + DAY + HOUR))

    assert kinds(queued) == [RunQueued]
    assert story.when(propose(1)) == []
    assert isinstance(ended, RunEnded)
    assert (begun.run_id, begun.ends_at) == (propose(1).run_id, FIRST + DAY + 3 * HOUR)
    assert begun.begun_at == FIRST + DAY + HOUR


def test_a_run_that_has_waited_beyond_its_window_is_declined_and_the_next_one_begins() -> None:
    story = after(created(scheduled(overlap=Overlap.QUEUE)), *map(propose, range(3)))

    _, declined, begun = story.when(finish(propose(0).run_id, FIRST + 2 * DAY + HOUR))

    assert (declined.run_id, declined.reason) == (propose(1).run_id, DeclinedReason.WINDOW_OVER)
    assert begun.run_id == propose(2).run_id


def test_not_more_runs_wait_than_a_limit() -> None:
    plan = replace(scheduled(overlap=Overlap.QUEUE), ends_at=NOW + 999 * DAY)
    story = after(created(plan), *map(propose, range(QUEUE_LIMIT + 1)))

    [declined] = story.when(propose(QUEUE_LIMIT + 1))

    assert declined.reason is DeclinedReason.OVERLAP


# Edits in the moment of firing


def test_an_occurrence_that_the_schedule_has_no_more_is_declined_and_not_decided() -> None:
    later = {"schedule": {"entries": [{"kind": "daily", "at": "10:00", "zone": "Europe/Moscow"}]}}
    story = after(created(), ChangeMailing(mailing_id=ID, changes=later, now=NOW))
    [declined] = story.when(propose(0))
    back = {"schedule": {"entries": [{"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"}]}}
    story = after(story.given(declined), ChangeMailing(mailing_id=ID, changes=back, now=NOW))

    assert declined.reason is DeclinedReason.POSTPONED
    assert kinds(story.when(propose(0))) == [RunBegun]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"starts_at": FIRST + HOUR}, DeclinedReason.POSTPONED),
        ({"schedule": {"except_dates": ["2026-03-01"]}}, DeclinedReason.POSTPONED),
        ({"schedule": {"window_s": 1}}, DeclinedReason.WINDOW_OVER),
    ],
)
def test_an_edit_before_the_proposal_is_read_holds(
    changes: dict[str, Any], reason: DeclinedReason
) -> None:
    story = after(created(), ChangeMailing(mailing_id=ID, changes=changes, now=NOW))

    [declined] = story.when(propose(0, late=timedelta(seconds=5)))

    assert declined.reason is reason


ONCE_RUN = BeginRun(
    mailing_id=ID,
    run_id=ids.run_id(ID, "once"),
    nominal="once",
    is_last=True,
    starts_at=NOW,
    proposed_at=NOW,
    now=NOW,
)


def test_the_only_run_of_a_mailing_that_recurs_by_now_does_not_begin() -> None:
    [declined] = created().when(ONCE_RUN)

    assert declined.reason is DeclinedReason.POSTPONED


def test_an_occurrence_of_a_mailing_that_runs_once_by_now_neither_begins_nor_ends_it() -> None:
    once = created(replace(PLAN, schedule=None, starts_at=FIRST, ends_at=FIRST + HOUR))
    [declined] = once.when(propose(0))

    assert declined.reason is DeclinedReason.POSTPONED
    assert once.when(miss(0)) == []


def test_other_rules_of_a_zone_move_no_occurrence_to_another_name() -> None:
    moved = replace(propose(0), starts_at=FIRST - HOUR)  # another release of the zones says so

    [begun] = created().when(moved)

    assert begun.starts_at == FIRST - HOUR


def test_a_stopped_mailing_begins_nothing() -> None:
    story = after(created(), StopMailing(mailing_id=ID, now=NOW))

    [declined] = story.when(propose(0))

    assert declined.reason is DeclinedReason.STOPPED


# By hand


def test_a_run_by_hand_is_one_more_and_begins_now() -> None:
    story = created()
    [begun] = story.when(StartMailing(mailing_id=ID, now=NOW))
    story = story.given(begun, RunEnded(mailing_id=ID, run_id=begun.run_id, ended_at=NOW))

    assert (begun.starts_at, begun.ends_at) == (NOW, NOW + 3 * HOUR)
    assert begun.is_by_hand
    assert kinds(story.when(propose(0))) == [RunBegun]


def test_a_run_by_hand_takes_no_occurrence_away() -> None:
    story = created(scheduled(overlap=Overlap.ALLOW))
    by_hand = StartMailing(mailing_id=ID, now=FIRST + timedelta(seconds=1))

    [begun] = after(story, by_hand).when(propose(0, late=timedelta(seconds=2)))

    assert begun.nominal == propose(0).nominal


def test_a_run_by_hand_under_a_nominal_time_is_begun_once() -> None:
    nominal = propose(0).nominal
    start = StartMailing(mailing_id=ID, now=NOW, nominal=nominal)
    story = after(created(), start)
    ended = after(story, finish(ids.run_id(ID, nominal), NOW + HOUR / 2))

    [declined] = ended.when(propose(0))

    assert story.when(start) == []
    assert ended.when(replace(start, now=NOW + HOUR)) == []
    assert declined.reason is DeclinedReason.ALREADY_BEGUN
    assert occurrence_of(nominal).at == FIRST


def test_a_run_by_hand_waits_its_turn_or_is_refused_as_the_schedule_says() -> None:
    start = StartMailing(mailing_id=ID, now=FIRST)

    with pytest.raises(RunIsGoingOn):
        after(created(), propose(0)).when(start)
    waiting = after(created(scheduled(overlap=Overlap.QUEUE)), propose(0))
    assert kinds(waiting.when(start)) == [RunQueued]


def test_what_runs_once_has_no_nominal_times() -> None:
    story = created(replace(PLAN, schedule=None))

    with pytest.raises(MailingRunsOnce):
        story.when(StartMailing(mailing_id=ID, now=NOW, nominal="2026-03-01T09:00[UTC]"))


def test_nothing_is_started_by_hand_once_its_window_is_over() -> None:
    with pytest.raises(MailingWindowOver):
        created().when(StartMailing(mailing_id=ID, now=PLAN.ends_at))


# The end


def test_a_mailing_is_over_when_its_last_run_has_ended() -> None:
    story = created()
    for day in range(3):
        story = after(story, propose(day))
        events = story.when(finish(propose(day).run_id, FIRST + day * DAY + HOUR))
        story = story.given(*events)
        assert kinds(events) == [RunEnded, *([MailingFinished] if day == 2 else [])]


def test_a_mailing_is_over_when_its_last_occurrence_was_missed() -> None:
    story = after(created(), propose(0), finish(propose(0).run_id, FIRST + HOUR), miss(1))

    assert kinds(story.when(miss(2))) == [OccurrencePassed, MailingFinished]


def test_a_missed_last_occurrence_does_not_end_a_run_before_it() -> None:
    story = after(created(), miss(0), propose(1))
    passed = story.when(miss(2))
    story = story.given(*passed)

    assert kinds(passed) == [OccurrencePassed]
    assert kinds(story.when(finish(propose(1).run_id, FIRST + 2 * DAY))) == [
        RunEnded,
        MailingFinished,
    ]


def test_a_declined_last_occurrence_ends_the_mailing_once_it_is_known_as_missed() -> None:
    story = after(created(), miss(0), miss(1), replace(propose(2), now=PLAN.ends_at))

    assert kinds(story.when(miss(2))) == [MailingFinished]


def test_a_later_end_during_the_last_run_lets_more_follow() -> None:
    story = after(created(replace(PLAN, ends_at=FIRST + HOUR)), propose(0))
    story = after(
        story, ChangeMailing(mailing_id=ID, changes={"ends_at": NOW + 9 * DAY}, now=FIRST)
    )

    assert kinds(story.when(finish(propose(0).run_id, FIRST + HOUR))) == [RunEnded]


def test_the_end_of_a_run_that_is_unknown_changes_nothing() -> None:
    assert created().when(finish(UUID(int=9), NOW)) == []


def test_a_paused_mailing_begins_its_runs_which_wait() -> None:
    story = after(created(), PauseMailing(mailing_id=ID, now=NOW), propose(0))

    assert kinds(story.history[-1:]) == [RunBegun]


def test_what_is_remembered_of_a_mailing_does_not_grow_with_its_runs() -> None:
    state = mailing.initial
    plan = replace(PLAN, ends_at=NOW + 5_000 * DAY)
    state = mailing.evolve(state, MailingCreated(mailing_id=ID, created_at=NOW, **plan.as_dict()))
    for day in range(2_000):
        for command in (propose(day), finish(propose(day).run_id, FIRST + day * DAY + HOUR)):
            for event in mailing.decide(command, state):
                state = mailing.evolve(state, event)

    assert (len(state.begun), state.running, state.queued) == (500, frozenset(), ())
