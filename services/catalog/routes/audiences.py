"""Saved audiences over HTTP."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, status
from pydantic import Field

from services.catalog.domain.audience import (
    NAME_LIMIT,
    AudienceDiffers,
    AudienceInUse,
    AudienceInvalid,
    AudienceNameTaken,
    AudienceUnknown,
    AudienceWasDeleted,
    ChangeAudience,
    DeleteAudience,
    SaveAudience,
)
from services.catalog.domain.plan import MailingInvalid
from services.catalog.handlers.audiences import handle_audience
from services.catalog.queries import audiences as queries
from services.catalog.queries.audiences import AudienceView, SavedAudience, ids_by_phone
from shared import ids
from shared.database import Pool, autocommit
from shared.http import (
    BadCursor,
    Body,
    Change,
    Creation,
    Cursor,
    Database,
    IdempotencyKey,
    Limit,
    Page,
    Store,
    answers,
    declared,
    etag,
    instant_and_id,
    newest_key,
    page,
    position,
    strict_router,
)
from shared.http.filters import FilterBody, FilterChanges, filter_changes, filter_from, phones_in

router = strict_router("/v1/audiences", "audiences")


LIMIT = declared(maxLength=NAME_LIMIT)


class NewAudience(Body):
    """The body of POST /v1/audiences: a filter, and the name by which mailings refer to it."""

    name: str = Field(examples=["Regulars"], json_schema_extra=LIMIT)
    filter: FilterBody = FilterBody()


class AudienceChanges(Body):
    """The body of PATCH /v1/audiences/{audience_id}: what it does not name stays."""

    name: str | None = Field(None, examples=["Regulars"], json_schema_extra=LIMIT)
    filter: FilterChanges | None = None


@router.post(
    "",
    operation_id="save_audience",
    status_code=status.HTTP_201_CREATED,
    responses=answers(
        AudienceDiffers,
        AudienceInvalid,
        AudienceNameTaken,
        AudienceWasDeleted,
        status=201,
        headers=("ETag", "Location"),
    ),
)
async def save_audience(
    body: NewAudience, response: Response, context: Creation, store: Store, key: IdempotencyKey
) -> SavedAudience:
    """Save a filter under a name. With an Idempotency-Key, a repeated request saves no second."""
    audience_id = ids.keyed_id("audiences", key) if key else ids.new_id()
    phones = phones_in(body.filter, "/filter")
    known = await _known(context.pool, phones)
    wanted = filter_from(body.filter, known)
    response.headers["Location"] = f"{router.prefix}/{audience_id}"
    command = SaveAudience(audience_id=audience_id, name=body.name, filter=wanted, now=context.now)
    await handle_audience(store, command)
    return await _saved(audience_id, response, context.pool, phones, known)


@router.get("", operation_id="list_audiences", responses=answers(BadCursor))
async def audiences(
    db: Database,
    cursor: Cursor,
    limit: Limit = 50,
    name: Annotated[
        str | None, Query(description="the whole of it", max_length=NAME_LIMIT)
    ] = None,
) -> Page[AudienceView]:
    """Show a page of audiences, the newest first."""
    before = position(cursor, instant_and_id, None)
    found = await queries.audiences(db, before=before, limit=limit + 1, name=name)
    return page(found, limit, lambda each: newest_key(each.created_at, each.audience_id))


@router.get(
    "/{audience_id}",
    operation_id="get_audience",
    responses=answers(AudienceUnknown, headers=("ETag",)),
)
async def audience(audience_id: UUID, response: Response, db: Database) -> AudienceView:
    """Show one audience; its entity tag is what the next command may expect."""
    view = await queries.audience(db, audience_id)
    response.headers["ETag"] = etag(view.version)
    return view


@router.patch(
    "/{audience_id}",
    operation_id="change_audience",
    responses=answers(
        AudienceInvalid, AudienceNameTaken, AudienceUnknown, MailingInvalid, headers=("ETag",)
    ),
)
async def change_audience(
    audience_id: UUID, body: AudienceChanges, response: Response, context: Change, store: Store
) -> SavedAudience:
    """Change what the body names, as a merge patch (RFC 7396); mailings that refer to it follow.

    A run that has begun keeps whom it began with.
    """
    phones = phones_in(body.filter, "/filter") if body.filter else {}
    known = await _known(context.pool, phones)
    changes = body.model_dump(include={"name"}, exclude_unset=True)
    if "filter" in body.model_fields_set:
        changes["filter"] = body.filter and filter_changes(body.filter, known)
    command = ChangeAudience(audience_id=audience_id, changes=changes, now=context.now)
    await handle_audience(store, command, expected=context.expected)
    return await _saved(audience_id, response, context.pool, phones, known)


@router.delete(
    "/{audience_id}",
    operation_id="delete_audience",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(AudienceUnknown, AudienceInUse),
)
async def delete_audience(audience_id: UUID, context: Change, store: Store) -> None:
    """Delete an audience that no mailing which may still run refers to."""
    command = DeleteAudience(audience_id=audience_id, now=context.now)
    await handle_audience(store, command, expected=context.expected)


async def _known(pool: Pool, phones: Mapping[str, str]) -> dict[str, UUID]:
    async with autocommit(pool) as db:
        return await ids_by_phone(db, set(phones.values()))


async def _saved(
    audience_id: UUID,
    response: Response,
    pool: Pool,
    phones: Mapping[str, str],
    known: Mapping[str, UUID],
) -> SavedAudience:
    """Return an audience with the places of the phones that are no client's."""
    async with autocommit(pool) as db:
        view = SavedAudience.model_validate(await audience(audience_id, response, db))
    if not phones:
        return view
    unknown = [where for where, phone in phones.items() if phone not in known]
    return view.model_copy(update={"unknown_phones": unknown})
