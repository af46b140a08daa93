"""The bodies of requests about mailings."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from pydantic import Field

from services.catalog.domain.content import LIMITS
from services.catalog.domain.gateway import BY_DEFAULT
from services.catalog.domain.plan import (
    ATTEMPTS,
    FIELDS,
    PARTS,
    MailingInvalid,
    Plan,
)
from services.catalog.domain.suppression import LONGEST_TOPIC
from shared.contracts.catalog import GatewayKey, MessageClass, OnUnknown, Priority
from shared.errors import FieldError
from shared.http import Body, WrittenInstant, declared
from shared.http.filters import FilterBody, FilterChanges, filter_changes, filter_from
from shared.http.schedules import ScheduleBody, ScheduleChanges, schedule_from
from shared.http.timing import QuietHoursBody, TimePolicyBody, TimePolicyChanges

NESTED = ("filter", "schedule", "audience_id", *PARTS)
AUDIENCE = "A saved audience instead of a filter, by its identifier or name."
PLAIN = tuple(name for name in FIELDS if name not in NESTED)
PRIORITY = "Of mailings that share a gateway: urgent before normal before bulk, by turns."
MAX_ATTEMPTS = "Of each message, that count; none: as many as the window allows."
ON_UNKNOWN = """Where nobody can know whether a message has arrived: send it once more, or leave
it. None: as its gateway is described, which is to send it once more unless that says otherwise."""
MESSAGE_CLASS = "What messages are for people; critical ones wait for no quiet hours."
TOPIC = "By which clients can refuse it, such as news; none: no particular one."
POLICY = "When each client gets it; none: all of them when a run begins."
QUIET = "None: as the platform has it. What begins then waits for their end; retries too."
OTHER_LIMITS = {"gateway": 63, "topic": LONGEST_TOPIC}
LIMIT = {name: declared(maxLength=limit) for name, limit in (LIMITS | OTHER_LIMITS).items()}
SCHEDULE = "When it recurs between starts_at and ends_at; none: it runs once, in that window."


class NewMailing(Body):
    """The body of POST /v1/mailings; its window `[starts_at, ends_at)` begins now by default."""

    name: str = Field(examples=["Spring"], json_schema_extra=LIMIT["name"])
    body: str = Field(examples=["Hello {{ full_name }}"], json_schema_extra=LIMIT["body"])
    subject: str | None = Field(None, examples=["News"], json_schema_extra=LIMIT["subject"])
    filter: FilterBody = FilterBody()
    audience: str | None = Field(None, max_length=200, description=AUDIENCE, examples=[None])
    starts_at: WrittenInstant | None = Field(None, examples=["2026-03-01T09:00:00Z"])
    ends_at: WrittenInstant = Field(examples=["2026-03-01T18:00:00Z"])
    gateway: GatewayKey = Field(BY_DEFAULT, examples=["http"], json_schema_extra=LIMIT["gateway"])
    html: str | None = Field(None, examples=[None], json_schema_extra=LIMIT["html"])
    sender: str | None = Field(None, examples=[None], json_schema_extra=LIMIT["sender"])
    priority: Priority = Field(Priority.NORMAL, description=PRIORITY, examples=["normal"])
    max_attempts: int | None = Field(
        None, strict=True, ge=1, le=ATTEMPTS, description=MAX_ATTEMPTS, examples=[None]
    )
    on_unknown: OnUnknown | None = Field(None, description=ON_UNKNOWN, examples=[None])
    schedule: ScheduleBody | None = Field(None, description=SCHEDULE, examples=[None])
    message_class: MessageClass = Field(
        MessageClass.MARKETING, description=MESSAGE_CLASS, examples=["marketing"]
    )
    topic: str | None = Field(
        None, description=TOPIC, examples=[None], json_schema_extra=LIMIT["topic"]
    )
    time_policy: TimePolicyBody | None = Field(None, description=POLICY, examples=[None])
    quiet_hours: QuietHoursBody | None = Field(None, description=QUIET, examples=[None])


class MailingChanges(Body):
    """The body of PATCH /v1/mailings/{mailing_id}: what it does not name stays.

    Null removes, as if it had never been named: no subject, no HTML, everybody, now, the default
    gateway, the gateway's own sender, normal priority, as many attempts as the window allows, of
    what nobody knows what the gateway is described to do, no recurrence, marketing, no
    topic, due when a run begins, the platform's quiet hours, and no saved audience, whose filter
    it keeps as its own.
    Name, body and end cannot be removed.
    """

    name: str | None = Field(None, examples=["Spring"], json_schema_extra=LIMIT["name"])
    body: str | None = Field(
        None, examples=["Hello {{ full_name }}"], json_schema_extra=LIMIT["body"]
    )
    subject: str | None = Field(None, examples=["News"], json_schema_extra=LIMIT["subject"])
    filter: FilterChanges | None = None
    audience: str | None = Field(None, max_length=200, description=AUDIENCE, examples=[None])
    starts_at: WrittenInstant | None = Field(None, examples=["2026-03-01T09:00:00Z"])
    ends_at: WrittenInstant | None = Field(None, examples=["2026-03-01T18:00:00Z"])
    gateway: GatewayKey | None = Field(None, examples=["http"], json_schema_extra=LIMIT["gateway"])
    html: str | None = Field(None, examples=[None], json_schema_extra=LIMIT["html"])
    sender: str | None = Field(None, examples=[None], json_schema_extra=LIMIT["sender"])
    priority: Priority | None = Field(None, description=PRIORITY, examples=["normal"])
    max_attempts: int | None = Field(
        None, strict=True, ge=1, le=ATTEMPTS, description=MAX_ATTEMPTS, examples=[None]
    )
    on_unknown: OnUnknown | None = Field(None, description=ON_UNKNOWN, examples=[None])
    schedule: ScheduleChanges | None = Field(None, description=SCHEDULE, examples=[None])
    message_class: MessageClass | None = Field(
        None, description=MESSAGE_CLASS, examples=["marketing"]
    )
    topic: str | None = Field(
        None, description=TOPIC, examples=[None], json_schema_extra=LIMIT["topic"]
    )
    time_policy: TimePolicyChanges | None = Field(None, description=POLICY, examples=[None])
    quiet_hours: QuietHoursBody | None = Field(None, description=QUIET, examples=[None])


def plan_from(body: NewMailing, ids: Mapping[str, UUID]) -> Plan:
    """Return the plan that a body describes; `ids` of clients stand for their phones.

    Raises:
        MailingInvalid: It names an audience and a filter.
    """
    _check_one(body)
    schedule = None if body.schedule is None else schedule_from(body.schedule)
    plain = {name: getattr(body, name) for name in PLAIN}
    times: dict[str, Any] = {}
    for name, (kind, _) in PARTS.items():
        part = getattr(body, name)
        times[name] = part and msgspec.convert(part.model_dump(), kind)
    return Plan(**plain, **times, filter=filter_from(body.filter, ids), schedule=schedule)


def changes_from(body: MailingChanges, ids: Mapping[str, UUID]) -> dict[str, Any]:
    """Return by name what a body changes, None for what it removes.

    Raises:
        MailingInvalid: It names an audience and a filter.
    """
    _check_one(body)
    changes = body.model_dump(exclude_unset=True, exclude={"audience"})
    if "audience" in body.model_fields_set:
        changes["audience_id"] = None  # until it is found
    if body.filter is not None:
        changes["filter"] = filter_changes(body.filter, ids)
    if body.schedule is not None:
        changes["schedule"] = body.schedule.model_dump(mode="json", exclude_unset=True)
    if body.time_policy is not None:
        changes["time_policy"] = body.time_policy.model_dump(mode="json", exclude_unset=True)
    return changes


def _check_one(body: NewMailing | MailingChanges) -> None:
    if body.audience is not None and "filter" in body.model_fields_set:
        detail = "say either a saved audience, or a filter"
        raise MailingInvalid(FieldError("/audience", "with_filter", detail))
