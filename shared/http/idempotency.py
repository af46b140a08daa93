"""Idempotency keys: by which a request that comes again is known.

Source: draft-ietf-httpapi-idempotency-key-header; quotes may be left out.
"""

from typing import Annotated, TypeAlias

from fastapi import Depends, Header

from shared.errors import FieldError, Invalid

LIMIT = 255  # characters


def _key(
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description=f"Makes the request repeatable: up to {LIMIT} characters of your choice.",
        ),
    ] = None,
) -> str | None:
    if idempotency_key is None:
        return None
    key = idempotency_key.strip().strip('"')
    if not key or len(key) > LIMIT or not key.isprintable():
        raise Invalid(FieldError("", "idempotency_key", f"1 to {LIMIT} characters", (1, LIMIT)))
    return key


IdempotencyKey: TypeAlias = Annotated[str | None, Depends(_key)]
