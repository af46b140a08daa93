"""What the filter of a mailing may ask of a client."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

ID_BYTES = 16


class Condition(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"and_": "and", "or_": "or", "not_": "not"},
):
    """What a client must be: all that is stated. None: that doesn't matter."""

    operator_codes: tuple[str, ...] | None = None  # any of them
    tags: tuple[str, ...] | None = None  # any of them
    all_tags: tuple[str, ...] | None = None
    no_tags: tuple[str, ...] | None = None
    time_zones: tuple[str, ...] | None = None  # any of them, under any of its names
    client_ids: bytes | None = None  # as `packed` has them: 20,000 as UUIDs fill a record
    has_phone: bool | None = None
    has_email: bool | None = None
    and_: "tuple[Condition, ...] | None" = None
    or_: "tuple[Condition, ...] | None" = None
    not_: "Condition | None" = None


def packed(client_ids: Iterable[UUID]) -> bytes:
    """Return the bytes of identifiers, one behind the other: in order, and each once."""
    return b"".join(sorted({each.bytes for each in client_ids}))


def unpacked(client_ids: bytes) -> list[UUID]:
    """Return the identifiers of `packed`.

    Raises:
        ValueError: The last one is not whole.
    """
    starts = range(0, len(client_ids), ID_BYTES)
    return [UUID(bytes=client_ids[start : start + ID_BYTES]) for start in starts]
