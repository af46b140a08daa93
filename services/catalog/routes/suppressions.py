"""Suppressions over HTTP: whom not to write to."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, status
from pydantic import Field

from services.catalog.domain.profile import EMAIL_LIMIT
from services.catalog.domain.suppression import (
    ALL_TOPICS,
    LONGEST_TOPIC,
    REASONS,
    SOURCE_LIMIT,
    SOURCE_PATTERN,
    LiftSuppression,
    NoContactKeys,
    SuppressionInvalid,
    SuppressionUnknown,
    TooManyTopics,
    Unwanted,
    topic_mistake,
)
from services.catalog.files.contacts import CommonFields
from services.catalog.handlers import suppressing
from services.catalog.queries import suppressions as queries
from services.catalog.queries.clients import has_client
from services.catalog.queries.suppressions import SuppressedClientView, SuppressionView
from services.catalog.routes.asked_clients import MOST_IDS
from services.catalog.routes.asked_suppressions import SuppressedSubjects, contact_mistake
from services.catalog.routes.dependencies import Keys
from shared.contracts.catalog import SuppressedKind
from shared.contracts.dispatcher import SuppressedReason
from shared.database import autocommit
from shared.errors import FieldError
from shared.event import Instant
from shared.http import (
    PHONE_LENGTH,
    PHONE_WRITTEN,
    BadCursor,
    Body,
    BusinessClock,
    Cursor,
    Database,
    DatabasePool,
    Limit,
    Page,
    Store,
    WrittenPhone,
    answers,
    declared,
    page,
    position,
    strict_router,
)
from shared.http.pages import INSTANT

router = strict_router("/v1/suppressions", "suppressions")

TopicName = Annotated[
    str | None, Query(description="of mailings", examples=["news"], max_length=LONGEST_TOPIC)
]
Subject = Annotated[str, Path(max_length=300)]
Reason = Annotated[str | None, Query(max_length=100)]


class NewSuppression(Body):
    """The body of POST /v1/suppressions: a client or one of its contacts."""

    client_id: UUID | None = Field(None, examples=[None])
    phone: WrittenPhone | None = Field(
        None,
        description=PHONE_WRITTEN,
        examples=[None],
        json_schema_extra=declared(maxLength=PHONE_LENGTH),
    )
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
        max_length=SOURCE_LIMIT,
        pattern=SOURCE_PATTERN,
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
    mistakes = list(mistakes_in(body))
    given = [name for name in ("client_id", "phone", "email") if getattr(body, name) is not None]
    if len(given) != 1:
        place = f"/{given[1]}" if given else "/client_id"
        detail = "one of client_id, phone and email is needed"
        mistakes.append(FieldError(place, "one_of", detail))
    mistakes += [each] if (each := contact_mistake(body.phone, body.email)) else []
    if mistakes:
        raise SuppressionInvalid(*mistakes)
    value = str(body.client_id or body.phone or body.email)
    kind = SuppressedKind(given[0].removesuffix("_id"))
    return Unwanted(
        kind=kind, value=value, topic=body.topic, reason=body.reason, source=body.source
    )


def mistakes_in(common: NewSuppression | CommonFields) -> Iterator[FieldError]:
    """Yield what is wrong with what is said of suppressions."""
    if mistake := topic_mistake("/topic", common.topic):
        yield mistake
    if common.reason not in (None, *REASONS):
        yield FieldError("/reason", "reason", f"one of {', '.join(REASONS)}")


@router.get("", operation_id="list_suppressions", responses=answers(BadCursor, SuppressionInvalid))
async def suppressions(
    db: Database,
    cursor: Cursor,
    subjects: SuppressedSubjects,
    limit: Limit = 50,
    topic: TopicName = None,
    reason: Reason = None,
) -> Page[SuppressionView]:
    """Show a page of what is suppressed, the newest first.

    Of a client and contacts that are named, any. Contacts without a client are also found where
    a client that has one of them is suppressed.
    """
    before = position(cursor, place_of, None)
    found = await queries.suppressions(
        db, before=before, limit=limit + 1, subjects=subjects, topic=topic, reason=reason
    )
    return page(found, limit, _key)


@router.get("/clients", operation_id="list_suppressed_clients")
async def suppressed_clients(
    db: Database,
    keys: Keys,
    ids: Annotated[
        list[UUID],
        Query(description="Identifiers of clients.", min_length=1, max_length=MOST_IDS),
    ],
) -> Page[SuppressedClientView]:
    """Show which of some clients are suppressed, themselves or a contact that they have now."""
    found = await queries.suppressed_clients(db, keys, ids)
    return Page(items=found, next_cursor=None)


def _key(shown: SuppressionView) -> str:
    return f"{shown.since.isoformat()},{shown.subject},{shown.topic or ALL_TOPICS}"


def place_of(cursor: str) -> tuple[Instant, str, str]:
    """Return behind which suppression a page begins."""
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
