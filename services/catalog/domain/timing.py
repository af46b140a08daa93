"""A part of what a mailing says of times, changed in part."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from shared.contracts.timing import QuietHours, TimePolicy

Part = TypeVar("Part", TimePolicy, QuietHours)


def patched_part(
    before: Part | None, parts: Mapping[str, Any], kind: type[Part], required: str
) -> Part | None:
    """Return `before` with `parts`; None for what lacks what it must have."""
    whole: dict[str, Any] = {} if before is None else msgspec.to_builtins(before)
    given = {name: value for name, value in (whole | dict(parts)).items() if value is not None}
    return msgspec.convert(given, kind) if required in given else None
