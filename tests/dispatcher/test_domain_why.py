"""Why a run stands where it does: one reason for each set of facts, the first that holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.dispatcher.domain.why import RunFacts, Why, WhyCode, why

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def facts(**fields: Any) -> RunFacts:
    """Return those of a run that is half an hour old and has messages that nobody has claimed."""
    values: dict[str, Any] = {
        "now": NOW,
        "state": "sending",
        "gateway": "http",
        "starts_at": NOW - HOUR / 2,
        "ends_at": NOW + HOUR / 2,
        "allowed_since": NOW - HOUR / 2,
        "planned": 1_000,
        "open": 1_000,
        "unclaimed": 1_000,
    }
    return RunFacts(**values | fields)


BEGINS, RETRY = NOW + HOUR / 4, NOW + 20 * SECOND
FINISHED = {"state": "finished", "finished_at": NOW - HOUR, "open": 0, "unclaimed": 0}
WAITING = {"unclaimed": 500, "not_due": 500, "next_due_at": NOW + HOUR / 4}
RETRYING = {"open": 3, "unclaimed": 0, "retries": 3, "next_retry_at": RETRY}
PAUSED = {
    "is_mailing_paused": True,
    "mailing_paused_at": NOW - HOUR,
    "mailing_paused_by": "anna",
}
RUN_PAUSED = {"run_paused_at": NOW, "run_paused_by": "bo"}
LEASED = {"unclaimed": 500, "leased": 500}
MISCONFIGURED = {"gateway_problem": "the variable A is not there", "senders": 0}

CODES: list[tuple[dict[str, Any], WhyCode, str]] = [
    ({"state": "archived", "archived_at": NOW}, WhyCode.ARCHIVED, "archived at 2026-03-01 12:00"),
    (FINISHED, WhyCode.ENDED, "ended at 2026-03-01 11:00:00 UTC"),
    (
        {"is_stopped": True},
        WhyCode.STOPPED,
        "Its mailing was stopped; 1,000 messages are still to",
    ),
    ({"is_stopped": True, "is_run_stopped": True}, WhyCode.STOPPED, "It was stopped; 1,000"),
    ({"ends_at": NOW + 0.5 * SECOND}, WhyCode.WINDOW_OVER, "1,000 messages are still to be exp"),
    ({"ends_at": NOW - HOUR, "open": 1}, WhyCode.WINDOW_OVER, "1 message is still to be expired"),
    ({"set_aside_until": RETRY}, WhyCode.SET_ASIDE, "tried again at 2026-03-01 12:00:20 UTC"),
    ({"has_dead_letter": True}, WhyCode.DEAD_LETTER, "until that is replayed or discarded"),
    ({"is_mailing_paused": True}, WhyCode.PAUSED, "Its mailing is paused."),
    (PAUSED, WhyCode.PAUSED, "Its mailing is paused at 2026-03-01 11:00:00 UTC by anna."),
    (RUN_PAUSED, WhyCode.RUN_PAUSED, "The run itself is paused at 2026-03-01 12:00:00 UTC by bo,"),
    (PAUSED | RUN_PAUSED, WhyCode.PAUSED, "and so is the run itself, paused at 2026-03-01 12:00"),
    (RUN_PAUSED | {"run_paused_by": None}, WhyCode.RUN_PAUSED, "UTC, not its mailing."),
    (
        {"gateway_waits_until": RETRY},
        WhyCode.GATEWAY_ASKED_TO_WAIT,
        "asked to wait; it gets nothing until 2026-03-01 12:00:20 UTC.",
    ),
    (
        {"breaker": "open", "breaker_reason": "unauthorized", "next_probe_at": RETRY},
        WhyCode.BREAKER_OPEN,
        "fails (unauthorized), so it gets nothing for now: the next probe goes at 2026-03-01 12:",
    ),
    ({"breaker": "half_open", "breaker_reason": "x"}, WhyCode.BREAKER_OPEN, "probes are sent."),
    ({"gateway_waits_until": NOW, "breaker": "closed"}, WhyCode.BEHIND, "have been due"),
    (
        LEASED | {"rate_per_s": 9.0, "gateway_rate": 10.0},
        WhyCode.RATE_LIMITED,
        "as fast as its gateway's rate allows, about 111 s left.",
    ),
    (LEASED | {"rate_per_s": 9.0, "gateway_rate": 50.0}, WhyCode.SENDING, "9 messages/s, about"),
    ({"is_gateway_known": False}, WhyCode.GATEWAY_UNKNOWN, "described its gateway 'http'"),
    ({"is_gateway_paused": True}, WhyCode.GATEWAY_PAUSED, "Its gateway 'http' is paused."),
    (MISCONFIGURED, WhyCode.GATEWAY_MISCONFIGURED, "'http': the variable A is not there."),
    ({"gateway_problem": "of one replica"}, WhyCode.BEHIND, "due for"),
    ({"starts_at": BEGINS}, WhyCode.NOT_BEGUN, "begins at 2026-03-01 12:15:00 UTC"),
    ({"state": "waiting"}, WhyCode.WAITING_FOR_CLIENTS, "how many is not known yet"),
    ({"state": "waiting", "unread": 2_000}, WhyCode.WAITING_FOR_CLIENTS, "2,000 are left"),
    ({"senders": 0}, WhyCode.NO_DISPATCHER, "through the gateway 'http'"),
    ({"state": "expanding"}, WhyCode.EXPANDING, "1,000 so far"),
    ({"state": "expanding", "open": 9}, WhyCode.EXPANDING, "so far"),  # others lack a contact
    ({"state": "expanding", "last_sent_at": NOW}, WhyCode.BEHIND, "due for 0 s"),
    ({"open": 0, "unclaimed": 0}, WhyCode.FINISHING, "ends in a moment"),
    (RETRYING, WhyCode.WAITING_FOR_RETRY, "the first at 2026-03-01 12:00:20 UTC"),
    (WAITING, WhyCode.WAITING_FOR_TIME, "messages are waiting for their time, the next at"),
    (WAITING | {"unclaimed": 501}, WhyCode.BEHIND, "due for 1,800 s"),
    (WAITING | {"due_retries": 1}, WhyCode.BEHIND, "due for"),
    ({}, WhyCode.BEHIND, "due for 1,800 s, and no sender has taken any"),
    (RETRYING | {"due_retries": 1}, WhyCode.BEHIND, "due for"),
    (LEASED, WhyCode.SENDING, "500 messages are at senders, and nothing came to an end of late"),
    ({"rate_per_s": 50.0}, WhyCode.SENDING, "being sent"),
    (LEASED | {"state": "expanding"}, WhyCode.SENDING, "at senders"),
    (LEASED | {"rate_per_s": 2.0}, WhyCode.SENDING, "2 messages/s, about 8 min left."),
    (LEASED | {"rate_per_s": 0.25}, WhyCode.SENDING, "0.25 messages/s, about 67 min left; at"),
    (LEASED | {"rate_per_s": 0.1}, WhyCode.SENDING, "about 3 h left; at this rate 821 messages"),
    (LEASED | {"rate_per_s": 100.0}, WhyCode.SENDING, "100 messages/s, about 10 s left."),
]


@pytest.mark.parametrize(("known", "code", "words"), CODES)
def test_each_set_of_facts_has_one_reason(
    known: dict[str, Any], code: WhyCode, words: str
) -> None:
    found = why(facts(**known))

    assert found.code is code
    assert words in found.sentence


def test_every_reason_is_in_the_table() -> None:
    assert {code for _, code, _ in CODES} == set(WhyCode)


# What must change first stands first.
IN_ORDER: list[dict[str, Any]] = [
    {"state": "finished"},
    {"is_stopped": True},
    {"ends_at": NOW},
    {"set_aside_until": RETRY},
    {"has_dead_letter": True},
    {"is_mailing_paused": True},
    {"run_paused_at": NOW},
    {"starts_at": BEGINS},
    {"is_gateway_known": False},
    {"is_gateway_paused": True},
    MISCONFIGURED,
    {"senders": 0, "gateway_problem": None},
    {"rate_per_s": 5.0},
]


@pytest.mark.parametrize("first", range(len(IN_ORDER)))
def test_of_several_reasons_the_first_is_given(first: int) -> None:
    alone = why(facts(**IN_ORDER[first]))
    together: dict[str, Any] = {}
    for known in reversed(IN_ORDER[first:]):
        together |= known

    assert why(facts(**together)).code is alone.code


def test_what_waits_for_something_says_until_when() -> None:
    assert why(facts(starts_at=BEGINS)).until == BEGINS
    assert why(facts(set_aside_until=RETRY)).until == RETRY
    assert why(facts(**RETRYING)).until == RETRY


def test_at_a_rate_it_is_known_how_long_it_takes_and_how_many_will_not_make_it() -> None:
    in_time = why(facts(rate_per_s=2.0))
    too_slow = why(facts(rate_per_s=0.1))

    assert (in_time.left_s, in_time.too_late) == (500, 0)
    assert (too_slow.left_s, too_slow.too_late) == (10_000, 1_000 - 179)  # in 1,799.5 s


BEHIND = [
    ({}, 1_800),  # since it was allowed
    ({"allowed_since": NOW - 30 * SECOND}, 30),
    ({"last_sent_at": NOW - 10 * SECOND}, 10),
    ({"last_sent_at": NOW - HOUR, "allowed_since": NOW - 5 * SECOND}, 5),  # resumed since
    ({"unclaimed": 0, "due_retries": 1, "next_retry_at": NOW - 7 * SECOND}, 7),
    ({"unclaimed": 0, "next_retry_at": NOW - HOUR, "due_retries": 1}, 1_800),
]


@pytest.mark.parametrize(("known", "behind_s"), BEHIND)
def test_a_run_is_behind_since_something_could_have_been_sent(
    known: dict[str, Any], behind_s: float
) -> None:
    assert why(facts(**known)) == Why(
        code=WhyCode.BEHIND, sentence=why(facts(**known)).sentence, behind_s=behind_s
    )
