"""The rules of a mailing: the whole table of what may be asked, and what follows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.catalog.domain.mailing import (
    BeginRun,
    ChangeMailing,
    CreateMailing,
    DeleteMailing,
    FinishRun,
    MailingAlreadyEnded,
    MailingBegan,
    MailingCommand,
    MailingDiffers,
    MailingEvent,
    MailingFinished,
    MailingIsPaused,
    MailingMissed,
    MailingUnknown,
    MailingWindowOver,
    MissRun,
    PauseMailing,
    ResumeMailing,
    StartMailing,
    StopMailing,
    mailing,
)
from services.catalog.domain.plan import MailingAlreadyRunning, MailingInvalid, Plan
from shared.contracts.catalog import (
    Filter,
    GatewayName,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
)
from shared.errors import Error
from shared.testing import Scenario

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
ID = UUID(int=1)

PLAN = Plan(
    name="spring",
    body="Hello {{ full_name }}",
    subject=None,
    filter=Filter(operator_codes=("916",), tags=("vip",)),
    starts_at=NOW + HOUR,
    ends_at=NOW + 2 * HOUR,
    gateway=GatewayName.HTTP,
)


def change(**changes: object) -> ChangeMailing:
    return ChangeMailing(mailing_id=ID, changes=changes, now=NOW)


create = CreateMailing(mailing_id=ID, plan=PLAN, now=NOW)
rename = change(name="summer")
start = StartMailing(mailing_id=ID, now=NOW)
pause = PauseMailing(mailing_id=ID, now=NOW)
resume = ResumeMailing(mailing_id=ID, now=NOW)
stop = StopMailing(mailing_id=ID, now=NOW)
delete = DeleteMailing(mailing_id=ID, now=NOW)
begin = BeginRun(mailing_id=ID, now=NOW)
miss = MissRun(mailing_id=ID, reason="window_over", now=NOW)
finish = FinishRun(mailing_id=ID, is_last=True, now=NOW)
finish_one = FinishRun(mailing_id=ID, is_last=False, now=NOW)

created = MailingCreated(mailing_id=ID, created_at=NOW, **PLAN.as_dict())
renamed = MailingChanged(mailing_id=ID, changed_at=NOW, **replace(PLAN, name="summer").as_dict())
requested = MailingRunRequested(mailing_id=ID, requested_at=NOW)
paused = MailingPaused(mailing_id=ID, paused_at=NOW)
resumed = MailingResumed(mailing_id=ID, resumed_at=NOW)
stopped = MailingStopped(mailing_id=ID, stopped_at=NOW)
deleted = MailingDeleted(mailing_id=ID, deleted_at=NOW)
began = MailingBegan(mailing_id=ID, began_at=NOW)
missed = MailingMissed(mailing_id=ID, reason="window_over", missed_at=NOW)
finished = MailingFinished(mailing_id=ID, finished_at=NOW)

HISTORIES: dict[str, tuple[MailingEvent, ...]] = {
    "absent": (),
    "created": (created,),
    "requested": (created, requested),
    "running": (created, began),
    "paused": (created, paused),
    "paused while running": (created, began, paused),
    "stopped": (created, stopped),
    "finished": (created, began, finished),
    "missed": (created, missed),
    "deleted": (created, deleted),
}
COMMANDS = {
    "create": create,
    "change": rename,
    "start": start,
    "pause": pause,
    "resume": resume,
    "stop": stop,
    "delete": delete,
    "begin": begin,
    "miss": miss,
    "finish": finish,
    "finish one": finish_one,
}
UNKNOWN, ENDED, PAUSED = MailingUnknown, MailingAlreadyEnded, MailingIsPaused

# One line for each history, one answer for each command: what happens, `None` for nothing, or
# the refusal.
TABLE: dict[str, tuple[MailingEvent | type[Error] | None, ...]] = {
    #         create, change; start, pause, resume, stop, delete; begin, miss, finish, finish one
    "absent": (created, *[UNKNOWN] * 10),
    "created": (
        *(None, renamed, requested, paused, None, stopped, deleted),
        *(began, missed, finished, None),
    ),
    "requested": (
        *(None, renamed, None, paused, None, stopped, deleted),
        *(began, missed, finished, None),
    ),
    "running": (
        *(None, renamed, None, paused, None, stopped, deleted),
        *(None, missed, finished, None),
    ),
    "paused": (
        *(None, renamed, PAUSED, None, resumed, stopped, deleted),
        *(began, missed, finished, None),
    ),
    "paused while running": (
        *(None, renamed, PAUSED, None, resumed, stopped, deleted),
        *(None, missed, finished, None),
    ),
    "stopped": (None, *[ENDED] * 4, None, deleted, None, None, None, None),
    "finished": (None, *[ENDED] * 4, None, deleted, None, None, None, None),
    "missed": (None, *[ENDED] * 4, None, deleted, None, None, None, None),
    "deleted": (None, *[UNKNOWN] * 5, None, None, None, None, None),
}
CELLS = [
    pytest.param(HISTORIES[history], command, answer, id=f"{history}, {name}")
    for history, answers in TABLE.items()
    for (name, command), answer in zip(COMMANDS.items(), answers, strict=True)
]


@pytest.mark.parametrize(("history", "command", "answer"), CELLS)
def test_every_command_has_an_answer_in_every_state(
    history: tuple[MailingEvent, ...],
    command: MailingCommand,
    answer: MailingEvent | type[Error] | None,
) -> None:
    scenario = Scenario(mailing).given(*history)

    if isinstance(answer, type):
        with pytest.raises(answer):
            scenario.when(command)
    else:
        assert scenario.when(command) == ([] if answer is None else [answer])


def test_the_table_has_every_command() -> None:
    assert {type(command) for command in COMMANDS.values()} == set(MailingCommand.__args__)


def test_without_a_start_a_mailing_starts_now() -> None:
    at_once = replace(create, plan=replace(PLAN, starts_at=None))

    [event] = Scenario(mailing).when(at_once)

    assert isinstance(event, MailingCreated)
    assert event.starts_at == NOW


def test_creating_again_without_a_start_is_the_same_mailing() -> None:
    at_once = replace(create, plan=replace(PLAN, starts_at=None))
    [event] = Scenario(mailing).when(at_once)
    later = replace(at_once, now=NOW + SECOND)

    assert Scenario(mailing).given(event).when(later) == []


def test_creating_again_after_a_change_is_still_the_same_mailing() -> None:
    assert Scenario(mailing).given(created, renamed).when(create) == []


def test_creating_another_mailing_with_the_same_identifier_is_refused() -> None:
    other = replace(create, plan=replace(PLAN, name="summer"))

    with pytest.raises(MailingDiffers):
        Scenario(mailing).given(created).when(other)


def test_a_change_that_changes_nothing_is_none() -> None:
    assert Scenario(mailing).given(created).when(change(name="spring")) == []


def test_a_resumed_mailing_is_where_it_was() -> None:
    waiting = mailing.replay([created, paused, resumed])
    running = mailing.replay([created, began, paused, resumed])

    assert (waiting.status, running.status) == ("created", "running")


def test_a_run_that_begins_while_the_mailing_is_paused_leaves_it_paused() -> None:
    assert mailing.replay([created, paused, began]).status == "paused"
    assert mailing.replay([created, paused, began, resumed]).status == "running"


def test_once_a_run_has_begun_only_the_name_and_an_earlier_end_can_change() -> None:
    running = Scenario(mailing).given(created, began)

    [event] = running.when(change(name="summer", ends_at=PLAN.ends_at - SECOND))

    assert isinstance(event, MailingChanged)
    assert (event.name, event.ends_at) == ("summer", PLAN.ends_at - SECOND)


def test_once_a_run_has_begun_the_rest_is_refused() -> None:
    with pytest.raises(MailingAlreadyRunning):
        Scenario(mailing).given(created, began).when(change(body="other"))


@pytest.mark.parametrize("left", [timedelta(), SECOND - timedelta(microseconds=1)])
def test_a_mailing_cannot_be_started_in_the_last_second_of_its_window(left: timedelta) -> None:
    late = replace(start, now=PLAN.ends_at - left)

    with pytest.raises(MailingWindowOver):
        Scenario(mailing).given(created).when(late)


def test_a_mailing_can_be_started_a_second_before_its_end() -> None:
    late = replace(start, now=PLAN.ends_at - SECOND)

    assert len(Scenario(mailing).given(created).when(late)) == 1


def test_a_plan_that_cannot_be_is_refused_at_first_and_later() -> None:
    with pytest.raises(MailingInvalid):
        Scenario(mailing).when(replace(create, plan=replace(PLAN, name="")))
    with pytest.raises(MailingInvalid):
        Scenario(mailing).given(created).when(change(name=""))
