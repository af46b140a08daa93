"""Suppressions over HTTP: whom not to write to."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request, status
from fastapi.responses import StreamingResponse
from pydantic import Field

from services.catalog.domain.client import EMAIL, EMAIL_LIMIT, is_phone
from services.catalog.domain.imports import ImportBrokenOff, ImportTooLarge
from services.catalog.domain.suppression import (
    ALL_TOPICS,
    LONGEST_TOPIC,
    REASONS,
    LiftSuppression,
    NoContactKeys,
    SuppressionInvalid,
    SuppressionUnknown,
    TooManyTopics,
    topic_mistake,
)
from services.catalog.files.contacts import Refused, read_contacts
from services.catalog.handlers import suppressing
from services.catalog.handlers.suppressing import Unwanted
from services.catalog.queries import export
from services.catalog.queries import suppressions as queries
from services.catalog.queries.clients import has_client
from services.catalog.queries.suppressions import SuppressionView
from services.catalog.routes.dependencies import Keys
from services.catalog.routes.exports import Wanted, described, exported
from services.catalog.routes.imports import limits_of, pieces
from shared.contracts.catalog import SuppressedKind
from shared.contracts.dispatcher import SuppressedReason
from shared.database import autocommit
from shared.errors import FieldError
from shared.event import Instant
from shared.exported import ExportFormat
from shared.http import (
    BadCursor,
    Body,
    BusinessClock,
    Cursor,
    Database,
    DatabasePool,
    Limit,
    Page,
    Store,
    View,
    answers,
    declared,
    page,
    position,
    strict_router,
)
from shared.http.pages import INSTANT

router = strict_router("/v1/suppressions", "suppressions")

SHOWN = 1_000  # lines of a file that were refused, with their reasons

TopicName = Annotated[
    str | None, Query(description="of mailings", examples=["news"], max_length=LONGEST_TOPIC)
]
Subject = Annotated[str, Path(max_length=300)]
Reason = Annotated[str | None, Query(max_length=100)]
Phone = Annotated[str | None, Query(max_length=20)]
Email = Annotated[str | None, Query(max_length=EMAIL_LIMIT)]


class NewSuppression(Body):
    """The body of POST /v1/suppressions: a client or one of its contacts."""

    client_id: UUID | None = Field(None, examples=[None])
    phone: str | None = Field(None, examples=[None], json_schema_extra=declared(maxLength=11))
    email: str | None = Field(
        None, examples=["anna@example.com"], json_schema_extra=declared(maxLength=EMAIL_LIMIT)
    )
    topic: str | None = Field(
        None,
        description="Of mailings; none: all.",
        examples=["news"],
        json_schema_extra=declared(maxLength=LONGEST_TOPIC),
    )
    reason: SuppressedReason = Field(SuppressedReason.REQUESTED, examples=["requested"])
    source: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Where it is from, as you name it; no personal data.",
        examples=["shop"],
    )


@router.post(
    "",
    operation_id="suppress",
    responses=answers(NoContactKeys, SuppressionInvalid, TooManyTopics),
)
async def suppress(
    body: NewSuppression, store: Store, pool: DatabasePool, clock: BusinessClock, keys: Keys
) -> SuppressionView:
    """Write no more to a client or to a contact. Repeating it changes nothing."""
    unwanted = _unwanted(body)
    if body.client_id is not None:
        async with autocommit(pool) as db:
            if not await has_client(db, body.client_id):
                detail = "no client has this identifier"
                raise SuppressionInvalid(FieldError("/client_id", "unknown_client", detail))
    done = await suppressing.suppress(store, keys, [unwanted], await clock())
    async with autocommit(pool) as db:
        found = await queries.suppressions(
            db, before=None, limit=2, subjects=done.subjects, topic=body.topic or ALL_TOPICS
        )
    return found[0]


def _unwanted(body: NewSuppression) -> Unwanted:
    """Return what a body is about.

    Raises:
        SuppressionInvalid: With the place of each mistake.
    """
    mistakes = list(_mistakes(body))
    given = [name for name in ("client_id", "phone", "email") if getattr(body, name) is not None]
    if len(given) != 1:
        place = f"/{given[1]}" if given else "/client_id"
        detail = "one of client_id, phone and email is needed"
        mistakes.append(FieldError(place, "one_of", detail))
    mistakes += [each] if (each := _contact_mistake(body.phone, body.email)) else []
    if mistakes:
        raise SuppressionInvalid(*mistakes)
    value = str(body.client_id or body.phone or body.email)
    return _of(body, SuppressedKind(given[0].removesuffix("_id")), value)


def _of(common: NewSuppression, kind: SuppressedKind, value: str) -> Unwanted:
    return Unwanted(
        kind=kind, value=value, topic=common.topic, reason=common.reason, source=common.source
    )


def _mistakes(common: NewSuppression) -> Iterator[FieldError]:
    if mistake := topic_mistake("/topic", common.topic):
        yield mistake
    if common.reason not in REASONS:
        yield FieldError("/reason", "reason", f"one of {', '.join(REASONS)}")


def _contact_mistake(phone: str | None, email: str | None) -> FieldError | None:
    if phone is not None and not is_phone(phone):
        return FieldError("/phone", "phone", "7 and ten digits, as in 79161234567")
    if email is not None and (len(email) > EMAIL_LIMIT or not EMAIL.fullmatch(email)):
        return FieldError("/email", "email", "as in anna@example.com")
    return None


def _subjects(
    keys: Keys, client_id: UUID | None = None, phone: Phone = None, email: Email = None
) -> list[str] | None:
    """Return under which names what is asked for may be suppressed; None: nothing is asked for."""
    if client_id is None and phone is None and email is None:
        return None
    if mistake := _contact_mistake(phone, email):
        raise SuppressionInvalid(mistake)
    return [
        *([str(client_id)] if client_id else []),
        *keys.hashes(SuppressedKind.PHONE, phone),
        *keys.hashes(SuppressedKind.EMAIL, email),
    ]


@router.get("", operation_id="list_suppressions", responses=answers(BadCursor, SuppressionInvalid))
async def suppressions(
    db: Database,
    cursor: Cursor,
    subjects: Annotated[list[str] | None, Depends(_subjects)],
    limit: Limit = 50,
    topic: TopicName = None,
    reason: Reason = None,
) -> Page[SuppressionView]:
    """Show a page of what is suppressed, the newest first.

    Of several clients and contacts that are named, any.
    """
    before = position(cursor, _place, None)
    found = await queries.suppressions(
        db, before=before, limit=limit + 1, subjects=subjects, topic=topic, reason=reason
    )
    return page(found, limit, _key)


@router.get(
    "/export",
    operation_id="export_suppressions",
    response_class=StreamingResponse,
    responses=answers(BadCursor, SuppressionInvalid)
    | described("All suppressions; it ends properly only with all of them."),
)
async def export_suppressions(
    *,
    pool: DatabasePool,
    cursor: Cursor,
    subjects: Annotated[list[str] | None, Depends(_subjects)],
    topic: TopicName = None,
    reason: Reason = None,
    wanted: Wanted = ExportFormat.NDJSON,
) -> StreamingResponse:
    """Show each suppression that the list has with these filters, the newest first.

    What broke off goes on behind the last whole line, by its cursor: base64url of
    "since,subject,topic", where no topic is an empty one.
    """
    before = position(cursor, _place, None)
    having = export.Suppressed(subjects, topic, reason)
    lines = export.suppression_lines(pool, having, before, wanted)
    return exported(lines, wanted, "suppressions")


def _key(shown: SuppressionView) -> str:
    return f"{shown.since.isoformat()},{shown.subject},{shown.topic or ALL_TOPICS}"


def _place(cursor: str) -> tuple[Instant, str, str]:
    since, subject, topic = cursor.split(",")
    return INSTANT.validate_python(since), subject, topic


@router.delete(
    "/{subject}",
    operation_id="lift_suppression",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(SuppressionUnknown),
)
async def lift_suppression(
    subject: Annotated[str, Path(max_length=300)],
    store: Store,
    clock: BusinessClock,
    topic: TopicName = None,
) -> None:
    """Write again to a client or a contact: of one topic, or of whatever was suppressed."""
    command = LiftSuppression(subject=subject, topic=topic, now=await clock())
    await suppressing.lift(store, command)


class RefusedLine(View):
    """A line of a file that is no client and no contact."""

    line: int
    code: str = Field(examples=["contact"])


class ImportedSuppressions(View):
    """What came of a file."""

    lines: int = Field(description="That were not empty, the header not counted.")
    suppressed: int = Field(description="Of these: that were not suppressed before.")
    unchanged: int
    refused: int
    refused_lines: list[RefusedLine] = Field(description=f"The first {SHOWN:,} of them.")


def _of_file(
    topic: TopicName = None,
    reason: SuppressedReason = SuppressedReason.REQUESTED,
    source: Annotated[
        str | None, Query(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    ] = None,
) -> NewSuppression:
    """Return what is said of all contacts of a file."""
    common = NewSuppression(topic=topic, reason=reason, source=source)
    if mistakes := list(_mistakes(common)):
        raise SuppressionInvalid(*mistakes)
    return common


@router.post(
    "/import",
    operation_id="import_suppressions",
    responses=answers(NoContactKeys, Refused, SuppressionInvalid, ImportBrokenOff, ImportTooLarge),
    openapi_extra={
        "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
    },
)
async def import_suppressions(
    request: Request,
    store: Store,
    clock: BusinessClock,
    keys: Keys,
    common: Annotated[NewSuppression, Depends(_of_file)],
) -> ImportedSuppressions:
    """Suppress each phone, e-mail or client's identifier of a file: the first cell of each line.

    What was read before the file broke off is suppressed; sending it again does the rest.
    """
    lines = suppressed = 0
    refused: list[int] = []
    async for chunk in read_contacts(pieces(request), limits_of(request)):
        unwanted = [_of(common, kind, value) for kind, value in chunk.contacts]
        if unwanted:
            done = await suppressing.suppress(store, keys, unwanted, await clock())
            suppressed += done.new
        lines += len(chunk.contacts) + len(chunk.refused)
        refused += chunk.refused
    return ImportedSuppressions(
        lines=lines,
        suppressed=suppressed,
        unchanged=lines - suppressed - len(refused),
        refused=len(refused),
        refused_lines=[RefusedLine(line=each, code="contact") for each in refused[:SHOWN]],
    )
