"""The rules of a mailing: the whole table of what may be asked, and what follows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from msgspec.structs import replace as replace_event

from services.catalog.domain.mailing import (
    MailingAlreadyEnded,
    MailingDiffers,
    MailingIsPaused,
    MailingUnknown,
    MailingWasDeleted,
    MailingWindowOver,
    mailing,
)
from services.catalog.domain.mailing_commands import (
    BeginRun,
    ChangeMailing,
    CreateMailing,
    DeleteMailing,
    FinishRun,
    FollowAudience,
    MailingCommand,
    MissRun,
    PauseMailing,
    RecordRun,
    ResumeMailing,
    StartMailing,
    StopMailing,
)
from services.catalog.domain.mailing_state import (
    MailingBegan,
    MailingEvent,
    MailingFinished,
    MailingMissed,
)
from services.catalog.domain.plan import MailingAlreadyRunning, MailingInvalid, Plan
from shared import ids
from shared.contracts.catalog import (
    DeclinedReason,
    Filter,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
    content_of,
)
from shared.errors import Error
from shared.event import Instant
from shared.testing import Scenario

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
LATER = NOW + SECOND
ID = UUID(int=1)

PLAN = Plan(
    name="spring",
    body="Hello {{ full_name }}",
    subject=None,
    filter=Filter(operator_codes=("916",), tags=("vip",)),
    starts_at=NOW + HOUR,
    ends_at=NOW + 2 * HOUR,
    gateway="http",
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
RUN = ids.run_id(ID, "once")
record = RecordRun(mailing_id=ID, now=NOW)
miss = MissRun(
    mailing_id=ID,
    run_id=RUN,
    nominal="once",
    ends_at=PLAN.ends_at,
    reason="window_over",
    proposed_at=NOW,
    now=NOW,
)


def propose(
    starts_at: Instant = NOW + HOUR, *, proposed_at: Instant = NOW, now: Instant = NOW
) -> BeginRun:
    return BeginRun(
        mailing_id=ID,
        run_id=RUN,
        nominal="once",
        is_last=True,
        starts_at=starts_at,
        proposed_at=proposed_at,
        now=now,
    )


begin, begin_by_hand = propose(), propose(NOW)
finish = FinishRun(mailing_id=ID, is_last=True, now=NOW)
finish_one = FinishRun(mailing_id=ID, is_last=False, now=NOW)

created = MailingCreated(mailing_id=ID, created_at=NOW, **PLAN.as_dict())
renamed = MailingChanged(mailing_id=ID, changed_at=NOW, **replace(PLAN, name="summer").as_dict())
renamed_by_hand = MailingChanged(
    mailing_id=ID, changed_at=NOW, **replace(PLAN, name="summer", starts_at=NOW).as_dict()
)
requested = MailingRunRequested(mailing_id=ID, requested_at=NOW)
paused = MailingPaused(mailing_id=ID, paused_at=NOW)
resumed = MailingResumed(mailing_id=ID, resumed_at=NOW)
stopped = MailingStopped(mailing_id=ID, stopped_at=NOW)
deleted = MailingDeleted(mailing_id=ID, deleted_at=NOW)
began = MailingBegan(mailing_id=ID, began_at=NOW)


def begun(
    plan: Plan = PLAN, *, revision: int, proposed_at: Instant = NOW, now: Instant = NOW
) -> RunBegun:
    return RunBegun(
        run_id=RUN,
        mailing_id=ID,
        nominal="once",
        revision=revision,
        is_last=True,
        proposed_at=proposed_at,
        begun_at=now,
        **content_of(plan).as_dict(),
    )


def declined(reason: str, plan: Plan = PLAN, *, proposed_at: Instant = NOW) -> RunDeclined:
    return RunDeclined(
        run_id=RUN,
        mailing_id=ID,
        nominal="once",
        reason=DeclinedReason(reason),
        starts_at=content_of(plan).starts_at,
        ends_at=plan.ends_at,
        proposed_at=proposed_at,
        declined_at=NOW,
    )


ANYBODY = Filter(tags=("new",))
follow = FollowAudience(mailing_id=ID, audience_id=UUID(int=9), filter=ANYBODY, now=NOW)
BY_HAND = replace(PLAN, starts_at=NOW)  # its window as it is after a start by hand
missed = MailingMissed(mailing_id=ID, reason="window_over", missed_at=NOW)
finished = MailingFinished(mailing_id=ID, finished_at=NOW)

HISTORIES: dict[str, tuple[MailingEvent, ...]] = {
    "absent": (),
    "created": (created,),
    "requested": (created, requested),
    "running": (created, begun(revision=1)),
    "running since an older release": (created, began),
    "paused": (created, paused),
    "paused while running": (created, begun(revision=1), paused),
    "stopped": (created, stopped),
    "finished": (created, begun(revision=1), finished),
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
    "begin": replace(begin, proposed_at=LATER),
    "begin by hand": replace(begin_by_hand, proposed_at=LATER),
    "record": record,
    "miss": miss,
    "finish": finish,
    "finish one": finish_one,
    "follow an audience": follow,
}
UNKNOWN, ENDED, PAUSED = MailingUnknown, MailingAlreadyEnded, MailingIsPaused

# One line for each history, one answer for each command: what happens, `None` for nothing, or
# the refusal.
TABLE: dict[str, tuple[MailingEvent | type[Error] | None, ...]] = {
    #         create, change; start, pause, resume, stop, delete;
    #         begin, begin by hand; record, miss, finish, finish one; follow an audience
    "absent": (created, *[UNKNOWN] * 6, *[None] * 7),
    "created": (
        *(None, renamed, requested, paused, None, stopped, deleted),
        *(begun(revision=1, proposed_at=LATER), declined("postponed", proposed_at=LATER)),
        *(began, missed, finished, None, None),
    ),
    "requested": (
        *(None, renamed_by_hand, None, paused, None, stopped, deleted),
        declined("postponed", BY_HAND, proposed_at=LATER),
        begun(BY_HAND, revision=2, proposed_at=LATER),
        *(began, missed, finished, None, None),
    ),
    "running": (
        *(None, renamed, None, paused, None, stopped, deleted),
        *[declined("already_begun", proposed_at=LATER)] * 2,
        *(None, None, finished, None, None),
    ),
    "running since an older release": (
        *(None, renamed, None, paused, None, stopped, deleted),
        *[declined("already_begun", proposed_at=LATER)] * 2,
        *(None, None, finished, None, None),
    ),
    "paused": (
        *(None, renamed, PAUSED, None, resumed, stopped, deleted),
        *(begun(revision=2, proposed_at=LATER), declined("postponed", proposed_at=LATER)),
        *(began, missed, finished, None, None),
    ),
    "paused while running": (
        *(None, renamed, PAUSED, None, resumed, stopped, deleted),
        *[declined("already_begun", proposed_at=LATER)] * 2,
        *(None, None, finished, None, None),
    ),
    "stopped": (
        *(None, *[ENDED] * 4, None, deleted),
        *[declined("stopped", proposed_at=LATER)] * 2,
        *[None] * 5,
    ),
    "finished": (
        *(None, *[ENDED] * 4, None, deleted),
        *[declined("already_begun", proposed_at=LATER)] * 2,
        *[None] * 5,
    ),
    "missed": (
        *(None, *[ENDED] * 4, None, deleted),
        *[declined("window_over", proposed_at=LATER)] * 2,
        *[None] * 5,
    ),
    "deleted": (
        *(MailingWasDeleted, *[UNKNOWN] * 5, None),
        *[declined("deleted", proposed_at=LATER)] * 2,
        *[None] * 5,
    ),
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


OF_AUDIENCE = replace(PLAN, audience_id=UUID(int=9))
SAVED = replace_event(created, audience_id=UUID(int=9))
followed = MailingChanged(
    mailing_id=ID, changed_at=NOW, **replace(OF_AUDIENCE, filter=ANYBODY).as_dict()
)


@pytest.mark.parametrize(
    ("history", "command", "answer"),
    [
        ((SAVED,), follow, [followed]),
        ((SAVED, paused), follow, [followed]),
        ((SAVED, begun(revision=1)), follow, []),
        ((SAVED, stopped), follow, []),
        ((SAVED, followed), follow, []),
        ((SAVED,), replace(follow, audience_id=UUID(int=8)), []),
    ],
    ids=["created", "paused", "its run has begun", "stopped", "the same", "another audience"],
)
def test_a_mailing_follows_its_audience_until_its_only_run_begins(
    history: tuple[MailingEvent, ...], command: FollowAudience, answer: list[MailingEvent]
) -> None:
    assert Scenario(mailing).given(*history).when(command) == answer


def test_the_table_has_every_command() -> None:
    assert {type(command) for command in COMMANDS.values()} == set(get_args(MailingCommand))


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


@pytest.mark.parametrize("command", [PauseMailing, ResumeMailing, StopMailing])
def test_who_moved_the_switch_is_in_the_event(command: Any) -> None:
    before = [created] if command is PauseMailing else [created, paused]

    (event,) = mailing.decide(command(mailing_id=ID, now=NOW, by="anna"), mailing.replay(before))

    assert event.by == "anna"


def test_a_resumed_mailing_is_where_it_was() -> None:
    waiting = mailing.replay([created, paused, resumed])
    running = mailing.replay([created, began, paused, resumed])

    assert (waiting.status, running.status) == ("created", "running")


def test_a_run_that_begins_while_the_mailing_is_paused_leaves_it_paused() -> None:
    assert mailing.replay([created, paused, began]).status == "paused"
    assert mailing.replay([created, paused, began, resumed]).status == "running"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("body", "other"),
        ("subject", "Hi"),
        ("filter", Filter()),
        ("gateway", "log"),
        ("ends_at", PLAN.ends_at + HOUR),
        ("ends_at", PLAN.ends_at - SECOND),
    ],
)
def test_a_run_begins_with_the_newest_revision_however_old_the_proposal_is(
    name: str, value: object
) -> None:
    before = Scenario(mailing).given(created)
    history = before.given(*before.when(change(**{name: value})))

    newest = replace(PLAN, **{name: value})  # type: ignore[arg-type]
    assert history.when(begin) == [begun(newest, revision=2)]


def test_a_run_of_mails_begins_with_their_html_and_sender() -> None:
    mail = replace(PLAN, subject="Hi", gateway="smtp", html="<p>", sender="a@shop.example")
    history = Scenario(mailing)

    [event] = history.when(CreateMailing(mailing_id=ID, plan=mail, now=NOW))
    [run] = history.given(event).when(begin)

    assert isinstance(run, RunBegun)
    assert (run.html, run.sender) == ("<p>", "a@shop.example")


def test_a_run_begins_with_what_its_mailing_says_of_priority_attempts_and_class() -> None:
    said: dict[str, Any] = {"max_attempts": 3, "on_unknown": "prefer_silence"}
    urgent = replace(PLAN, priority="urgent", message_class="critical", **said)
    history = Scenario(mailing)

    [event] = history.when(CreateMailing(mailing_id=ID, plan=urgent, now=NOW))
    [run] = history.given(event).when(begin)

    assert isinstance(run, RunBegun)
    assert (run.priority, run.max_attempts, run.on_unknown) == ("urgent", 3, "prefer_silence")
    assert run.message_class == "critical"


@pytest.mark.parametrize("by", [-HOUR / 2, -timedelta(microseconds=1), SECOND, 24 * HOUR])
def test_a_proposal_of_another_start_is_declined_and_one_of_the_new_start_begins(
    by: timedelta,
) -> None:
    before = Scenario(mailing).given(created)
    moved = replace(PLAN, starts_at=NOW + HOUR + by, ends_at=NOW + 100 * HOUR)
    history = before.given(*before.when(change(starts_at=moved.starts_at, ends_at=moved.ends_at)))

    [event] = history.when(begin)
    assert event == declined("postponed", moved)
    late = propose(NOW + HOUR + by, proposed_at=LATER)
    assert history.given(event).when(late) == [begun(moved, revision=3, proposed_at=LATER)]


def test_moved_away_and_back_before_the_proposal_is_read_it_begins() -> None:
    history = [created]
    for starts_at in (NOW + 90 * SECOND, NOW + HOUR):
        history += Scenario(mailing, tuple(history)).when(change(starts_at=starts_at))

    assert Scenario(mailing, tuple(history)).when(begin) == [begun(revision=3)]


def test_a_proposal_that_comes_again_has_its_answer_already() -> None:
    begins = Scenario(mailing).given(created, begun(revision=1))
    declines = Scenario(mailing).given(created, requested, declined("postponed", BY_HAND))

    assert begins.when(begin) == []
    assert declines.when(begin) == []


def test_only_the_end_is_judged_by_the_clock() -> None:
    waiting = Scenario(mailing).given(created)
    moment = timedelta(microseconds=1)

    at_last = replace(begin, now=PLAN.ends_at - moment)
    assert waiting.when(at_last) == [begun(revision=1, now=PLAN.ends_at - moment)]
    assert waiting.when(replace(begin, now=NOW - 100 * HOUR)) == [
        begun(revision=1, now=NOW - 100 * HOUR)
    ]
    [over] = waiting.when(replace(begin, now=PLAN.ends_at))
    assert isinstance(over, RunDeclined)
    assert over.reason is DeclinedReason.WINDOW_OVER


def test_after_a_start_by_hand_another_start_counts_and_other_edits_leave_it() -> None:
    by_hand = Scenario(mailing).given(created, requested)
    renamed_then = by_hand.given(*by_hand.when(rename))
    postponed = by_hand.given(*by_hand.when(change(starts_at=NOW + HOUR)))

    assert renamed_then.when(begin_by_hand)[0] == begun(
        replace(BY_HAND, name="summer"), revision=3
    )
    assert renamed_then.when(start) == []
    assert postponed.when(begin_by_hand) == [declined("postponed")]
    assert postponed.when(begin) == [begun(revision=3)]
    assert postponed.when(start) == [requested]


@pytest.mark.parametrize("ends_at", [PLAN.ends_at - SECOND, None], ids=["another", "unnamed"])
def test_a_mailing_whose_end_was_moved_meanwhile_is_not_missed(ends_at: Instant | None) -> None:
    waiting = Scenario(mailing).given(created)

    assert waiting.when(replace(miss, ends_at=ends_at)) == [declined("postponed")]
    again = waiting.given(declined("postponed"))
    assert again.when(replace(miss, ends_at=ends_at)) == []
    assert again.when(replace(begin, proposed_at=LATER)) == [begun(revision=2, proposed_at=LATER)]


@pytest.mark.parametrize("ends_at", [PLAN.ends_at - SECOND, PLAN.ends_at, None])
def test_a_mailing_whose_end_has_passed_is_missed_wherever_it_was(
    ends_at: Instant | None,
) -> None:
    late = replace(miss, ends_at=ends_at, now=PLAN.ends_at)

    [event] = Scenario(mailing).given(created).when(late)

    assert isinstance(event, MailingMissed)


BEGINNINGS = pytest.mark.parametrize("beginning", [begun(revision=1), began])


@BEGINNINGS
@pytest.mark.parametrize("by", [SECOND, -SECOND], ids=["later", "earlier"])
def test_once_a_run_has_begun_only_the_name_and_the_end_can_change(
    beginning: MailingEvent, by: timedelta
) -> None:
    running = Scenario(mailing).given(created, beginning)

    [event] = running.when(change(name="summer", ends_at=PLAN.ends_at + by))

    assert isinstance(event, MailingChanged)
    assert (event.name, event.ends_at) == ("summer", PLAN.ends_at + by)


@BEGINNINGS
@pytest.mark.parametrize(
    "changes",
    [
        {"body": "other"},
        {"subject": "Hi"},
        {"filter": Filter()},
        {"starts_at": NOW + 90 * SECOND},
        {"gateway": "log"},
    ],
)
def test_once_a_run_has_begun_the_rest_is_refused(
    beginning: MailingEvent, changes: dict[str, object]
) -> None:
    with pytest.raises(MailingAlreadyRunning):
        Scenario(mailing).given(created, beginning).when(change(**changes))


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
