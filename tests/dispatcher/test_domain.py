"""The rules of a message on its way."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.dispatcher.domain.contact import Contact, tellable, unfit
from services.dispatcher.domain.message import (
    DELIVERED_VERSION,
    OPEN,
    Progress,
    Ruling,
    Terms,
    after_attempt,
    backoff_s,
    final_event,
    state_at_end,
)
from services.dispatcher.domain.outcome import Outcome, Verdict
from shared.contracts.catalog import GatewayName
from shared.contracts.dispatcher import (
    MessageCancelled,
    MessageDelivered,
    MessageExpired,
    MessageFailed,
    MessageUndetermined,
    State,
)
from shared.event import Instant
from shared.template import compile_template

NOW = 1_000_000.0
ANNA = Contact("79161234567", "916", "Europe/Moscow", None, "Anna", None)


def terms(*, is_idempotent: bool = True, left: float = 3_600.0) -> Terms:
    """Return terms under which a window has `left` seconds to its last start."""
    return Terms(is_idempotent, NOW, NOW + left, backoff_base_s=2, backoff_cap_s=600)


def ruling(
    outcome: Outcome,
    *,
    before: Progress | None = None,
    number: int = 1,
    terms: Terms = terms(),  # noqa: B008 - frozen
    chance: float = 0.5,
) -> Ruling:
    return after_attempt(before or Progress(), number, Verdict(outcome, "why"), terms, chance)


@pytest.mark.parametrize("left", [3_600.0, 0.5, -1.0])
@pytest.mark.parametrize("is_idempotent", [True, False])
@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Outcome.ACCEPTED, State.DELIVERED), (Outcome.REFUSED, State.FAILED)],
)
def test_a_clear_answer_is_final_for_every_gateway_and_at_any_time(
    outcome: Outcome, state: State, left: float, *, is_idempotent: bool
) -> None:
    after, due = ruling(outcome, terms=terms(is_idempotent=is_idempotent, left=left))

    assert (after.state, after.attempts, after.attempt, due) == (state, 1, 1, None)


@pytest.mark.parametrize(
    ("outcome", "is_idempotent", "unknowns", "left", "state"),
    [
        (Outcome.NOT_PROCESSED, True, 0, 3_600.0, State.RETRY),
        (Outcome.NOT_PROCESSED, False, 0, 3_600.0, State.RETRY),
        (Outcome.NOT_PROCESSED, False, 1, 3_600.0, State.RETRY),
        (Outcome.NOT_PROCESSED, True, 0, 0.5, State.EXPIRED),
        (Outcome.NOT_PROCESSED, False, 1, 0.5, State.EXPIRED),
        (Outcome.UNKNOWN, True, 0, 3_600.0, State.RETRY),
        (Outcome.UNKNOWN, True, 7, 3_600.0, State.RETRY),
        (Outcome.UNKNOWN, True, 0, 0.5, State.UNDETERMINED),
        (Outcome.UNKNOWN, False, 0, 3_600.0, State.RETRY),
        (Outcome.UNKNOWN, False, 0, 0.5, State.UNDETERMINED),
        (Outcome.UNKNOWN, False, 1, 3_600.0, State.UNDETERMINED),
        (Outcome.UNKNOWN, False, 1, 0.5, State.UNDETERMINED),
    ],
)
def test_what_follows_from_a_failure_depends_on_gateway_past_and_window(
    outcome: Outcome, *, is_idempotent: bool, unknowns: int, left: float, state: State
) -> None:
    before = Progress(State.RETRY, 1, 1, 1, unknowns, is_unknown=bool(unknowns), reason="before")

    after, due = ruling(
        outcome,
        before=before,
        number=2,
        terms=terms(is_idempotent=is_idempotent, left=left),
    )

    assert after == Progress(
        state,
        attempts=2,
        attempt=2,
        version=2,
        unknowns=unknowns + (outcome is Outcome.UNKNOWN),
        is_unknown=outcome is Outcome.UNKNOWN,
        reason="why",
    )
    assert due == (NOW + 2.0 if state is State.RETRY else None)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.NOT_PROCESSED, Outcome.UNKNOWN])
@pytest.mark.parametrize("state", sorted(set(State) - OPEN))
def test_a_late_failure_moves_no_final_state(state: State, outcome: Outcome) -> None:
    before = Progress(state, 1, 2, 5, reason="first")

    after, due = ruling(outcome, before=before)

    assert (after.state, after.reason, due) == (state, "first", None)
    assert (after.attempts, after.attempt, after.version) == (2, 2, 6)


@pytest.mark.parametrize("state", State)
def test_a_late_success_wins_over_everything(state: State) -> None:
    after, due = ruling(Outcome.ACCEPTED, before=Progress(state, 3, 3, 40))

    assert (after.state, after.version, due) == (State.DELIVERED, DELIVERED_VERSION + 4, None)


def test_attempts_count_what_is_on_record_and_numbers_only_grow() -> None:
    after, _ = ruling(Outcome.NOT_PROCESSED, before=Progress(State.RETRY, 1, 7, 1), number=4)

    assert (after.attempts, after.attempt) == (2, 7)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waiting_is_random_up_to_a_bound_that_doubles_to_a_cap(
    attempts: int, chance: float
) -> None:
    wait = backoff_s(attempts, terms(), chance)

    assert 0 <= wait <= min(600, 2 * 2 ** min(attempts - 1, 100))
    assert backoff_s(attempts, terms(), 0.0) == 0
    assert wait == chance * backoff_s(attempts, terms(), 1.0)


@pytest.mark.parametrize(("attempts", "most"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 600)])
def test_the_bound_of_waiting(attempts: int, most: float) -> None:
    assert backoff_s(attempts, terms(), 1.0) == most


def progress() -> st.SearchStrategy[Progress]:
    return st.builds(
        Progress,
        st.sampled_from(State),
        attempts=st.integers(0, 50),
        attempt=st.integers(0, 60),
        version=st.integers(0, 200),
        unknowns=st.integers(0, 50),
        is_unknown=st.booleans(),
        reason=st.none() | st.just("before"),
    )


@given(
    progress(),
    st.lists(
        st.tuples(
            st.sampled_from(Outcome),
            st.integers(1, 60),
            st.booleans(),
            st.floats(-5, 5_000),
            st.floats(0, 1, exclude_max=True),
        ),
        max_size=12,
    ),
)
def test_no_life_of_a_message_breaks_the_laws(before: Progress, story: list[Any]) -> None:
    if before.state is State.DELIVERED:
        before = replace(before, version=DELIVERED_VERSION + before.attempts)
    for outcome, number, is_idempotent, left, chance in story:
        after, due = ruling(
            outcome,
            before=before,
            number=number,
            terms=terms(is_idempotent=is_idempotent, left=left),
            chance=chance,
        )

        assert after.version > before.version
        assert after.attempts == before.attempts + 1
        assert after.attempt >= max(before.attempt, number)
        assert before.state in OPEN or after.state in (before.state, State.DELIVERED)
        assert (due is not None) == (after.state is State.RETRY and before.state in OPEN)
        assert due is None or NOW <= due < NOW + left
        assert outcome is not Outcome.ACCEPTED or after.state is State.DELIVERED
        before = after


@pytest.mark.parametrize(
    ("is_unknown", "is_stopped", "state"),
    [
        (False, False, State.EXPIRED),
        (False, True, State.CANCELLED),
        (True, False, State.UNDETERMINED),
        (True, True, State.UNDETERMINED),
    ],
)
def test_an_open_message_ends_as_what_is_known_of_it(
    *, is_unknown: bool, is_stopped: bool, state: State
) -> None:
    assert state_at_end(Progress(is_unknown=is_unknown), is_stopped=is_stopped) is state


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (State.DELIVERED, MessageDelivered),
        (State.EXPIRED, MessageExpired),
        (State.UNDETERMINED, MessageUndetermined),
        (State.FAILED, MessageFailed),
        (State.CANCELLED, MessageCancelled),
        (State.PLANNED, None),
        (State.RETRY, None),
    ],
)
def test_each_final_state_has_its_event(state: State, kind: type | None, now: Instant) -> None:
    progress = Progress(state, 2, 3, 7, reason="why")

    told = final_event(UUID(int=1), UUID(int=2), progress, now)

    assert type(told) is (kind or type(None))
    if told is None:
        return
    event: Any = told
    assert (event.run_id, event.client_id, event.at) == (UUID(int=1), UUID(int=2), now)
    assert (event.state, event.attempts, event.version) == (state, 2, 7)
    assert getattr(event, "reason", "why") == "why"


@pytest.mark.parametrize(
    ("gateway", "contact", "answer"),
    [
        (GatewayName.HTTP, ANNA, None),
        (GatewayName.LOG, ANNA, None),
        (GatewayName.HTTP, replace(ANNA, phone=None), (State.FAILED, "no_phone")),
        (GatewayName.LOG, replace(ANNA, phone=None), None),
        (GatewayName.HTTP, None, (State.CANCELLED, "client_removed")),
        (GatewayName.LOG, None, (State.CANCELLED, "client_removed")),
    ],
)
def test_what_cannot_be_tried_has_a_state_and_a_reason(
    gateway: GatewayName, contact: Contact | None, answer: tuple[State, str] | None
) -> None:
    assert unfit(gateway, contact) == answer


@pytest.mark.parametrize(
    ("own", "is_told"),
    [
        (None, False),
        ("", True),
        ("gw-1", True),
        ("echo-79161234567-1", False),
        ("+79161234567", False),
        ("89161234567", False),
        ("9161234567", False),
        ("79161234568", True),
        ("anna@example.com", False),
        ("<Anna@Example.COM>.1", False),
        ("ann@example.com", True),
        ("1@gateway", True),
    ],
)
def test_a_gateways_identifier_is_told_if_it_does_not_name_the_client(
    own: str | None, *, is_told: bool
) -> None:
    anna = replace(ANNA, email="Anna@example.com")

    assert tellable(own, anna) == (own if is_told else None)
    assert tellable(own, replace(ANNA, phone=None, email=None)) == own


def test_a_template_is_rendered_with_the_clients_data_and_gaps_stay_empty() -> None:
    template = compile_template(
        "{{ full_name }} {{phone}} {{ email }}{{ operator_code }} {{ time_zone }}{{ comment }}!",
        "/body",
    )

    assert template.render(ANNA) == "Anna 79161234567 916 Europe/Moscow!"
