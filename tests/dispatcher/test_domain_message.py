"""A message: what each fact does to it, and that certainty comes from all attempts."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.dispatcher.domain.attempt import Attempt, RetryPolicy
from services.dispatcher.domain.contact import (
    CLIENT_REMOVED,
    NO_PHONE,
    TEMPLATE_INVALID,
    Contact,
    Rejection,
    suppressed,
)
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import (
    HOLDER_S,
    OPEN,
    STOPPED,
    Found,
    Step,
    as_found,
    attempted,
    attempted_late,
    ended,
    keeps_contact,
    of_repeat,
    rejected,
    unrecorded,
    without_exception,
)
from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.domain.progress import Progress
from shared.contracts.dispatcher import (
    DELIVERED_VERSION,
    AttemptKind,
    MessageAttempted,
    MessageCancelled,
    MessageDelivered,
    MessageExpired,
    MessageFailed,
    MessageSuppressed,
    MessageUndetermined,
    State,
    SuppressedReason,
)
from shared.event import Instant

NOW = 1_000_000.0
EPOCH = datetime.fromtimestamp(NOW, UTC)
RUN, CLIENT = UUID(int=1), UUID(int=2)
KEY, CHUNK = MessageKey(RUN, CLIENT), ChunkKey(RUN, 0)
ME, ANOTHER = UUID(int=8), UUID(int=9)
ANNA = Contact("79161234567", "916", "Europe/Moscow", None, "Anna", None)
EVENTS = {
    State.DELIVERED: MessageDelivered,
    State.UNDETERMINED: MessageUndetermined,
    State.EXPIRED: MessageExpired,
    State.FAILED: MessageFailed,
    State.CANCELLED: MessageCancelled,
    State.SUPPRESSED: MessageSuppressed,
}


def attempt(  # noqa: PLR0913 - what each fact is about
    outcome: Outcome,
    number: int = 1,
    *,
    is_idempotent: bool = True,
    left: float = 3_600.0,
    kind: AttemptKind = AttemptKind.ANSWER,
    status: int | None = None,
    is_of_all: bool = False,
) -> Attempt:
    """Return an attempt that has just ended; the window has `left` seconds to its last start."""
    return Attempt(
        message_id="id",
        client_id=CLIENT,
        chunk=CHUNK,
        number=number,
        kind=kind,
        verdict=Verdict(
            outcome,
            "why",
            status,
            "gw-1",
            is_conflict=status in (409, 422),
            is_of_all=is_of_all,
        ),
        started_at=NOW - 1,
        ended_at=NOW,
        last_start=NOW + left,
        policy=RetryPolicy(is_idempotent, backoff_base_s=2, backoff_cap_s=600),
        sender_id=ME,
        contact=ANNA,
    )


# Every state and every fact

BEGINNINGS = {
    "planned": Progress(),
    "planned?": unrecorded(reaped=1, unknowns=1),  # its chunk was reaped: it may have arrived
    "retry": Progress(State.RETRY, 1, 1, 1, reason="before"),
    "retry?": Progress(State.RETRY, 1, 1, 1, unknowns=1, reason="before"),
}
FINALS = {state: Progress(state, 1, 2, 5, reason="first") for state in State if state not in OPEN}

Fact = Callable[[Progress, Instant], Step]


def tried(outcome: Outcome, **fields: Any) -> Fact:
    return lambda before, _: attempted(
        before, attempt(outcome, before.attempt + 1, **fields), jitter=0.5
    )


def turned_down(rejection: Rejection) -> Fact:
    return lambda before, now: rejected(KEY, 0, before, rejection, now)


FACTS: dict[str, Fact] = {
    "accepted": tried(Outcome.ACCEPTED),
    "accepted, plain": tried(Outcome.ACCEPTED, is_idempotent=False),
    "accepted late": tried(Outcome.ACCEPTED, left=-1.0),
    "refused": tried(Outcome.REFUSED),
    "refused, plain": tried(Outcome.REFUSED, is_idempotent=False),
    "refused late": tried(Outcome.REFUSED, left=-1.0),
    "refused, of all": tried(Outcome.REFUSED, is_of_all=True),
    "not processed": tried(Outcome.NOT_PROCESSED),
    "not processed, plain": tried(Outcome.NOT_PROCESSED, is_idempotent=False),
    "not processed late": tried(Outcome.NOT_PROCESSED, left=0.5),
    "unknown": tried(Outcome.UNKNOWN),
    "unknown, plain": tried(Outcome.UNKNOWN, is_idempotent=False),
    "unknown late": tried(Outcome.UNKNOWN, left=0.5),
    "no phone": turned_down(NO_PHONE),
    "client removed": turned_down(CLIENT_REMOVED),
    "template invalid": turned_down(TEMPLATE_INVALID),
    "suppressed": turned_down(suppressed(SuppressedReason.UNSUBSCRIBED)),
    "window over": lambda before, now: ended(KEY, 0, before, stopped=None, at=now),
    "stopped": lambda before, now: ended(KEY, 0, before, stopped=STOPPED, at=now),
}
# `?`: an attempt may have arrived before.
TABLE = """
fact                   planned       planned?      retry         retry?
accepted               delivered     delivered     delivered     delivered
accepted, plain        delivered     delivered     delivered     delivered
accepted late          delivered     delivered     delivered     delivered
refused                failed        undetermined  failed        undetermined
refused, plain         failed        undetermined  failed        undetermined
refused late           failed        undetermined  failed        undetermined
refused, of all        failed        failed        failed        failed
not processed          retry         retry         retry         retry
not processed, plain   retry         retry         retry         retry
not processed late     expired       undetermined  expired       undetermined
unknown                retry         retry         retry         retry
unknown, plain         retry         undetermined  retry         undetermined
unknown late           undetermined  undetermined  undetermined  undetermined
no phone               failed        undetermined  failed        undetermined
client removed         cancelled     undetermined  cancelled     undetermined
template invalid       failed        undetermined  failed        undetermined
suppressed             suppressed    undetermined  suppressed    undetermined
window over            expired       undetermined  expired       undetermined
stopped                cancelled     undetermined  cancelled     undetermined
"""


def rows() -> list[tuple[str, str, State]]:
    head, *lines = TABLE.strip().splitlines()
    names = head.split()[1:]
    return [
        (name, line[:23].strip(), State(state))
        for line in lines
        for name, state in zip(names, line[23:].split(), strict=True)
    ]


def test_the_table_has_every_fact() -> None:
    assert {fact for _, fact, _ in rows()} == set(FACTS)
    assert {name for name, _, _ in rows()} == set(BEGINNINGS)


@pytest.mark.parametrize(("name", "fact", "state"), rows())
def test_what_a_fact_does_to_an_open_message(
    name: str, fact: str, state: State, now: Instant
) -> None:
    before = BEGINNINGS[name]

    step = FACTS[fact](before, now)

    assert step.progress.state is state
    assert (step.retry_at is None) == (state is not State.RETRY)
    kinds = [type(each) for each in step.events if not isinstance(each, MessageAttempted)]
    assert kinds == ([EVENTS[state]] if state in EVENTS else [])
    assert step.events[-1].version == step.progress.version > before.version
    assert {each.state for each in step.events} == {state}
    assert {each.attempts for each in step.events} == {step.progress.attempts}


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("state", sorted(FINALS))
def test_only_a_late_success_moves_a_final_message(state: State, fact: str, now: Instant) -> None:
    step = FACTS[fact](FINALS[state], now)

    is_moved = fact.startswith("accepted")
    assert step.progress.state is (State.DELIVERED if is_moved else state)
    assert step.retry_at is None
    assert is_moved or step.progress.reason == "first"
    finals = [each for each in step.events if not isinstance(each, MessageAttempted)]
    assert bool(finals) == (is_moved and state is not State.DELIVERED)


@pytest.mark.parametrize("state", State)
def test_a_success_has_a_version_above_all_others(state: State) -> None:
    before = Progress(state, 3, 3, 40)

    step = attempted(before, attempt(Outcome.ACCEPTED, 4), jitter=0.5)

    assert step.progress.version == DELIVERED_VERSION + 4


def test_the_attempt_is_published_with_its_answer_and_the_final_state_behind_it() -> None:
    step = attempted(Progress(), attempt(Outcome.REFUSED, status=400), jitter=0.5)

    tried, failed = step.events
    assert isinstance(tried, MessageAttempted)
    assert (tried.run_id, tried.client_id) == (failed.run_id, failed.client_id) == KEY
    assert (tried.attempt, tried.kind, tried.outcome) == (1, AttemptKind.ANSWER, "refused")
    assert (tried.reason, tried.status_code) == ("why", 400)
    assert (tried.at.timestamp(), tried.started_at.timestamp()) == (NOW, NOW - 1)
    assert (tried.version, failed.version) == (1, 2)
    assert isinstance(failed, MessageFailed)
    assert (failed.reason, failed.at) == ("why", tried.at)


def test_what_is_suppressed_is_published_with_its_reason(now: Instant) -> None:
    step = rejected(KEY, 3, Progress(), suppressed(SuppressedReason.UNSUBSCRIBED), now)

    (event,) = step.events
    assert isinstance(event, MessageSuppressed)
    assert (event.reason, event.state, event.at) == ("unsubscribed", State.SUPPRESSED, now)


@pytest.mark.parametrize(
    ("contact", "own", "shown"),
    [
        (ANNA, "gw-1", "gw-1"),
        (ANNA, "echo-79161234567", None),
        (None, "gw-1", None),  # nobody knows whom it may name
    ],
)
def test_a_gateways_id_is_published_only_if_it_names_nobody(
    contact: Contact | None, own: str, shown: str | None
) -> None:
    made = attempt(Outcome.ACCEPTED)
    made = replace(made, contact=contact, verdict=replace(made.verdict, gateway_message_id=own))

    tried = attempted(Progress(), made, jitter=0.5).events[0]

    assert isinstance(tried, MessageAttempted)
    assert tried.gateway_message_id == shown


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_stop_has_a_reason_and_an_end_leaves_the_last_one(
    now: Instant, *, is_stopped: bool
) -> None:
    step = ended(KEY, 0, BEGINNINGS["retry"], stopped=STOPPED if is_stopped else None, at=now)

    assert step.progress.reason == ("mailing_stopped" if is_stopped else "before")
    (event,) = step.events
    assert getattr(event, "reason", None) == ("mailing_stopped" if is_stopped else None)
    assert (event.run_id, event.client_id, event.at) == (RUN, CLIENT, now)


def test_attempts_count_what_is_on_record_and_numbers_only_grow() -> None:
    before = Progress(State.RETRY, 1, 7, 1)

    after = attempted(before, attempt(Outcome.NOT_PROCESSED, 4), jitter=0.5).progress

    assert (after.attempts, after.attempt) == (2, 7)


@pytest.mark.parametrize(("left", "is_tried"), [(2.0, False), (2.1, True)])
def test_a_retry_begins_before_the_windows_last_start(left: float, *, is_tried: bool) -> None:
    step = attempted(Progress(), attempt(Outcome.NOT_PROCESSED, left=left), jitter=1.0)

    assert step.retry_at == (NOW + 2.0 if is_tried else None)


# Where a message without a row of its own is


@pytest.mark.parametrize(
    ("chunk", "numbers", "is_accepted", "expected"),
    [
        ("planned", (), False, Progress(attempt=2, unknowns=1)),
        ("leased", (), False, Progress(attempt=2, unknowns=1)),
        ("sent", (3,), True, Progress(State.DELIVERED, 1, 3, DELIVERED_VERSION + 1, 1)),
        ("expired", (3,), True, Progress(State.DELIVERED, 1, 3, DELIVERED_VERSION + 1, 1)),
        ("expired", (), False, Progress(State.EXPIRED, 0, 2, 1)),
        ("cancelled", (), False, Progress(State.CANCELLED, 0, 2, 1, reason="mailing_stopped")),
    ],
)
def test_without_a_row_the_last_answer_says_where_a_message_is_else_its_chunk(
    chunk: str, numbers: tuple[int, ...], expected: Progress, *, is_accepted: bool
) -> None:
    first = unrecorded(reaped=2, unknowns=1)

    found = without_exception(chunk, first, numbers, STOPPED, is_accepted=is_accepted)

    assert found == expected


# Attempts beside others


def lost_once() -> Found:
    """Return a message whose only attempt was given up as lost."""
    return Found(BEGINNINGS["retry?"], frozenset({1}), None, 2)


@pytest.mark.parametrize(
    ("outcome", "state", "unknowns"),
    [
        (Outcome.ACCEPTED, State.DELIVERED, 0),
        (Outcome.REFUSED, State.FAILED, 0),
        (Outcome.NOT_PROCESSED, State.RETRY, 0),
        (Outcome.UNKNOWN, State.RETRY, 1),
    ],
)
def test_a_late_answer_makes_its_own_attempt_certain(
    outcome: Outcome, state: State, unknowns: int
) -> None:
    step = attempted_late(lost_once(), attempt(outcome, is_idempotent=False), jitter=0.5)

    assert (step.progress.state, step.progress.unknowns) == (state, unknowns)
    assert step.progress.attempts == 1, "it is one attempt, lost and answered"


def test_each_answer_of_a_message_that_is_accepted_twice_is_newer_than_the_one_before() -> None:
    late = attempted_late(lost_once(), attempt(Outcome.ACCEPTED, 1), jitter=0.5)
    found = Found(late.progress, frozenset({1}), None, 3)

    other = attempted_late(found, attempt(Outcome.ACCEPTED, 2), jitter=0.5)

    assert (late.progress.attempts, other.progress.attempts) == (1, 2)
    assert other.progress.version > late.progress.version, "else no reader counts the second"
    assert [each.version for each in other.events] == [other.progress.version]


def test_a_retry_that_was_lost_counts_as_unknown_though_its_number_was_left_out() -> None:
    reaped = Progress(State.RETRY, 1, 2, 1)  # a retry of a sender that marks what it starts
    lost = attempt(Outcome.UNKNOWN, 2, is_idempotent=False, kind=AttemptKind.LOST)
    before = replace(reaped, unknowns=1)

    step = attempted_late(Found(reaped, frozenset({1}), None, 3), lost, jitter=0.5)
    again = attempted_late(Found(before, frozenset({1}), None, 3), lost, jitter=0.5)

    assert (step.progress.state, step.progress.unknowns) == (State.RETRY, 1)
    assert (again.progress.state, again.progress.unknowns) == (State.UNDETERMINED, 2)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.ACCEPTED, State.DELIVERED),
        (Outcome.REFUSED, State.FAILED),
        (Outcome.NOT_PROCESSED, State.RETRY),
    ],
)
def test_an_answer_from_a_reaped_chunk_makes_its_own_attempt_certain(
    outcome: Outcome, state: State
) -> None:
    found = Found(unrecorded(reaped=1, unknowns=1), frozenset(), None, 2)

    step = attempted_late(found, attempt(outcome, 1), jitter=0.5)

    assert (step.progress.state, step.progress.attempts) == (state, 1)
    assert not step.progress.may_have_arrived


def test_a_late_answer_says_nothing_about_another_attempt() -> None:
    found = Found(unrecorded(reaped=2, unknowns=2), frozenset(), None, 3)

    step = attempted_late(found, attempt(Outcome.REFUSED, 1), jitter=0.5)

    assert step.progress.state is State.UNDETERMINED


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.ACCEPTED}))
def test_while_another_holds_a_message_no_failure_is_final(outcome: Outcome) -> None:
    found = Found(unrecorded(reaped=1, unknowns=1), frozenset(), ANOTHER, 2)

    step = attempted_late(found, attempt(outcome, 1), jitter=0.5)

    assert step.progress.state is State.RETRY
    assert step.progress.attempt == 2, "the holder's number is not used again"
    assert step.progress.may_have_arrived, "what the holder sends may arrive"
    assert step.retry_at == NOW + HOLDER_S, "the holder has its time"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_holders_answer_decides_after_a_late_failure(outcome: Outcome) -> None:
    found = Found(unrecorded(reaped=1, unknowns=1), frozenset(), ANOTHER, 2)
    late = attempted_late(found, attempt(Outcome.REFUSED, 1), jitter=0.5)

    step = attempted_late(
        Found(late.progress, frozenset({1}), None, 3),
        replace(attempt(outcome, 2), sender_id=ANOTHER),
        jitter=0.5,
    )

    alone = attempted(Progress(), attempt(outcome), jitter=0.5)
    assert step.progress.state is alone.progress.state
    assert step.progress.unknowns == alone.progress.unknowns


def test_a_message_of_ones_own_is_held_by_no_other() -> None:
    found = Found(Progress(), frozenset(), ME, 1)

    step = attempted_late(found, attempt(Outcome.REFUSED, 1), jitter=0.5)

    assert step.progress.state is State.FAILED


# Repeats


@pytest.mark.parametrize("status", [409, 422])
def test_a_conflict_of_a_repeat_says_nothing_about_the_message(status: int) -> None:
    verdict = attempt(Outcome.REFUSED, status=status).verdict

    assert of_repeat(verdict).outcome is Outcome.UNKNOWN
    assert (of_repeat(verdict).status_code, of_repeat(verdict).reason) == (status, "why")


@pytest.mark.parametrize("outcome", Outcome)
def test_any_other_answer_to_a_repeat_means_what_it_says(outcome: Outcome) -> None:
    verdict = attempt(outcome, status=400).verdict

    assert of_repeat(verdict) is verdict


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (Found(Progress(), frozenset(), ME, 1), Outcome.REFUSED),
        (Found(unrecorded(reaped=1, unknowns=1), frozenset(), None, 2), Outcome.REFUSED),
        (Found(unrecorded(reaped=1, unknowns=1), frozenset(), ANOTHER, 2), Outcome.UNKNOWN),
        (Found(unrecorded(reaped=2, unknowns=2), frozenset(), None, 3), Outcome.UNKNOWN),
        (lost_once(), Outcome.REFUSED),
    ],
)
def test_a_conflict_found_late_is_unknown_if_it_may_be_with_another_attempt(
    found: Found, outcome: Outcome
) -> None:
    late = attempt(Outcome.REFUSED, 1, status=422)

    assert as_found(found, late).verdict.outcome is outcome


@pytest.mark.parametrize("name", [*BEGINNINGS, *FINALS])
def test_the_contact_is_kept_only_while_a_repeat_must_send_the_same(name: str) -> None:
    states: dict[str, Progress] = BEGINNINGS | {str(k): v for k, v in FINALS.items()}

    assert keeps_contact(states[name]) == (name == "retry?")


# Any life of a message


class Life:
    """A message, and which of its attempts nobody is certain about."""

    def __init__(self, *, is_idempotent: bool) -> None:
        self.progress = Progress()
        self.numbers: set[int] = set()  # on record
        self.uncertain: set[int] = set()
        self.given_up: list[int] = []  # and not answered yet
        self.is_idempotent = is_idempotent
        self.steps: list[tuple[Progress, Step]] = []

    def move(self, step: Step) -> None:
        self.steps.append((self.progress, step))
        self.progress = step.progress

    def attempt(self, outcome: Outcome, left: float, jitter: float, number: int) -> None:
        made = attempt(outcome, number, is_idempotent=self.is_idempotent, left=left)
        self.uncertain -= {number}
        self.uncertain |= {number} if outcome is Outcome.UNKNOWN else set()
        if number > self.progress.attempt:
            self.move(attempted(self.progress, made, jitter))
        else:
            found = Found(self.progress, frozenset(self.numbers), None, number + 1)
            self.move(attempted_late(found, made, jitter))
        self.numbers.add(number)

    def give_up(self, left: float, jitter: float) -> None:
        """Let the sender die while an attempt is under way: marked, or only counted."""
        number = self.progress.attempt + 1
        self.uncertain.add(number)
        self.given_up.append(number)
        if self.is_idempotent:
            unknowns = self.progress.unknowns + 1
            self.progress = replace(self.progress, attempt=number, unknowns=unknowns)
            return
        made = attempt(
            Outcome.UNKNOWN, number, is_idempotent=False, left=left, kind=AttemptKind.LOST
        )
        found = Found(self.progress, frozenset(self.numbers), None, number)
        self.numbers.add(number)
        self.move(attempted_late(found, made, jitter))


REJECTIONS = [NO_PHONE, CLIENT_REMOVED, TEMPLATE_INVALID, suppressed(SuppressedReason.CAPPED)]
FATES = st.one_of(
    st.tuples(
        st.just("try"),
        st.sampled_from(Outcome),
        st.floats(-5, 5_000),
        st.floats(0, 1, exclude_max=True),
    ),
    st.tuples(st.just("die"), st.floats(-5, 5_000)),
    st.tuples(st.just("answer late"), st.sampled_from(Outcome), st.floats(-5, 5_000)),
    st.tuples(st.just("reject"), st.sampled_from(REJECTIONS)),
    st.tuples(st.just("end"), st.booleans()),
)


def live(life: Life, fates: list[Any], now: Instant) -> None:
    for fate, *what in fates:
        is_open = life.progress.state in OPEN
        if fate == "try" and is_open:
            outcome, left, jitter = what
            life.attempt(outcome, left, jitter, life.progress.attempt + 1)
        elif fate == "die" and is_open:
            life.give_up(what[0], 0.5)
        elif fate == "answer late" and life.given_up:
            life.attempt(what[0], what[1], 0.5, life.given_up.pop())
        elif fate == "reject":
            life.move(rejected(KEY, 0, life.progress, what[0], now))
        elif fate == "end":
            life.move(ended(KEY, 0, life.progress, stopped=STOPPED if what[0] else None, at=now))


@given(st.booleans(), st.lists(FATES, max_size=14))
def test_no_message_ends_as_certain_while_an_attempt_may_have_arrived(
    is_idempotent: bool, fates: list[Any]
) -> None:
    life = Life(is_idempotent=is_idempotent)
    for fate in fates:
        before = life.progress
        live(life, [fate], EPOCH)
        if before.state in OPEN and life.uncertain and life.progress.state not in OPEN:
            assert life.progress.state in (State.DELIVERED, State.UNDETERMINED), fate
        if life.progress.state in OPEN:
            assert life.progress.unknowns >= len(life.uncertain)


@given(st.booleans(), st.lists(FATES, max_size=14))
def test_no_life_of_a_message_breaks_the_laws(is_idempotent: bool, fates: list[Any]) -> None:
    life = Life(is_idempotent=is_idempotent)
    live(life, fates, EPOCH)

    for before, step in life.steps:
        after = step.progress
        assert after.version >= before.version
        assert all(each.version > before.version for each in step.events)
        assert after.attempts >= before.attempts
        assert after.attempt >= before.attempt
        assert before.state in OPEN or after.state in (before.state, State.DELIVERED)
        assert step.retry_at is None or after.state is State.RETRY
        assert after.state is not State.RETRY or step.retry_at is not None
    events = [event for _, step in life.steps for event in step.events]
    finals = [each for each in events if not isinstance(each, MessageAttempted)]
    assert len({type(each) for each in finals}) == len(finals), "each final state once"
    for one, other in pairwise(events):
        assert other.version >= one.version
