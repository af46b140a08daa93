"""Queries: what has happened to a mailing, as its stream has it."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import Field
from sqlalchemy import JSON, Row, select, text

from services.catalog.domain.mailing import MailingUnknown
from shared.contracts.catalog import MessageClass, Priority
from shared.database import Connection
from shared.event import Instant
from shared.http import View
from shared.http.filters import FilterView, shortened
from shared.http.schedules import RecurrenceView
from shared.http.timing import QuietHoursView, TimePolicyView
from shared.tables import events

Json: TypeAlias = dict[str, Any]

LONGEST_TEXT = 2_000  # characters that are shown of one
OF_CONTENT = ("MailingCreated.v1", "MailingChanged.v1")  # each has all of it
BY_HAND = "MailingRunRequested.v1"  # the window begins then


class ContentView(View):
    """What a mailing was: what its events of any release have in common."""

    name: str
    body: str
    subject: str | None = None
    html: str | None = None
    sender: str | None = None
    filter: FilterView
    audience_id: UUID | None = None
    starts_at: Instant
    ends_at: Instant
    schedule: RecurrenceView | None = None
    time_policy: TimePolicyView | None = None
    quiet_hours: QuietHoursView | None = None
    gateway: str
    priority: str = Priority.NORMAL
    message_class: str = MessageClass.MARKETING
    topic: str | None = None
    max_attempts: int | None = None
    on_unknown: str | None = None


class FieldChange(View):
    """A field that has another value than before."""

    field: str = Field(description="As the mailing shows it.", examples=["name"])
    before: Any = Field(
        description=f"None: it had no value. Texts are cut to {LONGEST_TEXT:,} characters.",
        examples=["Spring"],
    )
    after: Any = Field(description="The same for what it has now.", examples=["Spring sale"])


class MailingEventView(View):
    """Something that happened to a mailing."""

    version: int = Field(description="That the mailing has since then.")
    type: str = Field(description="Of any release.", examples=["MailingChanged"])
    recorded_at: Instant
    by: str | None = Field(
        description="Who moved a switch, as they named themselves.", examples=["anna"]
    )
    run_id: UUID | None = Field(description="Of a run that it is about.")
    nominal: str | None = Field(description="Names that run.", examples=["once"])
    reason: str | None = Field(
        description="Why a run did not begin, or was missed.", examples=["window_over"]
    )
    changes: list[FieldChange] = Field(description="What is otherwise in the mailing now.")
    correlation_id: UUID = Field(description="All that followed from one request has the same.")
    causation_id: UUID | None = Field(description="The event that led to it; none: a request.")


async def history(
    db: Connection, mailing_id: UUID, *, before: int, limit: int
) -> list[MailingEventView]:
    """Return up to `limit` events of a mailing before a version, the newest first.

    Those of a deleted mailing are shown as well.

    Raises:
        MailingUnknown: There never was a mailing with this identifier.
    """
    stream = f"mailing-{mailing_id}"
    own = select(events).where(events.c.stream == stream)
    page = own.where(events.c.version < before).order_by(events.c.version.desc()).limit(limit)
    rows = (await db.execute(page)).all()[::-1]
    if not rows:
        if (await db.execute(own.limit(1))).first() is None:
            raise MailingUnknown
        return []
    content: Json = {}
    if rows[0].version > 1:
        for row in (
            await db.execute(CONTENT, {"stream": stream, "version": rows[0].version})
        ).all():
            content = _content(content, row)
    return [*_views(rows, content)][::-1]


# A start by hand changes the window of the content before it; another one follows an edit.
CONTENT = text("""
    SELECT type, data FROM (
        SELECT version, type, data FROM events
        WHERE stream = :stream AND version < :version
            AND type IN ('MailingCreated.v1', 'MailingChanged.v1', 'MailingRunRequested.v1')
        ORDER BY version DESC LIMIT 2
    ) AS latest ORDER BY version
""").columns(data=JSON)


def _views(rows: Sequence[Row[Any]], content: Json) -> Iterator[MailingEventView]:
    """Yield events in their order; `content` is what the mailing was before them."""
    for row in rows:
        then, content = content, _content(content, row)
        about = row.data.get("run", row.data)  # a run that waits stands in its event as a whole
        yield MailingEventView(
            version=row.version,
            type=row.type.partition(".")[0],
            recorded_at=row.recorded_at,
            by=row.data.get("by"),
            run_id=about.get("run_id"),
            nominal=about.get("nominal"),
            reason=row.data.get("reason"),
            changes=[*_changes(then, content)],
            correlation_id=row.correlation_id,
            causation_id=row.causation_id,
        )


def _content(content: Json, row: Row[Any]) -> Json:
    """Return what a mailing is after an event, as JSON shows it."""
    if row.type in OF_CONTENT:
        fields = {"filter": shortened(row.data["filter"]), "topic": row.data.get("mailing_topic")}
        return ContentView.model_validate(row.data | fields).model_dump(mode="json")
    if row.type == BY_HAND and content:
        return content | {"starts_at": row.data["requested_at"]}
    return content


def _changes(before: Json, after: Json) -> Iterator[FieldChange]:
    for field, value in after.items():
        if value != (then := before.get(field)):
            yield FieldChange(field=field, before=_cut(then), after=_cut(value))


def _cut(value: object) -> object:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value
