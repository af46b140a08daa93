"""Clients over HTTP."""

from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import Query, Response, status
from fastapi.responses import JSONResponse
from pydantic import Field

from services.catalog import handlers
from services.catalog.domain.client import (
    ChangeClient,
    ClientCommand,
    ClientDiffers,
    ClientUnknown,
    ClientWasDeleted,
    EraseClient,
    ExternalIdTaken,
    PhoneTaken,
    RegisterClient,
    RemoveClient,
)
from services.catalog.domain.profile import TAG_LIMIT, TAGS, TEXTS, ClientInvalid, Profile, checked
from services.catalog.handlers import erasing
from services.catalog.queries import clients as queries
from services.catalog.queries import facets, subjects
from services.catalog.queries.clients import ClientView
from services.catalog.queries.facets import FacetsView
from services.catalog.queries.subjects import ErasedClientView, SubjectDataView
from services.catalog.routes.asked_clients import LATEST, AskedClients
from services.catalog.routes.dependencies import CompactionLag, Keys
from shared import ids
from shared.contracts.schedule import Weekday
from shared.database import autocommit
from shared.errors import FieldError
from shared.http import (
    PHONE_LENGTH,
    PHONE_WRITTEN,
    BadCursor,
    Body,
    BusinessClock,
    Change,
    CommandContext,
    Creation,
    Cursor,
    Database,
    IdempotencyKey,
    Limit,
    Page,
    Store,
    WrittenPhone,
    answers,
    declared,
    etag,
    instant_and_id,
    newest_key,
    page,
    position,
    strict_router,
)
from shared.http.schedules import At
from shared.preferred import MOST, PreferredTime, canonical_preferred, format_preferred

router = strict_router("/v1/clients", "clients")


LIMIT = {name: declared(maxLength=limit) for name, limit in TEXTS}
LONGEST_ZONE = 100  # characters; of those that there are 32
Tag: TypeAlias = Annotated[str, Field(json_schema_extra=declared(maxLength=TAG_LIMIT))]


class PreferredTimeBody(Body):
    """A local time on some days of the week, at which the client likes to be written to."""

    days: tuple[Weekday, ...] = Field(min_length=1, max_length=7, examples=[["monday", "friday"]])
    at: At


class NewClient(Body):
    """The body of POST /v1/clients; a phone or an e-mail is needed."""

    phone: WrittenPhone | None = Field(
        None,
        description=PHONE_WRITTEN,
        examples=["79161234567"],
        json_schema_extra=declared(maxLength=PHONE_LENGTH),
    )
    operator_code: str | None = Field(
        None, examples=["916"], json_schema_extra=declared(pattern=r"^\d{3}$")
    )
    tags: tuple[Tag, ...] | None = Field(
        None, examples=[["vip"]], json_schema_extra=declared(maxItems=TAGS)
    )
    time_zone: str | None = Field(
        None, examples=["Europe/Moscow"], json_schema_extra=declared(maxLength=LONGEST_ZONE)
    )
    email: str | None = Field(
        None, examples=["anna@example.com"], json_schema_extra=LIMIT["email"]
    )
    full_name: str | None = Field(
        None, examples=["Anna Ivanova"], json_schema_extra=LIMIT["full_name"]
    )
    comment: str | None = Field(
        None, examples=["Calls back in the evening"], json_schema_extra=LIMIT["comment"]
    )
    preferred_times: tuple[PreferredTimeBody, ...] | None = Field(
        None,
        max_length=MOST,
        description="On the client's own clock.",
        examples=[[{"days": ["monday", "friday"], "at": "09:00"}]],
    )
    external_id: str | None = Field(
        None,
        description="By which another system knows the client.",
        examples=["CRM-1024"],
        json_schema_extra=LIMIT["external_id"],
    )


class ClientChanges(NewClient):
    """The body of PATCH /v1/clients/{client_id}: what it does not name stays, null empties."""


def changes_from(body: NewClient) -> dict[str, Any]:
    """Return by name what a body says of a client."""
    changes = body.model_dump(exclude_unset=True)
    if body.preferred_times is not None:
        times = (PreferredTime(each.days, each.at) for each in body.preferred_times)
        changes["preferred_times"] = format_preferred(canonical_preferred(times))
    return changes


@router.post(
    "",
    operation_id="register_client",
    status_code=status.HTTP_201_CREATED,
    responses=answers(
        ClientDiffers,
        ClientInvalid,
        ClientWasDeleted,
        ExternalIdTaken,
        PhoneTaken,
        status=201,
        headers=("ETag", "Location"),
    ),
)
async def register_client(
    body: NewClient,
    response: Response,
    context: Creation,
    clock: BusinessClock,
    key: IdempotencyKey,
) -> ClientView:
    """Register a client. With an Idempotency-Key, a repeated request registers no second one."""
    client_id = ids.keyed_id("clients", key) if key else ids.new_id()
    profile = checked(changes_from(body))
    response.headers["Location"] = f"{router.prefix}/{client_id}"
    await _refuse_taken(profile, client_id, context)
    # Read after it: later than the removal of those who had the phone before. So no run that
    # began before that removal has both of them.
    command = RegisterClient(client_id=client_id, profile=profile, now=await clock())
    return await _do(command, context, response)


async def _refuse_taken(profile: Profile, client_id: UUID, context: CommandContext) -> None:
    """Refuse what another client has.

    Raises:
        PhoneTaken: Another client has the phone.
        ExternalIdTaken: Another client has the external id.
    """
    phone, external_id = profile.phone, profile.external_id
    async with autocommit(context.pool) as db:
        owner = await queries.client_with_phone(db, phone) if phone else None
        known = await queries.client_known_as(db, external_id) if external_id else None
    if owner not in (None, client_id):
        raise PhoneTaken(FieldError("/phone", "taken"))
    if known not in (None, client_id):
        raise ExternalIdTaken(FieldError("/external_id", "taken"))


@router.get("", operation_id="list_clients", responses=answers(BadCursor))
async def clients(
    db: Database, asked: AskedClients, cursor: Cursor, limit: Limit = 50
) -> Page[ClientView]:
    """Show a page of the clients that have all of what is asked for, the newest first.

    Words are found some seconds after a client has come or changed, all else at once.
    """
    before = position(cursor, instant_and_id, LATEST)
    found = await queries.clients(db, asked, before=before, limit=limit + 1)
    return page(found, limit, lambda each: newest_key(each.created_at, each.client_id))


@router.get("/facets", operation_id="show_client_facets")
async def client_facets(db: Database, asked: AskedClients) -> FacetsView:
    """Show how many clients have what is asked for, and how many of these have each tag and code.

    As clients were some seconds ago. Of very many the number is a lower bound, and of tags and
    codes the most frequent ones are shown.
    """
    return await facets.facets(db, asked)


@router.get(
    "/{client_id}",
    operation_id="get_client",
    responses=answers(ClientUnknown, headers=("ETag",)),
)
async def client(client_id: UUID, response: Response, db: Database) -> ClientView:
    """Show one client; its entity tag is what the next command may expect."""
    view = await queries.client(db, client_id)
    response.headers["ETag"] = etag(view.version)
    return view


@router.patch(
    "/{client_id}",
    operation_id="change_client",
    responses=answers(
        ClientInvalid, ClientUnknown, ExternalIdTaken, PhoneTaken, headers=("ETag",)
    ),
)
async def change_client(
    client_id: UUID, body: ClientChanges, response: Response, context: Change
) -> ClientView:
    """Change what the body names, as a merge patch (RFC 7396)."""
    command = ChangeClient(client_id=client_id, changes=changes_from(body), now=context.now)
    return await _do(command, context, response)


@router.delete(
    "/{client_id}",
    operation_id="remove_client",
    status_code=status.HTTP_204_NO_CONTENT,
    response_model=None,
    responses=answers(ClientUnknown)
    | {200: {"model": ErasedClientView, "description": "Erased, if that was asked for."}},
)
async def remove_client(
    client_id: UUID,
    context: Change,
    store: Store,
    keys: Keys,
    lag: CompactionLag,
    *,
    erase: Annotated[
        bool, Query(description="all that is known of the person as well, of removed ones too")
    ] = False,
) -> Response:
    """Address the client no more; messages that are planned for it are cancelled.

    Erased is all that is known of the person, here and in every service: what counts stays, and so
    do hashes of what the person refused to get. See `docs/personal-data.md`.
    """
    if not erase:
        command = RemoveClient(client_id=client_id, now=context.now)
        await handlers.handle(context.store, command, expected=context.expected)
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    done = await erasing.erase(
        store,
        keys,
        EraseClient(client_id=client_id, now=context.now),
        lag=lag,
        expected=context.expected,
    )
    async with autocommit(context.pool) as db:
        kept = await subjects.kept_suppressions(db, done.subjects)
    view = ErasedClientView(
        client_id=client_id,
        erased_at=done.erased_at,
        log_compacted_by=done.gone_by,
        kept_suppressions=kept,
    )
    return JSONResponse(view.model_dump(mode="json"))


@router.get(
    "/{client_id}/subject-data",
    operation_id="get_subject_data",
    responses=answers(ClientUnknown),
)
async def subject_data(client_id: UUID, db: Database, keys: Keys) -> SubjectDataView:
    """Show all that the catalog has of a person, registered, removed or erased.

    The dispatcher has the rest, at the same path.
    """
    return await subjects.subject_data(db, keys, client_id)


async def _do(command: ClientCommand, context: CommandContext, response: Response) -> ClientView:
    await handlers.handle(context.store, command, expected=context.expected)
    async with autocommit(context.pool) as db:
        return await client(command.client_id, response, db)
