"""A saved audience: a filter with a name, which mailings refer to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, get_args
from uuid import UUID

from services.catalog.domain.filter import in_filter, patched_filter
from services.catalog.domain.text import mistake
from shared.audience import canonical
from shared.contracts.catalog import Filter
from shared.decider import Decider
from shared.errors import Conflict, FieldError, InUse, Invalid, NotFound
from shared.event import Event, Instant

NAME_LIMIT = 200  # characters

# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveAudience:
    """Save an audience. Repeating it with the same identifier, name and filter has no effect."""

    audience_id: UUID
    name: str
    filter: Filter
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAudience:
    """Change an audience; fields that are not in `changes` keep their values."""

    audience_id: UUID
    changes: Mapping[str, Any]
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAudience:
    """Delete an audience, which no mailing that may still run refers to."""

    audience_id: UUID
    now: Instant


AudienceCommand: TypeAlias = SaveAudience | ChangeAudience | DeleteAudience


# Private events: others know the filter from the mailings that refer to it


class AudienceSaved(Event, frozen=True, kw_only=True):
    """An audience can be referred to."""

    audience_id: UUID
    name: str
    filter: Filter
    saved_at: Instant


class AudienceChanged(Event, frozen=True, kw_only=True):
    """The audience is another one, also for the mailings that refer to it."""

    audience_id: UUID
    name: str
    filter: Filter
    changed_at: Instant


class AudienceDeleted(Event, frozen=True, kw_only=True):
    """The audience is gone."""

    audience_id: UUID
    deleted_at: Instant


AudienceEvent: TypeAlias = AudienceSaved | AudienceChanged | AudienceDeleted


# State


@dataclass(frozen=True, slots=True)
class Audience:
    """All that `decide` needs to know; no name: there is no such audience (any more)."""

    name: str | None = None
    filter: Filter | None = None
    saved_as: tuple[str, Filter] | None = None

    @property
    def selected(self) -> Filter:
        """Return the filter of an audience that there is."""
        assert self.filter is not None  # noqa: S101 - all that follows from AudienceSaved
        return self.filter


def evolve(audience: Audience, event: AudienceEvent) -> Audience:
    """Apply what happened. Never fails: history is not negotiable."""
    match event:
        case AudienceSaved():
            return Audience(event.name, event.filter, (event.name, event.filter))
        case AudienceChanged():
            return replace(audience, name=event.name, filter=event.filter)
        case AudienceDeleted():
            return replace(audience, name=None, filter=None)


def decide(command: AudienceCommand, audience: Audience) -> list[AudienceEvent]:
    """Answer with what happens next, with nothing if it is so already, or raise a refusal."""
    match command:
        case SaveAudience() as c:
            return _saved(c, audience)
        case DeleteAudience() if audience.saved_as is not None and audience.name is None:
            return []
        case _ if audience.name is None:
            raise AudienceUnknown
        case ChangeAudience() as c:
            return _changed(c, audience.name, audience.selected)
        case DeleteAudience() as c:
            return [AudienceDeleted(audience_id=c.audience_id, deleted_at=c.now)]


def _saved(command: SaveAudience, audience: Audience) -> list[AudienceEvent]:
    name, wanted = checked(command.name, command.filter)
    if audience.saved_as is None:
        event = AudienceSaved(
            audience_id=command.audience_id, name=name, filter=wanted, saved_at=command.now
        )
        return [event]
    if audience.saved_as != (name, wanted):
        raise AudienceDiffers
    if audience.name is None:
        raise AudienceWasDeleted
    return []


def _changed(command: ChangeAudience, name: str, wanted: Filter) -> list[AudienceEvent]:
    changes = command.changes
    if "name" in changes and changes["name"] is None:
        raise AudienceInvalid(FieldError("/name", "required", "it cannot be removed"))
    parts = changes.get("filter", {})
    changed = Filter() if parts is None else patched_filter(wanted, parts)
    new = checked(changes.get("name", name), changed)
    if new == (name, wanted):
        return []
    event = AudienceChanged(
        audience_id=command.audience_id, name=new[0], filter=new[1], changed_at=command.now
    )
    return [event]


def checked(name: str, wanted: Filter) -> tuple[str, Filter]:
    """Return name and filter, with its zones under today's names.

    Raises:
        AudienceInvalid: With the place of each mistake.
    """
    found = in_filter(wanted, "/filter")
    if not 1 <= len(name) <= NAME_LIMIT:
        detail = f"1 to {NAME_LIMIT} characters"
        found.append(FieldError("/name", "length", detail, (1, NAME_LIMIT)))
    elif wrong := mistake("/name", name):
        found.append(wrong)
    elif is_id(name):
        found.append(FieldError("/name", "identifier", "an audience is also found by its id"))
    if found:
        raise AudienceInvalid(*found)
    return name, canonical(wanted)


def is_id(text: str) -> bool:
    """Return whether a text is an identifier, not a name."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# Refusals


class AudienceUnknown(NotFound):
    """No audience has this identifier."""


class AudienceInvalid(Invalid):
    """An audience cannot be like this."""


class AudienceDiffers(Invalid):
    """This Idempotency-Key came before, with another audience."""


class AudienceWasDeleted(Conflict):
    """This Idempotency-Key came before, with an audience that was deleted; take another key."""


class AudienceNameTaken(Conflict):
    """Another audience has this name."""


class AudienceInUse(InUse):
    """Mailings that may still run refer to the audience; stop or change them first."""


audience = Decider(
    initial=Audience(), evolve=evolve, decide=decide, events=get_args(AudienceEvent)
)
