"""The checker of crash points: what is on record of a few mailings during which a process died."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from tests.chaos.checker import broken, check
from tests.chaos.crash_points import Case, During, Leaves
from tests.chaos.evidence import Evidence, Mailing
from tests.chaos.rig import CONNECTIONS

# Final states that there may be beside what is delivered.
ALLOWED: Mapping[During, set[str]] = {
    During.EXPIRY: {"expired"},
    During.RESEND: {"expired"},
    During.RESOLVING: {"failed"},
    During.SUPPRESSION: {"suppressed"},
    During.CAP: {"suppressed"},
    During.BOUNCE: {"failed", "suppressed"},
}


def part_of(evidence: Evidence, mailings: Mapping[UUID, Mailing]) -> Evidence:
    """Return what is on record of these mailings alone."""
    runs = [each for each in evidence.runs if each.mailing_id in mailings]
    run_ids = {each.run_id for each in runs}
    messages = [each for each in evidence.messages if each.run_id in run_ids]
    keys = {each.key for each in messages}
    figures = {key: each for key, each in evidence.statistics.items() if key in run_ids}
    return replace(
        evidence,
        expected=mailings,
        gateways={
            name: replace(each, requests=[one for one in each.requests if one.key in keys])
            for name, each in evidence.gateways.items()
        },
        runs=runs,
        messages=messages,
        attempts=[each for each in evidence.attempts if each.run_id in run_ids],
        statistics=figures,
        rebuilt=figures,
    )


def differences(case: Case, evidence: Evidence) -> list[str]:
    """Say what is not as it should be after a death there."""
    figures = check(evidence)
    found = [f"{name} ({figures[name]})" for name in broken(figures)]
    allowed = {"delivered"} | ALLOWED.get(case.during, set())
    if case.leaves is Leaves.REQUESTS:
        allowed.add("undetermined")
    if not set(figures["final_by_status"]) <= allowed:
        found.append(f"final states {figures['final_by_status']}")
    lost = sum(each.kind == "lost" for each in evidence.attempts)
    answered = sum(each.kind == "answer" for each in evidence.attempts)
    more, twice = figures["requests"] - answered, figures["duplicated_plain"]
    most = CONNECTIONS * (2 if case.during is During.DEATH else 1)
    match case.leaves:
        case Leaves.NOTHING if lost or more > 0:
            found.append(f"{lost} lost attempts, and {more} requests without an answer")
        case Leaves.MARKS if more > 0 or not 0 < lost <= most:
            found.append(f"{lost} lost attempts, and {more} requests without an answer")
        case Leaves.REQUESTS if twice > most or lost > most:
            found.append(f"{twice} came twice, {lost} are lost, {most} were under way")
        case _:
            pass
    return found
