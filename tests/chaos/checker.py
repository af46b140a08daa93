"""The checker: holds what is on record against the promises. It shares no code with services."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from tests.chaos.evidence import Attempt, Evidence, Fault, Figures, Message, Request, Run
from tests.chaos.recovered import percentile, recovered_after

NOT_SENT = frozenset({"failed", "expired", "cancelled", "suppressed"})
FINAL = NOT_SENT | {"delivered", "undetermined"}
LAST_START_MS = 500  # before the end: nothing starts in it
AFTER_STOP_MS = 1_000  # what a stopped process held comes soon after it goes on
MUST_BE_NONE = (
    "lost",
    "planned_twice",
    "resent_wrongly",
    "false_undelivered",
    "duplicated_idempotent",
    "unexplained_duplicates",
    "sent_after_end",
    "sent_before_start",
    "started_outside",
    "unplanned_requests",
    "unrecorded_requests",
)
CRASHING = "crash_points_broken"  # where crash points were visited as well
MOST_SHOWN = 10
Json = dict[str, Any]


def check(evidence: Evidence) -> Json:
    """Return the figures, as they stand in `chaos.json`."""
    keys = {each.key: each for each in evidence.messages}
    accepted = {
        name: Counter(each.key for each in gateway.requests if each.is_accepted)
        for name, gateway in evidence.gateways.items()
    }
    taken = sum(accepted.values(), Counter[str]())
    return {
        "planned": sum(each.clients for each in evidence.expected.values()),
        "final_by_status": dict(Counter(each.status for each in evidence.messages)),
        **_of_messages(evidence, keys, taken),
        **_of_duplicates(evidence, keys, accepted),
        **_of_windows(evidence, keys),
        **_of_requests(evidence, keys),
        **_of_faults(evidence),
        "stats_equal": not (differing := _differing(evidence)),
        "stats_differing": differing[:MOST_SHOWN],
        "rebuild_equal": dict(evidence.statistics) == dict(evidence.rebuilt),
        "requests": sum(len(each.requests) for each in evidence.gateways.values()),
        "mailings": len(evidence.expected),
        "seeds": [evidence.seed],
    }


def broken(figures: Mapping[str, Any]) -> list[str]:
    """Return which promises do not hold, by the names of their figures."""
    wrong = [name for name in (*MUST_BE_NONE, CRASHING) if figures.get(name)]
    wrong += [name for name in ("stats_equal", "rebuild_equal") if not figures[name]]
    wrong += [name for name in ("planned", "requests") if not figures[name]]
    return wrong


def _of_messages(evidence: Evidence, keys: Mapping[str, Message], taken: Counter[str]) -> Json:
    resends = {each.run_id for each in evidence.runs if each.resent_from}
    by_mailing = {each.run_id: each.mailing_id for each in evidence.runs}
    runs = Counter(each.mailing_id for each in evidence.runs if each.run_id not in resends)
    first = [each for each in keys.values() if each.run_id not in resends]
    planned = Counter(by_mailing.get(each.run_id) for each in first)
    wanted = {each: mailing.clients for each, mailing in evidence.expected.items()}
    missed = {
        each
        for each, at_ms in evidence.missed.items()
        if each in wanted and not runs[each] and at_ms >= evidence.expected[each].ends_at_ms
    }
    missing = sum(max(0, n - planned[each]) for each, n in wanted.items() if each not in missed)
    surplus = sum(max(0, n - wanted.get(each, 0)) for each, n in planned.items() if each)
    wrong = [
        f"{each}: {planned[each]} planned in {runs[each]} runs, {wanted.get(each, 0)} wanted"
        for each in (*wanted, *(other for other in planned if other and other not in wanted))
        if runs[each] > 1 or (planned[each] != wanted.get(each, 0) and each not in missed)
    ]
    twice = len(evidence.messages) - len(keys)
    refired = sum(n - 1 for n in runs.values()) + sum(n for n in (planned[None],) if n)
    not_final = sum(each.status not in FINAL for each in evidence.messages)
    never_taken = sum(each.status == "delivered" and not taken[key] for key, each in keys.items())
    return {
        "lost": missing + not_final + never_taken,
        "missing": missing,
        "missed": sum(wanted[each] for each in missed),
        "not_final": not_final,
        "false_delivered": never_taken,
        "false_undelivered": sum(
            each.status in NOT_SENT and bool(taken[key]) for key, each in keys.items()
        ),
        "planned_twice": surplus + twice + refired,
        "planned_wrongly": wrong[:MOST_SHOWN],
        "resent_wrongly": _resent_wrongly(evidence),
    }


def _resent_wrongly(evidence: Evidence) -> int:
    """Count clients to whom a run was resent that they had got, and those who were left out."""
    clients: defaultdict[UUID, set[UUID]] = defaultdict(set)
    without: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for each in evidence.messages:
        clients[each.run_id].add(each.client_id)
        if each.status in NOT_SENT:
            without[each.run_id].add(each.client_id)
    return sum(
        len(clients[each.run_id] ^ without[each.resent_from])
        for each in evidence.runs
        if each.resent_from is not None
    )


def _of_duplicates(
    evidence: Evidence, keys: Mapping[str, Message], accepted: Mapping[str, Counter[str]]
) -> Json:
    unknown = _unknown(evidence.attempts)
    idempotent = plain = unexplained = 0
    for name, counts in accepted.items():
        for key, times in counts.items():
            if not key or times == 1:
                continue
            if evidence.gateways[name].is_idempotent:
                idempotent += times - 1
                continue
            plain += times - 1
            message = keys.get(key)
            known = unknown[message.run_id, message.client_id] if message else 0
            unexplained += max(0, times - 1 - known)
    return {
        "duplicated_idempotent": idempotent,
        "duplicated_plain": plain,
        "unexplained_duplicates": unexplained,
    }


def _unknown(attempts: Iterable[Attempt]) -> Counter[tuple[UUID, UUID]]:
    found = {
        (each.run_id, each.client_id, each.number)
        for each in attempts
        if each.outcome == "unknown"
    }
    return Counter((run, client) for run, client, _ in found)


def _of_windows(evidence: Evidence, keys: Mapping[str, Message]) -> Json:
    runs = {each.run_id: each for each in evidence.runs}
    early = late = explained = 0
    for gateway in evidence.gateways.values():
        for request in gateway.requests:
            message = keys.get(request.key)
            run = runs.get(message.run_id) if message else None
            if run is None:
                continue
            early += request.at_ms < run.starts_at_ms
            if request.at_ms > run.ends_at_ms:
                held = _was_held(evidence.faults, run, request, gateway.process)
                explained, late = explained + held, late + (not held)
    outside = sum(
        not runs[each.run_id].starts_at_ms
        <= each.started_at_ms
        <= runs[each.run_id].ends_at_ms - LAST_START_MS
        for each in evidence.attempts
        if each.run_id in runs
    )
    return {
        "sent_after_end": late,
        "late_explained": explained,
        "sent_before_start": early,
        "started_outside": outside,
    }


def _was_held(faults: Iterable[Fault], run: Run, request: Request, process: str) -> bool:
    """Return whether a process that stood still, or a bad link, held a request across the end."""
    return any(
        _may_hold(fault, process)
        and fault.at_ms <= run.ends_at_ms
        and request.at_ms <= fault.until_ms + AFTER_STOP_MS
        and fault.until_ms >= run.ends_at_ms
        for fault in faults
    )


def _may_hold(fault: Fault, process: str) -> bool:
    """Return whether a fault holds requests to a gateway that were started before."""
    match fault.kind:
        case "stop":
            return fault.target == process or fault.target.startswith("dispatcher")
        case "stall" | "delay":
            return fault.target == f"dispatcher-{process}"
        case _:
            return False


def _of_requests(evidence: Evidence, keys: Mapping[str, Message]) -> Json:
    """Count requests for messages that nobody planned, or that no attempt is on record of."""
    numbers: defaultdict[tuple[UUID, UUID], set[int]] = defaultdict(set)
    for each in evidence.attempts:
        numbers[each.run_id, each.client_id].add(each.number)
    unplanned = unrecorded = 0
    gateway_of = {each.run_id: each.gateway for each in evidence.runs}
    for name, gateway in evidence.gateways.items():
        for key, times in Counter(each.key for each in gateway.requests if each.key).items():
            message = keys.get(key)
            if message is None or gateway_of.get(message.run_id) != name:
                unplanned += times
            elif not gateway.is_idempotent:
                tried = len(numbers[message.run_id, message.client_id])
                unrecorded += max(0, times - tried)
    return {"unplanned_requests": unplanned, "unrecorded_requests": unrecorded}


def _tables(evidence: Evidence) -> dict[UUID, Figures]:
    """Return what statistics should say, from the dispatcher's tables."""
    statuses: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
    for message in evidence.messages:
        statuses[message.run_id][message.status] += 1
    attempts = Counter(
        run
        for run, _, _ in {
            (each.run_id, each.client_id, each.number)
            for each in evidence.attempts
            if each.kind != "start"
        }
    )
    return {
        each.run_id: Figures(dict(statuses[each.run_id]), attempts[each.run_id])
        for each in evidence.runs
    }


def _differing(evidence: Evidence) -> list[str]:
    """Say of each run whose statistics are not what the tables have, what both have."""
    tables = _tables(evidence)
    return [
        f"{each}: {tables.get(each)} in tables, {evidence.statistics.get(each)} in statistics"
        for each in {**tables, **evidence.statistics}
        if tables.get(each) != evidence.statistics.get(each)
    ]


def _of_faults(evidence: Evidence) -> Json:
    kills = [each.in_flight for each in evidence.faults if each.kind == "kill"]
    by_kind = Counter(f"{each.kind} {each.target.split('.')[0]}" for each in evidence.faults)
    recoveries = recovered_after(evidence.faults, evidence.samples)
    return {
        "faults": len(evidence.faults),
        "ended_by_themselves": list(evidence.ended),
        "faults_by_kind": dict(sorted(by_kind.items())),
        "kills": len(kills),
        "inflight_mean_at_kill": round(sum(kills) / len(kills), 1) if kills else None,
        "connections": evidence.connections,
        "recoveries_s": recoveries,
        "recovery_p50_s": percentile(recoveries, 50),
        "recovery_p95_s": percentile(recoveries, 95),
    }


ADDED = (
    *MUST_BE_NONE,
    *(
        "planned",
        "missing",
        "missed",
        "planned_wrongly",
        "stats_differing",
        "not_final",
        "false_delivered",
        "duplicated_plain",
        "late_explained",
    ),
    *("faults", "kills", "requests", "mailings", "recoveries_s", "seeds"),
)


def added(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> Json:
    """Return the figures of two rounds as if they had been one."""
    # An earlier round may not have counted all of it yet.
    before = {name: earlier.get(name, type(now[name])()) for name in ADDED}
    both = dict(now) | {name: before[name] + now[name] for name in ADDED}
    for name in ("crash_points", CRASHING, "ended_by_themselves"):
        both[name] = earlier.get(name, []) + now.get(name, [])
    for name in ("final_by_status", "faults_by_kind"):
        both[name] = dict(sorted((Counter(earlier[name]) + Counter(now[name])).items()))
    for name in ("stats_equal", "rebuild_equal"):
        both[name] = earlier[name] and now[name]
    in_flight = [
        each["inflight_mean_at_kill"] * each["kills"] for each in (earlier, now) if each["kills"]
    ]
    both["inflight_mean_at_kill"] = (
        round(sum(in_flight) / both["kills"], 1) if both["kills"] else None
    )
    both["recovery_p50_s"] = percentile(both["recoveries_s"], 50)
    both["recovery_p95_s"] = percentile(both["recoveries_s"], 95)
    return both
