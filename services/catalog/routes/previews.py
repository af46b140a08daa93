"""Previews of mailings over HTTP: what they say to whom, and to how many."""

from dataclasses import replace
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from pydantic import Field

from services.catalog.domain.client import ClientUnknown
from services.catalog.domain.mailing import MailingUnknown
from services.catalog.domain.plan import FIELDS, MailingInvalid, Plan, settled
from services.catalog.domain.preview import MessageNotRendered, texts_of
from services.catalog.domain.profile import EMAIL_LIMIT, TAG_LIMIT, TAGS, Profile
from services.catalog.domain.sms import Alphabet
from services.catalog.handlers.audiences import unknown_audience
from services.catalog.queries import mailings as stored
from services.catalog.queries import previews as queries
from services.catalog.queries.audiences import ids_by_phone
from services.catalog.queries.gateways import by_name
from services.catalog.queue.audiences import find
from services.catalog.routes.mailing_bodies import NewMailing, plan_from
from shared.database import Connection, autocommit
from shared.event import Instant
from shared.http import Body, Creation, DatabasePool, View, answers, strict_router
from shared.http.filters import phones_in
from shared.template import TemplateInvalid

router = strict_router("/v1/mailings", "mailings")

Tag: TypeAlias = Annotated[str, Field(max_length=TAG_LIMIT)]


class PreviewValues(Body):
    """What a client has, as a preview takes it; what is not named the client does not have."""

    full_name: str | None = Field(None, max_length=200, examples=["Anna Ivanova"])
    phone: str | None = Field(None, max_length=11, examples=["79161234567"])
    email: str | None = Field(None, max_length=EMAIL_LIMIT, examples=["anna@example.com"])
    operator_code: str | None = Field(None, max_length=3, examples=["916"])
    time_zone: str | None = Field(None, max_length=64, examples=["Europe/Moscow"])
    comment: str | None = Field(None, max_length=2_000, examples=[None])
    tags: tuple[Tag, ...] = Field((), max_length=TAGS, examples=[["vip"]])


class Recipient(Body):
    """To whom a preview is: a client, or values of nobody; neither: any client it would go to."""

    client_id: UUID | None = Field(None, examples=[None])
    values: PreviewValues | None = Field(None, examples=[{"full_name": "Anna Ivanova"}])


class PreviewedMailing(NewMailing, Recipient):
    """The body of POST /v1/mailings/preview: a mailing, and to whom it is shown."""


class SmsView(View):
    """What a text is as an SMS."""

    characters: int
    alphabet: Alphabet = Field(description="gsm7: seven bits each, or ucs2: sixteen.")
    segments: int = Field(description="Of 160 or 70 if alone, else of 153 or 67 characters.")


class MessageView(View):
    """A message as it would be sent."""

    client_id: UUID | None = Field(description="None: it is of values.")
    sender: str | None
    subject: str | None
    text: str
    html: str | None
    sms: SmsView | None = Field(description="None: it is a mail.")
    missing: list[str] = Field(
        description="Variables that the client does not have.", examples=[["comment"]]
    )


class MailingPreview(View):
    """What a mailing would be, what it says, and to how many it would go now."""

    starts_at: Instant
    ends_at: Instant
    clients: int
    is_whole: bool = Field(description="False: there are more, which are not counted.")
    without_contact: int = Field(
        description="Of them: they have nothing that its gateway could write to."
    )
    missing: dict[str, int] = Field(
        description="Variables of its texts, and how many of the clients do not have them.",
        examples=[{"full_name": 12}],
    )
    message: MessageView


@router.post(
    "/preview",
    operation_id="preview_mailing",
    responses=answers(ClientUnknown, MailingInvalid, MessageNotRendered, TemplateInvalid),
)
async def preview_mailing(body: PreviewedMailing, context: Creation) -> MailingPreview:
    """Check a mailing as its creation would, show a message, and count. Creates nothing."""
    async with autocommit(context.pool) as db:
        phones = phones_in(body.filter, "/filter")
        plan = plan_from(body, await ids_by_phone(db, set(phones.values())))
        if body.audience is not None:
            found = await find(db, body.audience)
            if found is None:
                raise MailingInvalid(unknown_audience())
            plan = replace(plan, filter=found.filter, audience_id=found.audience_id)
        plan = settled(plan, context.now, await by_name(db))
    return await _preview(plan, plan.starts_at or context.now, body, context.pool)


@router.post(
    "/{mailing_id}/preview",
    operation_id="preview_saved_mailing",
    responses=answers(ClientUnknown, MailingUnknown, MessageNotRendered, TemplateInvalid),
)
async def preview_saved_mailing(
    mailing_id: UUID, body: Recipient, pool: DatabasePool
) -> MailingPreview:
    """Show a message of the mailing as it is now, and count whom it would go to."""
    async with autocommit(pool) as db:
        view = await stored.mailing(db, mailing_id)
        chosen = await stored.filter_of(db, mailing_id)
    plain = {name: getattr(view, name) for name in FIELDS if name not in ("filter", "schedule")}
    plan = Plan(**plain, filter=chosen)
    return await _preview(plan, view.starts_at, body, pool)


async def _preview(
    plan: Plan, starts_at: Instant, to: Recipient, pool: DatabasePool
) -> MailingPreview:
    async with autocommit(pool) as db:
        gateway = (await by_name(db)).get(plan.gateway)
        contact = None if gateway is None else gateway.contact
        texts = texts_of(plan, contact)
        client_id, client = await _recipient(db, plan, to)
        found = await queries.audience(db, plan.filter, contact, texts.variables)
    message = texts.message(client)
    sender = plan.sender or (gateway.sender if gateway and message.sms is None else None)
    shown = {name: getattr(message, name) for name in ("subject", "text", "html", "missing")}
    return MailingPreview(
        starts_at=starts_at,
        ends_at=plan.ends_at,
        clients=found.clients,
        is_whole=found.is_whole,
        without_contact=found.without_contact,
        missing=found.missing,
        message=MessageView(client_id=client_id, sender=sender, sms=message.sms, **shown),
    )


async def _recipient(db: Connection, plan: Plan, to: Recipient) -> tuple[UUID | None, Profile]:
    """Return a client, with what values say instead of what it has."""
    given = to.values.model_dump(exclude_unset=True) if to.values else {}
    if to.client_id is not None:
        client_id, client = await queries.one(db, to.client_id)
        return client_id, msgspec.structs.replace(client, **given)
    someone = None if to.values else await queries.someone(db, plan.filter)
    return someone or (None, Profile(**given))
