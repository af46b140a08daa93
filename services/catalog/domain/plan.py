"""A plan: what a mailing may say, to whom, when and through what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from services.catalog.domain.content import LIMITS, Texts, in_templates, in_texts
from services.catalog.domain.filter import in_filter, patched_filter
from services.catalog.domain.gateway import (
    BY_DEFAULT,
    INHERITED,
    Gateway,
    Gateways,
    in_mail,
    sender_not_allowed,
)
from services.catalog.domain.suppression import topic_mistake
from services.catalog.domain.timing import patched_part
from shared.audience import canonical as canonical_filter
from shared.audience import mistakes as mistakes_in_filter
from shared.contracts.catalog import Filter, MailingState, MessageClass, Priority, content_of
from shared.contracts.schedule import Schedule
from shared.contracts.timing import QuietHours, TimePolicy
from shared.errors import Conflict, FieldError, Invalid
from shared.event import Instant
from shared.schedule import canonical as canonical_schedule
from shared.schedule import mistakes as mistakes_in_schedule
from shared.template import TemplateInvalid
from shared.timing import canonical_policy, local_time_of, mistakes_in_policy

SHORTEST = timedelta(seconds=1)  # of a window: below it nothing could be sent in time
# From now, back and ahead. What lies beyond is no plan but another program's "never" or "none",
# such as the year 1 or 9999, which not every layer reads back as it was written.
FARTHEST = timedelta(days=36_525)
LARGEST = 1_000_000  # bytes of an event of it, which is one record in the log
ATTEMPTS = 1_000_000  # at most: far more than any window has room for


@dataclass(frozen=True, slots=True)
class Plan:
    """What a mailing says, to whom, when and through what; the window is `[starts, ends)`."""

    name: str
    body: str
    subject: str | None
    filter: Filter
    starts_at: Instant | None  # None: now
    ends_at: Instant
    gateway: str  # its name
    html: str | None = None
    sender: str | None = None  # NAME <ADDRESS>, or an address; None: the gateway's own
    priority: str = Priority.NORMAL
    max_attempts: int | None = None  # of each message; None: the window decides
    on_unknown: str | None = None  # of OnUnknown; None: as its gateway has it
    schedule: Schedule | None = None  # None: it runs once
    message_class: str = MessageClass.MARKETING
    topic: str | None = None  # by which clients can refuse it; None: no particular one
    time_policy: TimePolicy | None = None  # None: all get it when a run begins
    quiet_hours: QuietHours | None = None  # None: as the platform has it
    audience_id: UUID | None = None  # that the filter is of; None: it is its own

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by their names in events."""
        return {IN_EVENTS.get(name, name): getattr(self, name) for name in FIELDS}

    def is_over(self, now: Instant) -> bool:
        """Return whether its window ends too soon for anything to be sent."""
        return self.ends_at - now < SHORTEST


FIELDS = tuple(field.name for field in fields(Plan))
FIXED = "it cannot change once a run has begun"
HAS_AUDIENCE = "it has that of a saved audience: change that, or set audience to null as well"
IN_EVENTS = {"topic": "mailing_topic"}  # for an event has a topic of its own


def plan_of(state: MailingState) -> Plan:
    """Return the plan that an event has."""
    return Plan(**{name: getattr(state, IN_EVENTS.get(name, name)) for name in FIELDS})


def pinned(plan: Plan, nominal: str | None = None) -> dict[str, Any]:
    """Return by name what a run takes from the plan when it begins and then keeps."""
    return content_of(plan).as_dict() | {
        "priority": plan.priority,
        "max_attempts": plan.max_attempts,
        "on_unknown": plan.on_unknown,
        "message_class": plan.message_class,
        "mailing_topic": plan.topic,
        "time_policy": plan.time_policy,
        "quiet_hours": plan.quiet_hours,
        "local_time": local_time_of(plan, nominal),
    }


def settled(plan: Plan, now: Instant, gateways: Gateways = INHERITED) -> Plan:
    """Return the plan of a new mailing with its start, which is `now` if it names none.

    Raises:
        MailingInvalid: As `check` does.
        TemplateInvalid: The same.
    """
    fixed = replace(canonical(plan), starts_at=plan.starts_at or now)
    check(fixed, now, gateways=gateways)
    return fixed


def canonical(plan: Plan) -> Plan:
    """Return `plan` with its zones under today's names, where it has no mistakes."""
    if not mistakes_in_filter(plan.filter, "/filter"):
        plan = replace(plan, filter=canonical_filter(plan.filter))
    plan = replace(plan, time_policy=canonical_policy(plan.time_policy))
    if plan.schedule is None or mistakes_in_schedule(plan.schedule, "/schedule"):
        return plan
    return replace(plan, schedule=canonical_schedule(plan.schedule))


def patched(plan: Plan, changes: Mapping[str, Any], now: Instant) -> Plan:
    """Return `plan` with `changes`: None removes, a filter given in part keeps its other part.

    What was removed is as if it had never been named: nobody's subject, everybody, now.
    Source: RFC 7396.

    Raises:
        MailingInvalid: A mailing cannot be without what is removed.
    """
    mistakes = [
        FieldError(f"/{name}", "required", "it cannot be removed")
        for name in ("name", "body", "ends_at")
        if name in changes and changes[name] is None
    ]
    if "filter" in changes and "audience_id" not in changes and plan.audience_id is not None:
        mistakes.append(FieldError("/filter", "has_audience", HAS_AUDIENCE))
    if mistakes:
        raise MailingInvalid(*mistakes)
    defaults = {
        "filter": Filter(),
        "starts_at": now,
        "gateway": BY_DEFAULT,
        "priority": Priority.NORMAL,
        "message_class": MessageClass.MARKETING,
    }
    given: dict[str, Any] = {
        name: defaults.get(name) if value is None else value for name, value in changes.items()
    }
    if isinstance(parts := given.get("filter"), Mapping):
        given["filter"] = patched_filter(plan.filter, parts)
    if isinstance(parts := given.get("schedule"), Mapping):
        given["schedule"] = _patched_schedule(plan.schedule, parts)
    for name, (kind, required) in PARTS.items():
        if isinstance(parts := given.get(name), Mapping):
            given[name] = patched_part(getattr(plan, name), parts, kind, required)
            if given[name] is None:
                detail = f"it has this at least; null for {name} removes the whole of it"
                raise MailingInvalid(FieldError(f"/{name}/{required}", "required", detail))
    return canonical(replace(plan, **given))


PARTS: Mapping[str, Any] = {  # and what each has at least
    "time_policy": (TimePolicy, "kind"),
    "quiet_hours": (QuietHours, "begins"),
}


def _patched_schedule(before: Schedule | None, parts: Mapping[str, Any]) -> Schedule:
    whole: dict[str, Any] = {} if before is None else msgspec.to_builtins(before)
    whole |= parts
    if whole.get("entries") is None:
        detail = "a schedule has entries; null for the whole schedule makes the mailing run once"
        raise MailingInvalid(FieldError("/schedule/entries", "required", detail))
    given = {name: value for name, value in whole.items() if value is not None}
    return msgspec.convert(given, Schedule)


def check(
    plan: Plan, now: Instant, before: Plan | None = None, gateways: Gateways = INHERITED
) -> None:
    """Refuse what could never be sent, or not as it was meant; of most, what is new to `before`.

    `gateways`: those that there are.

    Raises:
        MailingInvalid: With the place of each mistake.
        TemplateInvalid: A text has variables that no client has.
    """
    texts = _texts_of(plan)
    mistakes = [
        *in_texts(texts, None if before is None else _texts_of(before)),
        *in_audience(plan, before),
    ]
    if plan.max_attempts is not None and not 1 <= plan.max_attempts <= ATTEMPTS:
        mistakes.append(FieldError("/max_attempts", "attempts", f"1 to {ATTEMPTS}", (1, ATTEMPTS)))
    mistakes += [each] if (each := topic_mistake("/topic", plan.topic)) else []
    if plan.schedule is not None and plan.schedule != getattr(before, "schedule", None):
        mistakes += mistakes_in_schedule(plan.schedule, "/schedule")
    mistakes += mistakes_in_policy(
        plan.time_policy, "/time_policy", recurs=plan.schedule is not None
    )
    if plan.gateway in gateways:
        mistakes += _in_mail(plan, gateways[plan.gateway], before)
    elif before is None or plan.gateway != before.gateway:
        known = ", ".join(sorted(gateways)) or "none yet"
        mistakes.append(
            FieldError(
                "/gateway", "unknown_gateway", f"there is none of this name; there are: {known}"
            )
        )
    mistakes += [
        FieldError(f"/{name}", "instant_too_far", "at most a hundred years from now")
        for name in ("starts_at", "ends_at")
        if (at := getattr(plan, name)) not in (None, getattr(before, name, None))
        and abs(at - now) > FARTHEST
    ]
    if plan.is_over(now):
        detail = "it has passed already" if plan.ends_at <= now else "at least a second from now"
        mistakes.append(FieldError("/ends_at", "window_over", detail))
    elif plan.starts_at is not None and plan.ends_at - plan.starts_at < SHORTEST:
        detail = "at least a second after starts_at"
        mistakes.append(FieldError("/ends_at", "window_too_short", detail))
    if mistakes:
        raise MailingInvalid(*mistakes, *in_templates(texts))
    if variables := list(in_templates(texts)):
        raise TemplateInvalid(*variables)


def _texts_of(plan: Plan) -> Texts:
    return {name: getattr(plan, name) for name in LIMITS}


def in_audience(plan: Plan, before: Plan | None) -> Iterator[FieldError]:
    """Give what is wrong with a filter that is new to `before`, and whether all is too large."""
    if before is None or plan.filter != before.filter:
        yield from in_filter(plan.filter, "/filter")
    if len(msgspec.json.encode(content_of(plan))) > LARGEST:
        yield FieldError(
            "/filter", "too_large", f"with all else at most {LARGEST} bytes", (LARGEST,)
        )


def _in_mail(plan: Plan, gateway: Gateway, before: Plan | None) -> Iterator[FieldError]:
    yield from in_mail(gateway, plan.subject, plan.html, plan.sender)
    if before is None or (plan.gateway, plan.sender) != (before.gateway, before.sender):
        wrong = sender_not_allowed(gateway, plan.sender)
        yield from [wrong] if wrong else []


def check_running(before: Plan, after: Plan) -> None:
    """Let a mailing that has begun be named otherwise and end at another time, nothing else.

    A later end holds for what has not expired when the dispatcher hears of it.

    Of a recurring mailing all can change but that it recurs: a run that has begun keeps what it
    began with, the next one has what is new.

    Raises:
        MailingAlreadyRunning: With the place of each other change.
    """
    if before.schedule is not None:
        if after.schedule is None:
            detail = "it has run by its schedule; stop it, and create another mailing"
            raise MailingAlreadyRunning(FieldError("/schedule", "already_running", detail))
        return
    fixed = [
        FieldError(f"/{name.removesuffix('_id')}", "already_running", FIXED)
        for name in FIELDS
        if name not in ("name", "ends_at") and getattr(before, name) != getattr(after, name)
    ]
    if fixed:
        raise MailingAlreadyRunning(*fixed)


# Refusals


class MailingInvalid(Invalid):
    """A mailing cannot be like this."""


class MailingAlreadyRunning(Conflict):
    """A run of the mailing has begun; only its name and its end can still be set."""
