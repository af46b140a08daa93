"""Mailings over HTTP."""

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from fastapi import Response, status

from services.catalog import handlers
from services.catalog.domain.gateway import Gateways
from services.catalog.domain.mailing import (
    MailingAlreadyEnded,
    MailingDiffers,
    MailingIsPaused,
    MailingUnknown,
    MailingWasDeleted,
    MailingWindowOver,
)
from services.catalog.domain.mailing_commands import (
    ChangeMailing,
    CreateMailing,
    DeleteMailing,
    MailingCommand,
    PauseMailing,
    ResumeMailing,
    StartMailing,
    StopMailing,
)
from services.catalog.domain.plan import (
    MailingAlreadyRunning,
    MailingInvalid,
)
from services.catalog.domain.remarks import DETAILS, Remark
from services.catalog.handlers.audiences import of_audience, refer
from services.catalog.queries import mailing_pages
from services.catalog.queries import mailings as queries
from services.catalog.queries.audiences import ids_by_phone
from services.catalog.queries.gateways import by_name
from services.catalog.queries.mailings import (
    ChangedMailing,
    MailingView,
    RemarkView,
    SavedMailing,
)
from services.catalog.routes.asked_clients import LATEST
from services.catalog.routes.asked_mailings import MailingsAsked
from services.catalog.routes.dependencies import OwnLinks
from services.catalog.routes.mailing_bodies import (
    MailingChanges,
    NewMailing,
    changes_from,
    plan_from,
)
from shared import ids
from shared.database import autocommit
from shared.http import (
    BadCursor,
    Change,
    CommandContext,
    Creation,
    Cursor,
    Database,
    IdempotencyKey,
    Limit,
    Moving,
    Page,
    answers,
    etag,
    instant_and_id,
    name_of,
    newest_key,
    page,
    position,
    strict_router,
)
from shared.http.filters import phones_in
from shared.template import TemplateInvalid

router = strict_router("/v1/mailings", "mailings")


@router.post(
    "",
    operation_id="create_mailing",
    status_code=status.HTTP_201_CREATED,
    responses=answers(
        MailingDiffers,
        MailingInvalid,
        MailingWasDeleted,
        TemplateInvalid,
        status=201,
        headers=("ETag", "Location"),
    ),
)
async def create_mailing(
    body: NewMailing, response: Response, context: Creation, key: IdempotencyKey, links: OwnLinks
) -> SavedMailing:
    """Create a mailing: inside its window it starts at once, before it by itself when it begins.

    With an Idempotency-Key, a repeated request creates no second one. The answer says if
    occurrences may come due while the run before them is going on, and would not run.
    """
    mailing_id = ids.keyed_id("mailings", key) if key else ids.new_id()
    phones = phones_in(body.filter, "/filter")
    known = await _known(context, phones)
    plan = plan_from(body, known)
    response.headers["Location"] = f"{router.prefix}/{mailing_id}"
    command = CreateMailing(
        mailing_id=mailing_id,
        plan=plan,
        now=context.now,
        gateways=await _gateways(context),
        has_links=links is not None,
    )
    view = await _refer_or_do(body.audience, command, context, response)
    return _saved(view, phones, known, await handlers.remarks_on(context.store, command))


@router.get("", operation_id="list_mailings", responses=answers(BadCursor))
async def mailings(
    db: Database, asked: MailingsAsked, cursor: Cursor, limit: Limit = 50
) -> Page[MailingView]:
    """Show a page of the mailings that have all of what is asked for, the newest first."""
    before = position(cursor, instant_and_id, LATEST)
    found = await mailing_pages.mailings(db, asked, before=before, limit=limit + 1)
    return page(found, limit, lambda each: newest_key(each.created_at, each.mailing_id))


@router.get(
    "/{mailing_id}",
    operation_id="get_mailing",
    responses=answers(MailingUnknown, headers=("ETag",)),
)
async def mailing(mailing_id: UUID, response: Response, db: Database) -> MailingView:
    """Show one mailing; its entity tag is what the next command may expect."""
    view = await queries.mailing(db, mailing_id)
    response.headers["ETag"] = etag(view.version)
    return view


@router.patch(
    "/{mailing_id}",
    operation_id="change_mailing",
    responses=answers(
        MailingAlreadyEnded,
        MailingAlreadyRunning,
        MailingInvalid,
        MailingUnknown,
        MailingWasDeleted,
        TemplateInvalid,
        headers=("ETag",),
    ),
)
async def change_mailing(
    mailing_id: UUID, body: MailingChanges, response: Response, context: Change, links: OwnLinks
) -> ChangedMailing:
    """Change what the body names, as a merge patch (RFC 7396).

    The answer says if the change does not hold for a run that is going on.
    """
    phones = phones_in(body.filter, "/filter") if body.filter else {}
    known = await _known(context, phones)
    changes = changes_from(body, known)
    command = ChangeMailing(
        mailing_id=mailing_id,
        changes=changes,
        now=context.now,
        gateways=await _gateways(context),
        has_links=links is not None,
    )
    view = await _refer_or_do(body.audience, command, context, response)
    saved = _saved(view, phones, known, await handlers.remarks_on(context.store, command))
    return ChangedMailing(**saved.model_dump())


@router.delete(
    "/{mailing_id}",
    operation_id="delete_mailing",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(MailingUnknown),
)
async def delete_mailing(mailing_id: UUID, context: Change) -> None:
    """Stop the mailing and show it no more; what was sent stays on record."""
    command = DeleteMailing(mailing_id=mailing_id, now=context.now)
    await handlers.handle(context.store, command, expected=context.expected)


@router.post(
    "/{mailing_id}/start",
    operation_id="start_mailing",
    responses=answers(
        MailingAlreadyEnded, MailingIsPaused, MailingUnknown, MailingWindowOver, headers=("ETag",)
    ),
)
async def start_mailing(mailing_id: UUID, response: Response, context: Change) -> MailingView:
    """Start the mailing now, whatever its start says; starting it twice is starting it once."""
    return await _do(StartMailing(mailing_id=mailing_id, now=context.now), context, response)


@router.post(
    "/{mailing_id}/pause",
    operation_id="pause_mailing",
    responses=answers(MailingAlreadyEnded, MailingUnknown, headers=("ETag",)),
)
async def pause_mailing(
    mailing_id: UUID, response: Response, context: Change, body: Moving | None = None
) -> MailingView:
    """Send nothing of the mailing until it is resumed."""
    by = name_of(body)
    command = PauseMailing(mailing_id=mailing_id, now=context.now, by=by)
    return await _do(command, context, response)


@router.post(
    "/{mailing_id}/resume",
    operation_id="resume_mailing",
    responses=answers(MailingAlreadyEnded, MailingUnknown, headers=("ETag",)),
)
async def resume_mailing(
    mailing_id: UUID, response: Response, context: Change, body: Moving | None = None
) -> MailingView:
    """Send the mailing again."""
    by = name_of(body)
    command = ResumeMailing(mailing_id=mailing_id, now=context.now, by=by)
    return await _do(command, context, response)


@router.post(
    "/{mailing_id}/stop",
    operation_id="stop_mailing",
    responses=answers(MailingAlreadyEnded, MailingUnknown, headers=("ETag",)),
)
async def stop_mailing(
    mailing_id: UUID, response: Response, context: Change, body: Moving | None = None
) -> MailingView:
    """Send nothing of the mailing any more, ever."""
    by = name_of(body)
    command = StopMailing(mailing_id=mailing_id, now=context.now, by=by)
    return await _do(command, context, response)


async def _known(context: CommandContext, phones: Mapping[str, str]) -> dict[str, UUID]:
    async with autocommit(context.pool) as db:
        return await ids_by_phone(db, set(phones.values()))


def _saved(
    view: MailingView,
    phones: Mapping[str, str],
    known: Mapping[str, UUID],
    found: Sequence[Remark],
) -> SavedMailing:
    """Return a mailing with the remarks, and the places of the phones that are no client's."""
    remarks = [RemarkView(code=each, detail=DETAILS[each]) for each in found]
    saved = SavedMailing.model_validate(view)
    if remarks:
        saved = saved.model_copy(update={"remarks": remarks})
    if not phones:
        return saved
    unknown = [where for where, phone in phones.items() if phone not in known]
    return saved.model_copy(update={"unknown_phones": unknown})


async def _gateways(context: CommandContext) -> Gateways:
    async with autocommit(context.pool) as db:
        return await by_name(db)


async def _refer_or_do(
    audience: str | None,
    command: CreateMailing | ChangeMailing,
    context: CommandContext,
    response: Response,
) -> MailingView:
    """Carry out a command about a mailing with the filter of a saved audience, if there is one."""
    if audience is None:
        return await _do(command, context, response)
    await refer(context.store, audience, partial(of_audience, command), context.expected)
    async with autocommit(context.pool) as db:
        return await mailing(command.mailing_id, response, db)


async def _do(command: MailingCommand, context: CommandContext, response: Response) -> MailingView:
    await handlers.handle(context.store, command, expected=context.expected)
    async with autocommit(context.pool) as db:
        return await mailing(command.mailing_id, response, db)
