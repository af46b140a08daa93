"""The times at which a client likes to be written to: how they are changed one by one."""

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from shared.errors import NotFound
from shared.event import Instant
from shared.preferred import (
    PreferredTime,
    canonical_preferred,
    format_preferred,
    parse_preferred,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPreferredTime:
    """Let the client prefer another time."""

    client_id: UUID
    time: PreferredTime
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePreferredTime:
    """Let the client prefer a time no more, whose text this is."""

    client_id: UUID
    text: str
    now: Instant


def times_after(command: AddPreferredTime | DeletePreferredTime, text: str | None) -> str | None:
    """Return what a client prefers then; days of one local time are kept together.

    Raises:
        PreferredTimeUnknown: It does not prefer what is to be deleted.
    """
    times = parse_preferred(text or "")
    if isinstance(command, AddPreferredTime):
        return format_preferred(canonical_preferred([*times, command.time]))
    left = tuple(each for each in times if format_preferred([each]) != command.text)
    if left == times:
        raise PreferredTimeUnknown
    return format_preferred(left)


def canonical_text(text: str | None) -> str | None:
    """Return the one text of preferred times; of what cannot be read what it is."""
    with suppress(ValueError):
        return format_preferred(parse_preferred(text or ""))
    return text


def mistake_in_times(text: str | None) -> str | None:
    """Return what is wrong with preferred times."""
    if text is None:
        return None
    try:
        parse_preferred(text)
    except ValueError as error:
        return str(error)
    return None


class PreferredTimeUnknown(NotFound):
    """The client has no such preferred time."""
