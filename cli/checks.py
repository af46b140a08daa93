"""The checks: what is wrong with a deployment, and what to do about it. Pure: no I/O."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

from cli.deployment import Lag, Seen
from cli.render import Json, duration

ALIVE = 204
UNAUTHORIZED, NOT_FOUND = 401, 404

# Leases and windows go by the database's clock; logs and certificates by the machines'.
CLOCK_S = 2.0
# Figures are a second or two old where all goes well, and consumers as far behind. Source of the
# upper one: the alert ConsumerBehind.
OLD_S, TOO_OLD_S = 15.0, 120.0
ENOUGH = 20  # attempts of which a share says something
MOST_FAIL = 0.5

SAME = ("KAFKA_SERVERS", "RUN_RETENTION")  # settings that all services must have alike


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"  # something does not work
    WARNING = "warning"  # it works, and should be looked at


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: where, what, and what to do."""

    severity: Severity
    service: str
    check: str
    what: str
    advice: str


Check: TypeAlias = Callable[[Sequence[Seen]], Iterator[Finding]]


def findings(seen: Sequence[Seen]) -> list[Finding]:
    """Return all that is wrong, the worst first."""
    found = [each for check in CHECKS for each in check(seen)]
    return sorted(found, key=lambda each: each.severity is not Severity.ERROR)


def _reachable(seen: Sequence[Seen]) -> Iterator[Finding]:
    for each in seen:
        if each.unreachable is not None:
            what, _, advice = each.unreachable.partition("\n")
            advice = " ".join(advice.replace("What to do:", "").split())
            yield Finding(Severity.ERROR, each.service, "reachable", what, advice)


def _token(seen: Sequence[Seen]) -> Iterator[Finding]:
    for each in seen:
        answer = each.answers.get("/v1/about")
        if answer is None:
            continue
        if answer.status == UNAUTHORIZED:
            what = str(answer.body.get("title", "it wants a token"))
            advice = f"let MAILINGS_TOKEN_FILE, or {each.service.upper()}_API_TOKEN, have it"
            yield Finding(Severity.ERROR, each.service, "token", what, advice)
        elif answer.status == NOT_FOUND:
            what, advice = "it is of a release without /v1/about", "bring it up to date"
            yield Finding(Severity.WARNING, each.service, "version", what, advice)
        elif "token" not in answer.body.get("features", ()) and not _is_here(each.address):
            what = "it answers whoever reaches it: it has no token"
            advice = f"set {each.service.upper()}_API_TOKEN, and …_API_TOKEN_REQUIRED=true"
            yield Finding(Severity.WARNING, each.service, "token", what, advice)


def _alive(seen: Sequence[Seen]) -> Iterator[Finding]:
    advice = "it is ended and started anew by itself; its log says where it hangs (loop.hung)"
    for each in seen:
        for what in _problems(each, "/livez"):
            yield Finding(Severity.ERROR, each.service, "alive", what, advice)


def _ready(seen: Sequence[Seen]) -> Iterator[Finding]:
    advice = "do what it says; if it says nothing, look whether its database answers"
    for each in seen:
        for what in _problems(each, "/readyz"):
            yield Finding(Severity.ERROR, each.service, "ready", what, advice)


def _problems(seen: Seen, path: str) -> Iterator[str]:
    answer = seen.answers.get(path)
    if answer is None:
        if seen.unreachable is None:
            yield f"it does not answer {path}"
    elif answer.status != ALIVE:
        details = [str(each.get("detail")) for each in answer.body.get("errors", ())]
        yield from details or [str(answer.body.get("title", f"it answers {answer.status}"))]


def _versions(seen: Sequence[Seen]) -> Iterator[Finding]:
    versions = {each.service: str(about["version"]) for each, about in _abouts(seen)}
    if len(set(versions.values())) > 1:
        what = "releases differ: " + ", ".join(f"{name} {has}" for name, has in versions.items())
        advice = (
            "finish the rollout; a release works beside the one before it, not with older ones"
        )
        yield Finding(Severity.WARNING, "all", "version", what, advice)


def _zones(seen: Sequence[Seen]) -> Iterator[Finding]:
    releases = {
        each.service: str(about["tzdata"]) for each, about in _abouts(seen) if "tzdata" in about
    }
    if len(set(releases.values())) > 1:
        what = "time zones differ: " + ", ".join(f"{name} {has}" for name, has in releases.items())
        advice = (
            "finish the rollout; until then a preview may show other times than those that come"
        )
        yield Finding(Severity.WARNING, "all", "tzdata", what, advice)


def _settings(seen: Sequence[Seen]) -> Iterator[Finding]:
    for name in SAME:
        values = {each.service: about["settings"].get(name) for each, about in _abouts(seen)}
        if len(set(values.values())) > 1:
            what = f"{name} differs: " + ", ".join(f"{at} {has}" for at, has in values.items())
            advice = "let all services have the same, and restart those that had another"
            yield Finding(Severity.ERROR, "all", "settings", what, advice)


def _clocks(seen: Sequence[Seen]) -> Iterator[Finding]:
    for each, about in _abouts(seen):
        answer, time = each.answers["/v1/about"], datetime.fromisoformat(about["time"])
        early_s = (answer.asked_at - time).total_seconds()
        late_s = (time - answer.answered_at).total_seconds()
        if (off_s := max(early_s, late_s)) > CLOCK_S:
            side = "behind" if early_s > 0 else "ahead of"
            what = f"its machine's clock is {off_s:.1f} s {side} this one"
            advice = "let both machines follow the same time servers (NTP)"
            yield Finding(Severity.WARNING, each.service, "clock", what, advice)


def _freshness(seen: Sequence[Seen]) -> Iterator[Finding]:
    totals = [body for each in seen if (body := each.body("/v1/totals")) is not None]
    for body in totals:
        if body.get("as_of") is None:
            what = "how old figures are is not known: not every service has published its progress"
            advice = "look whether all relays and stats reach Kafka (loop.waiting in their logs)"
            yield Finding(Severity.WARNING, "stats", "freshness", what, advice)
        elif (lag_s := float(body.get("lag_s") or 0)) > OLD_S:
            severity = Severity.ERROR if lag_s > TOO_OLD_S else Severity.WARNING
            what = f"figures are {duration(lag_s)} old"
            advice = (
                "look who is behind: an outbox below, or stats itself (shared.kafka positions)"
            )
            yield Finding(severity, "stats", "freshness", what, advice)


def _outboxes(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Say whose outbox is old; of replicas only the relay at work measures it."""
    for each in seen:
        answer = each.answers.get("/metrics")
        known = [value for _, value in each.metrics.of("outbox_as_of_timestamp_seconds")]
        if answer is None or not known:
            continue
        if (old_s := answer.answered_at.timestamp() - max(known)) > OLD_S:
            what = f"what its outbox holds is {duration(old_s)} old"
            advice = (
                "look whether it reaches Kafka (loop.waiting), and what Kafka refuses (letters)"
            )
            yield Finding(Severity.WARNING, each.service, "outbox", what, advice)


def _consumers(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Say which consumers are behind, and in which topic most."""
    worst: dict[tuple[str, str], Lag] = {}
    for lag in sorted((lag for each in seen for lag in each.lags), key=lambda lag: lag.behind_s):
        worst[lag.service, lag.consumer] = lag
    for lag in (lag for lag in worst.values() if lag.behind_s > OLD_S):
        severity = Severity.ERROR if lag.behind_s > TOO_OLD_S else Severity.WARNING
        what = (
            f"consumer {lag.consumer} is {duration(lag.behind_s)} and {lag.records:,} records "
            f"behind in {lag.topic}"
        )
        advice = (
            "ask again whether that shrinks; if not, look whether it reads (loop.waiting in its "
            "log) or needs more replicas (docs/runbooks/ConsumerBehind.md)"
        )
        yield Finding(severity, lag.service, "consumer", what, advice)


# What waits now, as the tables say: the same in each replica.
LETTERS = {
    "kafka_dead_letters_stored": (
        "records could not be applied, or wait behind such",
        "`python -m shared.kafka letters {service}` shows them; then `replay` or `discard`",
    ),
    "outbox_unpublished": (
        "events were refused by Kafka, or wait behind such",
        "`python -m shared.outbox letters {service}` shows them; then `replay` or `discard`",
    ),
    "loop_set_aside_waiting": (
        "rows are passed over by its loops",
        "its table `set_aside` says which and why; they are tried again by themselves",
    ),
}


def _letters(seen: Sequence[Seen]) -> Iterator[Finding]:
    for each in seen:
        for name, (what, advice) in LETTERS.items():
            if count := each.metrics.sum_of(name):
                doing = advice.format(service=each.service)
                text = f"{count:,.0f} {what}"
                yield Finding(Severity.WARNING, each.service, "letters", text, doing)


def _proof(seen: Sequence[Seen]) -> Iterator[Finding]:
    for each in seen:
        if count := each.metrics.sum_of("stats_runs_differing"):
            what = f"the figures of {count:,.0f} runs differ from the ledger's"
            advice = "`./mailings stats --reconcile` shows which; then rebuild (docs/failures.md)"
            yield Finding(Severity.ERROR, each.service, "figures", what, advice)


def _gateways(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Say which gateways failed of late, by what all replicas saw; older releases say nothing."""
    for each, gateway in _described(seen):
        answers = gateway.get("together", {}).get("answers", {})
        count = sum(answers.values())
        # What a gateway refuses it has answered; the rest says that it is away or slow.
        failed = sum(answers.get(name, 0) for name in ("not_processed", "unknown"))
        if count >= ENOUGH and failed / count > MOST_FAIL:
            share = f"{failed / count:.0%} of {count:,.0f} attempts"
            what = f"gateway {gateway['name']} did not take {share}, or did not say so"
            advice = "look at its address, token and health; messages wait and are tried again"
            yield Finding(Severity.WARNING, each.service, "gateway", what, advice)


def _replicas(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Say who reports nothing any more, once for all gateways of a replica."""
    stale = {
        replica["replica_id"]: (each.service, replica)
        for each, gateway in _described(seen)
        for replica in gateway.get("replicas", ())
        if replica["is_stale"]
    }
    for service, replica in stale.values():
        what = f"replica {replica['replica']} reports nothing since {replica['reported_at']}"
        advice = (
            "if it was killed, others have its work, and it is forgotten after ten minutes; if it "
            "runs, its log says where it hangs (loop.hung)"
        )
        yield Finding(Severity.WARNING, service, "replica", what, advice)


def _described(seen: Sequence[Seen]) -> Iterator[tuple[Seen, Json]]:
    for each in seen:
        for gateway in (each.body("/v1/gateways") or {}).get("items", ()):
            yield each, gateway


def _abouts(seen: Sequence[Seen]) -> Iterator[tuple[Seen, Json]]:
    for each in seen:
        if (about := each.body("/v1/about")) is not None and "version" in about:
            yield each, about


def _is_here(address: str) -> bool:
    """Return whether an address is one of this machine's own."""
    name = urlsplit(address).hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


CHECKS: Sequence[Check] = (
    _reachable,
    _token,
    _alive,
    _ready,
    _versions,
    _zones,
    _settings,
    _clocks,
    _freshness,
    _outboxes,
    _consumers,
    _letters,
    _proof,
    _gateways,
    _replicas,
)
