"""The checker notices each bug that it is shown, and nothing where all is well."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from tests.chaos.checker import added, broken, check
from tests.chaos.evidence import (
    Attempt,
    Evidence,
    Fault,
    Figures,
    Gateway,
    Mailing,
    Message,
    Request,
    Run,
    Sample,
)
from tests.chaos.recovered import percentile, recovered_after

CLIENTS = [UUID(int=n) for n in range(1, 6)]
START, END = 1_000_000, 1_060_000
HTTP, PLAIN = UUID(int=100), UUID(int=200)  # the runs; mailings have the same numbers and one more


LATE = UUID(int=400)  # a mailing whose window was over before it could begin


def mailing_of(run: UUID) -> UUID:
    return UUID(int=run.int + 1)


def message(run: UUID, n: int, status: str = "delivered") -> Message:
    return Message(run, CLIENTS[n], status)


def request(run: UUID, n: int, at_ms: int = START + 100, *, accepted: bool = True) -> Request:
    return Request(at_ms, message(run, n).key, accepted)


def attempt(run: UUID, n: int, number: int = 1, outcome: str = "accepted") -> Attempt:
    return Attempt(run, CLIENTS[n], number, "answer", outcome, START + 100)


def well() -> Evidence:
    """Give what is on record when all is well.

    The last message of the plain gateway was handed over twice, and that is explained.
    """
    figures = {
        HTTP: Figures({"delivered": 5}, 5),
        PLAIN: Figures({"delivered": 4, "expired": 1}, 5),
    }
    known = Gateway("gateway", is_idempotent=True, requests=[request(HTTP, n) for n in range(5)])
    handed = [request(PLAIN, n) for n in (0, 1, 2, 3, 3)]
    unknown = replace(attempt(PLAIN, 3, 1, "unknown"), kind="lost")
    return Evidence(
        expected={each: Mailing(5, END) for each in (*map(mailing_of, (HTTP, PLAIN)), LATE)},
        missed={LATE: END + 20},
        gateways={"http": known, "plain": Gateway("plain", is_idempotent=False, requests=handed)},
        runs=[
            Run(HTTP, mailing_of(HTTP), "http", START, END),
            Run(PLAIN, mailing_of(PLAIN), "plain", START, END),
        ],
        messages=[
            *(message(HTTP, n) for n in range(5)),
            *(message(PLAIN, n) for n in range(4)),
            message(PLAIN, 4, "expired"),
        ],
        attempts=[
            *(attempt(HTTP, n) for n in range(5)),
            *(attempt(PLAIN, n) for n in range(3)),
            replace(unknown, kind="start", outcome=None),
            unknown,
            attempt(PLAIN, 3, 2),
        ],
        statistics=figures,
        rebuilt=figures,
        connections=8,
        seed=1,
        faults=[Fault("kill", "dispatcher.2", START + 50, START + 900, 6)],
        samples=[
            Sample(START + 60, None, is_sending=False),
            Sample(START + 1_050, 0.5, is_sending=True),
        ],
    )


@dataclass(frozen=True)
class Bug:
    """A change of what is on record, and the figure that shows it."""

    name: str
    shows: str
    make: Callable[[Evidence], Evidence]


def with_message(evidence: Evidence, at: int, status: str) -> Evidence:
    changed = list(evidence.messages)
    changed[at] = replace(changed[at], status=status)
    return replace(evidence, messages=changed)


def without_message(evidence: Evidence, at: int) -> Evidence:
    return replace(evidence, messages=[*evidence.messages[:at], *evidence.messages[at + 1 :]])


def with_requests(evidence: Evidence, gateway: str, *requests: Request) -> Evidence:
    known = evidence.gateways[gateway]
    changed = replace(known, requests=[*known.requests, *requests])
    return replace(evidence, gateways={**evidence.gateways, gateway: changed})


def without_request(evidence: Evidence, gateway: str, at: int) -> Evidence:
    known = evidence.gateways[gateway]
    changed = replace(known, requests=[*known.requests[:at], *known.requests[at + 1 :]])
    return replace(evidence, gateways={**evidence.gateways, gateway: changed})


def with_statistics(evidence: Evidence, run: UUID, figures: Figures | None) -> Evidence:
    changed = {**evidence.statistics, run: figures}
    kept = {each: found for each, found in changed.items() if found is not None}
    return replace(evidence, statistics=kept, rebuilt=kept)


def with_attempts(evidence: Evidence, *attempts: Attempt) -> Evidence:
    return replace(evidence, attempts=[*evidence.attempts, *attempts])


def stopped(
    evidence: Evidence, until_ms: int, target: str = "dispatcher.2", kind: str = "stop"
) -> Evidence:
    fault = Fault(kind, target, END - 1_000, until_ms, 3)
    return replace(evidence, faults=[*evidence.faults, fault])


def late(evidence: Evidence, after_ms: int) -> Evidence:
    return with_requests(evidence, "http", request(HTTP, 0, END + after_ms, accepted=False))


def with_resend(evidence: Evidence, *clients: int) -> Evidence:
    run = Run(UUID(int=500), mailing_of(PLAIN), "plain", START, END, resent_from=PLAIN)
    messages = [replace(message(run.run_id, n), status="expired") for n in clients]
    figures = Figures({"expired": len(messages)} if messages else {}, 0)
    changed = {**evidence.statistics, run.run_id: figures}
    return replace(
        evidence,
        runs=[*evidence.runs, run],
        messages=[*evidence.messages, *messages],
        statistics=changed,
        rebuilt=changed,
    )


BUGS = (
    Bug("a client was never planned", "lost", lambda e: without_message(e, 0)),
    Bug(
        "a mailing never began",
        "lost",
        lambda e: replace(e, expected={**e.expected, UUID(int=9): Mailing(3, END)}),
    ),
    Bug("missed, nobody knows why", "lost", lambda e: replace(e, missed={})),
    Bug("missed before its end", "lost", lambda e: replace(e, missed={LATE: END - 1})),
    Bug(
        "missed, and it began",
        "lost",
        lambda e: replace(without_message(e, 0), missed={**e.missed, mailing_of(HTTP): END + 9}),
    ),
    Bug("a message stays planned", "lost", lambda e: with_message(e, 1, "planned")),
    Bug("a message waits for ever", "lost", lambda e: with_message(e, 6, "retry")),
    Bug("the gateway has not what is delivered", "lost", lambda e: without_request(e, "http", 2)),
    Bug("a plain one has not either", "false_delivered", lambda e: without_request(e, "plain", 0)),
    Bug("garbage is delivered", "lost", lambda e: with_message(e, 9, "delivered")),
    Bug("failed, but it has it", "false_undelivered", lambda e: with_message(e, 0, "failed")),
    Bug("expired, but it has it", "false_undelivered", lambda e: with_message(e, 5, "expired")),
    Bug(
        "suppressed, but it has it",
        "false_undelivered",
        lambda e: with_message(e, 7, "suppressed"),
    ),
    Bug(
        "cancelled, but it has it", "false_undelivered", lambda e: with_message(e, 7, "cancelled")
    ),
    Bug(
        "an occurrence fires twice",
        "planned_twice",
        lambda e: replace(
            e, runs=[*e.runs, Run(UUID(int=300), mailing_of(HTTP), "http", START, END)]
        ),
    ),
    Bug(
        "a client is planned twice",
        "planned_twice",
        lambda e: replace(e, messages=[*e.messages, message(HTTP, 0)]),
    ),
    Bug(
        "a client of nobody is planned",
        "planned_twice",
        lambda e: replace(e, messages=[*e.messages, Message(PLAIN, UUID(int=77), "expired")]),
    ),
    Bug(
        "a run of no mailing",
        "planned_twice",
        lambda e: replace(e, messages=[*e.messages, Message(UUID(int=5), CLIENTS[0], "failed")]),
    ),
    Bug("a resend leaves out who got nothing", "resent_wrongly", with_resend),
    Bug("it goes to who got it", "resent_wrongly", lambda e: with_resend(e, 0, 4)),
    Bug(
        "an idempotent gateway takes twice",
        "duplicated_idempotent",
        lambda e: with_requests(e, "http", request(HTTP, 0)),
    ),
    Bug(
        "a duplicate without an unknown attempt",
        "unexplained_duplicates",
        lambda e: with_attempts(
            with_requests(e, "plain", request(PLAIN, 0)), attempt(PLAIN, 0, 2)
        ),
    ),
    Bug(
        "a third time with one unknown attempt",
        "unexplained_duplicates",
        lambda e: with_requests(e, "plain", request(PLAIN, 3)),
    ),
    Bug(
        "one unknown attempt recorded twice explains one",
        "unexplained_duplicates",
        lambda e: with_requests(
            with_attempts(e, replace(attempt(PLAIN, 3, 1, "unknown"), kind="answer")),
            "plain",
            request(PLAIN, 3),
        ),
    ),
    Bug("a request after the end", "sent_after_end", lambda e: late(e, 1)),
    Bug("long after a stop", "sent_after_end", lambda e: late(stopped(e, END + 10), 5_000)),
    Bug("a stop before the end", "sent_after_end", lambda e: late(stopped(e, END - 10), 300)),
    Bug(
        "a stop of another kind",
        "sent_after_end",
        lambda e: late(stopped(e, END + 900, "scheduler"), 700),
    ),
    Bug(
        "a request before the start",
        "sent_before_start",
        lambda e: with_requests(e, "http", request(HTTP, 0, START - 1, accepted=False)),
    ),
    Bug(
        "an attempt starts in the last moment",
        "started_outside",
        lambda e: with_attempts(e, replace(attempt(HTTP, 0), started_at_ms=END - 499)),
    ),
    Bug(
        "an attempt starts too early",
        "started_outside",
        lambda e: with_attempts(e, replace(attempt(HTTP, 0), started_at_ms=START - 1)),
    ),
    Bug(
        "a message that nobody planned",
        "unplanned_requests",
        lambda e: with_requests(e, "http", Request(START, "somebody", is_accepted=False)),
    ),
    Bug(
        "a message at the wrong gateway",
        "unplanned_requests",
        lambda e: with_requests(e, "http", request(PLAIN, 4, accepted=False)),
    ),
    Bug(
        "a request without an attempt on record",
        "unrecorded_requests",
        lambda e: with_requests(e, "plain", request(PLAIN, 4, accepted=False)),
    ),
    Bug(
        "statistics miss a message",
        "stats_equal",
        lambda e: with_statistics(e, HTTP, Figures({"delivered": 4}, 5)),
    ),
    Bug(
        "statistics have another state",
        "stats_equal",
        lambda e: with_statistics(e, PLAIN, Figures({"delivered": 4, "failed": 1}, 5)),
    ),
    Bug(
        "statistics count an attempt twice",
        "stats_equal",
        lambda e: with_statistics(e, HTTP, Figures({"delivered": 5}, 6)),
    ),
    Bug("statistics miss a run", "stats_equal", lambda e: with_statistics(e, PLAIN, None)),
    Bug(
        "built anew they differ",
        "rebuild_equal",
        lambda e: replace(e, rebuilt={**e.rebuilt, HTTP: Figures({"delivered": 5}, 4)}),
    ),
    Bug("they cannot be built anew", "rebuild_equal", lambda e: replace(e, rebuilt={})),
    Bug("nothing was planned", "planned", lambda e: replace(e, expected={})),
    Bug("nothing was sent", "requests", lambda e: replace(e, gateways={})),
)


def test_where_all_is_well_no_promise_is_broken() -> None:
    figures = check(well())

    assert broken(figures) == []
    assert figures["planned"] == 15
    assert figures["final_by_status"] == {"delivered": 9, "expired": 1}
    assert figures["duplicated_plain"] == 1
    assert figures["inflight_mean_at_kill"] == 6
    assert figures["recovery_p95_s"] == 1.0


def test_a_run_that_is_resent_to_those_who_got_nothing_is_no_second_one() -> None:
    assert broken(check(with_resend(well(), 4))) == []


@pytest.mark.parametrize("bug", BUGS, ids=[each.name for each in BUGS])
def test_a_bug_is_noticed(bug: Bug) -> None:
    assert bug.shows in broken(check(bug.make(well()))) or (
        bug.shows == "false_delivered" and check(bug.make(well()))["false_delivered"]
    )


def test_a_mailing_whose_plan_is_not_what_was_wanted_is_named() -> None:
    unknown = replace(well(), expected={mailing_of(PLAIN): well().expected[mailing_of(PLAIN)]})
    wanted = len([each for each in well().messages if each.run_id == HTTP])

    assert check(well())["planned_wrongly"] == []
    assert check(unknown)["planned_wrongly"] == [
        f"{mailing_of(HTTP)}: {wanted} planned in 1 runs, 0 wanted"
    ]


@pytest.mark.parametrize("target", ["dispatcher.2", "gateway"])
def test_what_a_stopped_process_held_across_the_end_is_set_apart(target: str) -> None:
    figures = check(late(stopped(well(), END + 2_000, target), 2_500))

    assert broken(figures) == []
    assert figures["late_explained"] == 1


@pytest.mark.parametrize("kind", ["stall", "delay"])
@pytest.mark.parametrize(
    ("target", "is_explained"), [("dispatcher-gateway", True), ("dispatcher-postgres", False)]
)
def test_what_a_bad_link_to_the_gateway_held_is_set_apart(
    kind: str, target: str, is_explained: bool
) -> None:
    figures = check(late(stopped(well(), END + 2_000, target, kind), 2_500))

    assert figures["late_explained"] == is_explained
    assert broken(figures) == ([] if is_explained else ["sent_after_end"])


def test_rounds_add_up() -> None:
    good = check(well())
    bad = check(late(well(), 1))
    both = added(good, bad)

    assert broken(both) == ["sent_after_end"]
    assert both["planned"] == 30
    assert both["faults"] == 2
    assert both["final_by_status"] == {"delivered": 18, "expired": 2}
    assert both["inflight_mean_at_kill"] == 6
    assert both["seeds"] == [1, 1]


def test_a_kill_is_got_over_at_the_first_good_moment_after_the_last_bad_one() -> None:
    faults = [Fault("kill", "stats", 0, 5, 1), Fault("kill", "kafka", 10_000, 10_005, 1)]
    samples = [
        Sample(100, 0.1, is_sending=True),  # not noticed yet
        Sample(400, 3.0, is_sending=True),
        Sample(900, 0.1, is_sending=False),
        Sample(1_500, 0.1, is_sending=True),
        Sample(10_100, None, is_sending=True),
        Sample(14_000, 2.0, is_sending=True),
    ]

    assert recovered_after(faults, samples) == [1.5, 4.0]


def test_percentiles_are_values_that_were_there() -> None:
    assert percentile([], 95) is None
    assert percentile([3, 1, 2], 50) == 2
    assert percentile(list(range(1, 101)), 95) == 95
