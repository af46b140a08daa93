"""Why a run stands where it does: one reason, decided from facts that were read at one instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.dispatcher.domain.phrases import at, by, duration, messages_are, rate
from services.dispatcher.domain.window import LAST_START_S
from shared.event import Instant


class WhyCode(StrEnum):
    """Why a run stands where it does; programs may rely on these."""

    ARCHIVED = "archived"
    ENDED = "ended"
    STOPPED = "stopped"
    WINDOW_OVER = "window_over"
    SET_ASIDE = "set_aside"
    DEAD_LETTER = "dead_letter"
    PAUSED = "paused"
    RUN_PAUSED = "run_paused"
    NOT_BEGUN = "not_begun"
    GATEWAY_UNKNOWN = "gateway_unknown"
    GATEWAY_PAUSED = "gateway_paused"
    GATEWAY_MISCONFIGURED = "gateway_misconfigured"
    GATEWAY_ASKED_TO_WAIT = "gateway_asked_to_wait"
    BREAKER_OPEN = "breaker_open"
    WAITING_FOR_CLIENTS = "waiting_for_clients"
    NO_DISPATCHER = "no_dispatcher"
    EXPANDING = "expanding"
    FINISHING = "finishing"
    WAITING_FOR_RETRY = "waiting_for_retry"
    WAITING_FOR_TIME = "waiting_for_time"
    BEHIND = "behind"
    RATE_LIMITED = "rate_limited"
    SENDING = "sending"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known of a run, all of it as of `now`. Messages that are open are not final yet."""

    now: Instant
    state: str
    gateway: str
    starts_at: Instant
    ends_at: Instant
    allowed_since: Instant  # what starts later than that is late
    finished_at: Instant | None = None
    archived_at: Instant | None = None
    is_mailing_paused: bool = False
    mailing_paused_at: Instant | None = None  # none also: of an older release
    mailing_paused_by: str | None = None
    run_paused_at: Instant | None = None  # by its own switch
    run_paused_by: str | None = None
    is_stopped: bool = False
    is_run_stopped: bool = False  # by its own switch; else its mailing was
    has_dead_letter: bool = False  # an event of its mailing could not be applied
    set_aside_until: Instant | None = None  # a loop failed at it
    is_gateway_known: bool = True  # it is described
    is_gateway_paused: bool = False
    gateway_problem: str | None = None  # what kept a dispatcher from using it
    gateway_waits_until: Instant | None = None  # as it asked for
    breaker: str | None = None  # its state; none: closed
    breaker_reason: str | None = None
    next_probe_at: Instant | None = None
    gateway_rate: float | None = None  # messages/s that it gets at most
    unread: int | None = None  # records that it waits for; None: how far to read is not known yet
    senders: int = 1  # that are alive and send through its gateway
    planned: int = 0
    open: int = 0
    unclaimed: int = 0  # of the open ones: in chunks that nobody has leased
    not_due: int = 0  # of these: their time has not come
    next_due_at: Instant | None = None  # of these the first
    due_since: Instant | None = None  # of the unclaimed ones that are due the first
    leased: int = 0  # of the open ones, about: at senders
    retries: int = 0  # of the open ones, up to a bound: wait to be tried again
    due_retries: int = 0  # of these: their time has come, and nobody has leased them
    next_retry_at: Instant | None = None  # the first of those that nobody has leased
    last_sent_at: Instant | None = None
    rate_per_s: float | None = None  # messages that came to an end, of late; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A reason, its sentence, and the numbers that belong to it."""

    code: WhyCode
    sentence: str
    until: Instant | None = None  # something changes then by itself
    left_s: float | None = None  # at this rate
    too_late: int | None = None  # messages that will not be sent within the window at this rate
    behind_s: float | None = None


def why(facts: RunFacts) -> Why:
    """Return the first reason that holds: what must change first for the run to go on.

    A gateway's rate is only a reason if nothing else is.
    """
    return (
        _of_the_end(facts)
        or _of_controls(facts)
        or _of_gateway(facts)
        or _of_planning(facts)
        or _of_sending(facts)
    )


def _of_the_end(facts: RunFacts) -> Why | None:
    """Return why nothing is sent any more, if that is so."""
    if facts.state == "archived":
        return Why(
            code=WhyCode.ARCHIVED,
            sentence=f"It ended, and was archived{at(facts.archived_at)}: only its figures stay.",
        )
    if facts.state == "finished":
        return Why(code=WhyCode.ENDED, sentence=f"It ended{at(facts.finished_at)}.")
    if facts.is_stopped:
        return Why(
            code=WhyCode.STOPPED,
            sentence=f"{'It' if facts.is_run_stopped else 'Its mailing'} was stopped; "
            f"{messages_are(facts.open)} still to be cancelled.",
        )
    if facts.now >= _last_start(facts):
        return Why(
            code=WhyCode.WINDOW_OVER,
            sentence=f"Its window is over; {messages_are(facts.open)} still to be expired.",
        )
    return None


def _of_controls(facts: RunFacts) -> Why | None:
    """Return what keeps it from being sent until somebody changes that, or its time comes."""
    if facts.set_aside_until is not None:
        return Why(
            code=WhyCode.SET_ASIDE,
            sentence="It was set aside, since something of it cannot be read or written; "
            f"it is tried again{at(facts.set_aside_until)}.",
            until=facts.set_aside_until,
        )
    if facts.has_dead_letter:
        return Why(
            code=WhyCode.DEAD_LETTER,
            sentence="It is held, since an event of its mailing could not be applied, "
            "until that is replayed or discarded.",
        )
    if facts.is_mailing_paused or facts.run_paused_at is not None:
        return _paused(facts)
    if facts.now < facts.starts_at:
        return Why(
            code=WhyCode.NOT_BEGUN,
            sentence=f"It begins{at(facts.starts_at)}.",
            until=facts.starts_at,
        )
    return None


def _paused(facts: RunFacts) -> Why:
    """Return which of both switches is on, or that both are; what goes on then needs each."""
    run = f"paused{at(facts.run_paused_at)}{by(facts.run_paused_by)}"
    if not facts.is_mailing_paused:
        return Why(code=WhyCode.RUN_PAUSED, sentence=f"The run itself is {run}, not its mailing.")
    mailing = f"paused{at(facts.mailing_paused_at)}{by(facts.mailing_paused_by)}"
    also = "" if facts.run_paused_at is None else f", and so is the run itself, {run}"
    return Why(code=WhyCode.PAUSED, sentence=f"Its mailing is {mailing}{also}.")


def _of_gateway(facts: RunFacts) -> Why | None:
    """Return what keeps its gateway from being used until somebody changes that."""
    named = f"its gateway {facts.gateway!r}"
    if not facts.is_gateway_known:
        return Why(
            code=WhyCode.GATEWAY_UNKNOWN,
            sentence=f"Nobody has described {named}, or it was deleted: what is open expires.",
        )
    if facts.is_gateway_paused:
        return Why(code=WhyCode.GATEWAY_PAUSED, sentence=f"{named.capitalize()} is paused.")
    if facts.gateway_problem is not None and facts.senders == 0:
        return Why(
            code=WhyCode.GATEWAY_MISCONFIGURED,
            sentence=f"No dispatcher can use {named}: {facts.gateway_problem}.",
        )
    return _of_answers(facts, named) if facts.now >= facts.starts_at else None


def _of_answers(facts: RunFacts, named: str) -> Why | None:
    """Return what its gateway's answers keep from it for a while."""
    if facts.gateway_waits_until is not None and facts.gateway_waits_until > facts.now:
        return Why(
            code=WhyCode.GATEWAY_ASKED_TO_WAIT,
            sentence=f"{named.capitalize()} asked to wait; it gets nothing"
            f"{at(facts.gateway_waits_until).replace(' at ', ' until ')}.",
            until=facts.gateway_waits_until,
        )
    if facts.breaker in ("open", "half_open"):
        is_open = facts.breaker == "open"
        probes = f"the next probe goes{at(facts.next_probe_at)}" if is_open else "probes are sent"
        return Why(
            code=WhyCode.BREAKER_OPEN,
            sentence=f"{named.capitalize()} fails ({facts.breaker_reason}), so it gets nothing "
            f"for now: {probes}.",
            until=facts.next_probe_at if is_open else None,
        )
    return None


def _of_planning(facts: RunFacts) -> Why | None:
    """Return what must be done before its messages can be sent, if something must."""
    if facts.state == "waiting":
        left = (
            "how many is not known yet" if facts.unread is None else f"{facts.unread:,} are left"
        )
        return Why(
            code=WhyCode.WAITING_FOR_CLIENTS,
            sentence="It waits until all records of clients and mailings that were there when it "
            f"began are read from Kafka; {left}.",
        )
    if facts.senders == 0:
        return Why(
            code=WhyCode.NO_DISPATCHER,
            sentence=f"No dispatcher is alive that sends through the gateway {facts.gateway!r}.",
        )
    if facts.state == "expanding" and not facts.leased and facts.last_sent_at is None:
        return Why(
            code=WhyCode.EXPANDING,
            sentence=f"Its messages are being written down: {facts.planned:,} so far.",
        )
    if facts.open == 0:
        return Why(
            code=WhyCode.FINISHING, sentence="All its messages are final; it ends in a moment."
        )
    return None


def _of_sending(facts: RunFacts) -> Why:
    """Return how its open messages are being sent, or what they wait for."""
    if facts.leased:
        return _sending(facts)
    is_due = facts.unclaimed > facts.not_due or facts.due_retries
    if not is_due and facts.next_due_at is not None:
        return Why(
            code=WhyCode.WAITING_FOR_TIME,
            sentence=f"{messages_are(facts.not_due)} waiting for their time, the next"
            f"{at(facts.next_due_at)}.",
            until=min(facts.next_due_at, facts.next_retry_at or facts.next_due_at),
        )
    if not is_due and facts.next_retry_at is not None:
        return Why(
            code=WhyCode.WAITING_FOR_RETRY,
            sentence=f"All its open messages wait to be tried again, the first"
            f"{at(facts.next_retry_at)}.",
            until=facts.next_retry_at,
        )
    behind_s = (facts.now - _due_since(facts)).total_seconds()
    if facts.rate_per_s:  # between one lease and the next
        return _sending(facts)
    return Why(
        code=WhyCode.BEHIND,
        sentence=f"Its messages have been due for {behind_s:,.0f} s, and no sender has taken any: "
        "they are busy with other runs, or slow.",
        behind_s=behind_s,
    )


def _sending(facts: RunFacts) -> Why:
    if not facts.rate_per_s:
        return Why(
            code=WhyCode.SENDING,
            sentence=f"{messages_are(facts.leased)} at senders, "
            "and nothing came to an end of late.",
        )
    left_s = facts.open / facts.rate_per_s
    window_s = (_last_start(facts) - facts.now).total_seconds()
    too_late = max(0, facts.open - int(facts.rate_per_s * window_s))
    is_limited = facts.gateway_rate is not None and facts.rate_per_s >= 0.8 * facts.gateway_rate
    bound = ", as fast as its gateway's rate allows" if is_limited else ""
    sentence = f"It is being sent: {rate(facts.rate_per_s)}{bound}, about {duration(left_s)} left"
    if too_late:
        sentence += f"; at this rate {too_late:,} messages will not make it within the window"
    code = WhyCode.RATE_LIMITED if is_limited else WhyCode.SENDING
    return Why(code=code, sentence=f"{sentence}.", left_s=left_s, too_late=too_late)


def _due_since(facts: RunFacts) -> Instant:
    """Return since when something could have been sent that was not."""
    if facts.unclaimed == 0 and facts.next_retry_at is not None:
        return max(facts.next_retry_at, facts.allowed_since)
    since = max(facts.last_sent_at or facts.allowed_since, facts.allowed_since)
    return max(since, facts.due_since or since)


def _last_start(facts: RunFacts) -> datetime:
    return facts.ends_at - timedelta(seconds=LAST_START_S)
