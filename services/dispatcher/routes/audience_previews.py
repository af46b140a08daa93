"""Previews of audiences over HTTP: whom a filter selects, before anything is saved."""

from uuid import UUID

from pydantic import Field

from services.dispatcher.queries import audience as queries
from services.dispatcher.queries.audience import AudienceView, PreviewedClient, Wanted
from shared.audience import canonical, mistakes
from shared.contracts.catalog import GatewayKey
from shared.database import autocommit
from shared.errors import FieldError, Invalid
from shared.http import (
    BadCursor,
    Body,
    Cursor,
    DatabasePool,
    Limit,
    answers,
    page,
    position,
    strict_router,
)
from shared.http.filters import FilterBody, filter_from, phones_in

router = strict_router("/v1/audience-previews", "audiences")

FIRST = UUID(int=0)


class AudienceInvalid(Invalid):
    """An audience cannot be like this."""


class PreviewedAudience(Body):
    """The body of POST /v1/audience-previews: a filter, and the gateway that would be used."""

    filter: FilterBody = FilterBody()
    gateway: GatewayKey = Field("http", examples=["http"])
    topic: str | None = Field(
        None,
        max_length=63,
        description="Of the mailing, which clients can refuse.",
        examples=[None],
    )


class AudiencePreview(AudienceView):
    """Whom a mailing would go to now."""

    unknown_phones: list[str] = Field(
        description="Where the filter has phones that are no client's: JSON pointers.",
        examples=[[]],
    )
    clients: list[PreviewedClient] = Field(description="A page of those that are selected.")
    next_cursor: str | None


@router.post("", operation_id="preview_audience", responses=answers(AudienceInvalid, BadCursor))
async def preview_audience(
    body: PreviewedAudience, pool: DatabasePool, cursor: Cursor, limit: Limit = 50
) -> AudiencePreview:
    """Count whom a filter selects now and who would get nothing, and show a page of them.

    It is the condition by which runs are written down. A run has who was there when it began.
    """
    after = position(cursor, UUID, FIRST)
    phones = phones_in(body.filter, "/filter")
    async with autocommit(pool) as db:
        known = await queries.ids_by_phone(db, set(phones.values()))
        found = await queries.contact_of(db, body.gateway)
        wanted = filter_from(body.filter, known)
        wrong = mistakes(wanted, "/filter")
        if found is None:
            wrong.append(FieldError("/gateway", "unknown_gateway", "there is none of this name"))
        if found is None or wrong:
            raise AudienceInvalid(*wrong)
        chosen = Wanted(canonical(wanted), found[0], body.topic)
        counts = await queries.count(db, chosen)
        clients = await queries.page(db, chosen, after, limit + 1)
    shown = page(clients, limit, lambda each: str(each.client_id))
    return AudiencePreview(
        **counts.model_dump(),
        unknown_phones=[where for where, phone in phones.items() if phone not in known],
        clients=shown.items,
        next_cursor=shown.next_cursor,
    )
