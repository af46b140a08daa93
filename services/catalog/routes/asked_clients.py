"""Which clients a request asks for, by its parameters."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Query
from pydantic import Field

from services.catalog.domain.profile import TAG_LIMIT
from services.catalog.queries.search import Asked
from shared.http import PHONE_LENGTH, PHONE_WRITTEN, WrittenPhone

TYPED = (
    "Beginnings of words of the name, of the e-mail or its domain, of the phone, or at least four "
    "digits of its end; all of them are to be found."
)
MOST_IDS, MOST_TAGS = 100, 20
# Behind it are all clients, of which the newest is the first.
LATEST = (datetime.max.replace(tzinfo=UTC), UUID(int=(1 << 128) - 1))


def _asked(
    *,
    q: Annotated[str | None, Query(description=TYPED, max_length=200)] = None,
    phone: Annotated[
        WrittenPhone | None, Query(description=PHONE_WRITTEN, max_length=PHONE_LENGTH)
    ] = None,
    operator_code: Annotated[str | None, Query(max_length=20)] = None,
    tag: Annotated[
        list[Annotated[str, Field(max_length=TAG_LIMIT)]] | None,
        Query(description="tags that the client has, all of them", max_length=MOST_TAGS),
    ] = None,
    ids: Annotated[
        list[UUID] | None, Query(description="identifiers of clients", max_length=MOST_IDS)
    ] = None,
) -> Asked:
    return Asked(typed=q, tags=tag or (), operator_code=operator_code, phone=phone, client_ids=ids)


AskedClients: TypeAlias = Annotated[Asked, Depends(_asked)]
