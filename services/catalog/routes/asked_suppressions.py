"""Which suppressions a request asks for, by its parameters."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Query

from services.catalog.domain.profile import EMAIL, EMAIL_LIMIT
from services.catalog.domain.suppression import SuppressionInvalid
from services.catalog.queries.suppressions import owners
from services.catalog.routes.dependencies import Keys
from shared.contracts.catalog import SuppressedKind
from shared.database import autocommit
from shared.errors import FieldError
from shared.http import PHONE_LENGTH, PHONE_WRITTEN, DatabasePool, WrittenPhone
from shared.phone import is_phone

Phone = Annotated[WrittenPhone | None, Query(description=PHONE_WRITTEN, max_length=PHONE_LENGTH)]
Email = Annotated[str | None, Query(max_length=EMAIL_LIMIT)]


def contact_mistake(phone: str | None, email: str | None) -> FieldError | None:
    """Return what is wrong with a contact; None: nothing."""
    if phone is not None and not is_phone(phone):
        return FieldError("/phone", "phone", "7 and ten digits, as in 79161234567")
    if email is not None and (len(email) > EMAIL_LIMIT or not EMAIL.fullmatch(email)):
        return FieldError("/email", "email", "as in anna@example.com")
    return None


async def _subjects(
    pool: DatabasePool,
    keys: Keys,
    client_id: UUID | None = None,
    phone: Phone = None,
    email: Email = None,
) -> list[str] | None:
    """Return under which names what is asked for may be suppressed; None: nothing is asked for."""
    if client_id is None and phone is None and email is None:
        return None
    if mistake := contact_mistake(phone, email):
        raise SuppressionInvalid(mistake)
    hashes = [
        *keys.hashes(SuppressedKind.PHONE, phone),
        *keys.hashes(SuppressedKind.EMAIL, email),
    ]
    if client_id is not None:
        return [str(client_id), *hashes]
    async with autocommit(pool) as db:
        found = await owners(db, phone=phone, email=email)
    return [*map(str, found), *hashes]


SuppressedSubjects: TypeAlias = Annotated[list[str] | None, Depends(_subjects)]
