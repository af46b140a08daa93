"""Which mailings a request asks for, by its parameters."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Query

from services.catalog.queries.mailing_pages import AskedMailings
from services.catalog.queries.mailings import MailingStatus
from services.catalog.routes.asked_clients import MOST_IDS

TYPED = "Beginnings of words of the name; all of them are to be found."


def _asked(
    *,
    q: Annotated[str | None, Query(description=TYPED, max_length=200)] = None,
    gateway: Annotated[str | None, Query(description="Name of a gateway.", max_length=100)] = None,
    status: MailingStatus | None = None,
    ids: Annotated[
        list[UUID] | None, Query(description="Identifiers of mailings.", max_length=MOST_IDS)
    ] = None,
) -> AskedMailings:
    return AskedMailings(typed=q, gateway=gateway, status=status, mailing_ids=ids)


MailingsAsked: TypeAlias = Annotated[AskedMailings, Depends(_asked)]
