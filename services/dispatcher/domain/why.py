"""Why a run stands where it does: one reason, decided from facts that were read at one instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

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
    WAITING_FOR_CLIENTS = "waiting_for_clients"
    NO_DISPATCHER = "no_dispatcher"
    EXPANDING = "expanding"
    FINISHING = "finishing"
    WAITING_FOR_RETRY = "waiting_for_retry"
    BEHIND = "behind"
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
    unread: int | None = None  # records that it waits for; None: how far to read is not known yet
    senders: int = 1  # that are alive and send through its gateway
    planned: int = 0
    open: int = 0
    unclaimed: int = 0  # of the open ones: in chunks that nobody has leased
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

    A gateway whose breaker is open comes before `_of_sending`, its limit inside of it.
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
            sentence=f"It ended, and was archived{_at(facts.archived_at)}: only its figures stay.",
        )
    if facts.state == "finished":
        return Why(code=WhyCode.ENDED, sentence=f"It ended{_at(facts.finished_at)}.")
    if facts.is_stopped:
        return Why(
            code=WhyCode.STOPPED,
            sentence=f"{'It' if facts.is_run_stopped else 'Its mailing'} was stopped; "
            f"{_messages(facts.open)} still to be cancelled.",
        )
    if facts.now >= _last_start(facts):
        return Why(
            code=WhyCode.WINDOW_OVER,
            sentence=f"Its window is over; {_messages(facts.open)} still to be expired.",
        )
    return None


def _of_controls(facts: RunFacts) -> Why | None:
    """Return what keeps it from being sent until somebody changes that, or its time comes."""
    if facts.set_aside_until is not None:
        return Why(
            code=WhyCode.SET_ASIDE,
            sentence="It was set aside, since something of it cannot be read or written; "
            f"it is tried again{_at(facts.set_aside_until)}.",
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
            sentence=f"It begins{_at(facts.starts_at)}.",
            until=facts.starts_at,
        )
    return None


def _paused(facts: RunFacts) -> Why:
    """Return which of both switches is on, or that both are; what goes on then needs each."""
    run = f"paused{_at(facts.run_paused_at)}{_by(facts.run_paused_by)}"
    if not facts.is_mailing_paused:
        return Why(code=WhyCode.RUN_PAUSED, sentence=f"The run itself is {run}, not its mailing.")
    mailing = f"paused{_at(facts.mailing_paused_at)}{_by(facts.mailing_paused_by)}"
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
    is_due = facts.unclaimed or facts.due_retries
    if not is_due and facts.next_retry_at is not None:
        return Why(
            code=WhyCode.WAITING_FOR_RETRY,
            sentence=f"All its open messages wait to be tried again, the first"
            f"{_at(facts.next_retry_at)}.",
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
            sentence=f"{_messages(facts.leased)} at senders, and nothing came to an end of late.",
        )
    left_s = facts.open / facts.rate_per_s
    window_s = (_last_start(facts) - facts.now).total_seconds()
    too_late = max(0, facts.open - int(facts.rate_per_s * window_s))
    sentence = f"It is being sent: {_rate(facts.rate_per_s)}, about {_duration(left_s)} left"
    if too_late:
        sentence += f"; at this rate {too_late:,} messages will not make it within the window"
    return Why(code=WhyCode.SENDING, sentence=f"{sentence}.", left_s=left_s, too_late=too_late)


def _due_since(facts: RunFacts) -> Instant:
    """Return since when something could have been sent that was not."""
    if facts.unclaimed == 0 and facts.next_retry_at is not None:
        return max(facts.next_retry_at, facts.allowed_since)
    return max(facts.last_sent_at or facts.allowed_since, facts.allowed_since)


def _last_start(facts: RunFacts) -> datetime:
    return facts.ends_at - timedelta(seconds=LAST_START_S)


def _at(instant: Instant | None) -> str:
    return f" at {instant:%Y-%m-%d %H:%M:%S} UTC" if instant is not None else ""


def _by(name: str | None) -> str:
    return f" by {name}" if name is not None else ""


def _messages(number: int) -> str:
    return "1 message is" if number == 1 else f"{number:,} messages are"


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f} messages/s" if per_s >= 10 else f"{per_s:,.2g} messages/s"  # noqa: PLR2004 (two digits)


def _duration(seconds: float) -> str:
    """Return a duration in one unit that suits it."""
    if seconds < 2 * MINUTE_S:
        return f"{seconds:,.0f} s"
    return (
        f"{seconds / MINUTE_S:,.0f} min" if seconds < 2 * HOUR_S else f"{seconds / HOUR_S:,.0f} h"
    )


MINUTE_S, HOUR_S = 60, 3_600
