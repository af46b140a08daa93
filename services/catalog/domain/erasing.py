"""Erasing: by what a person is known, of all that its client ever was."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.catalog.domain.client import ClientEvent
from services.catalog.domain.contact_keys import ContactKeys, normal
from shared.contracts.catalog import ClientRemoved, SuppressedKind

NAMED_FROM = 3  # characters: shorter names are in the rows of many


@dataclass(slots=True)
class Traces:
    """By what rows of a person are known."""

    phones: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)  # as they are compared
    names: set[str] = field(default_factory=set)
    external_ids: set[str] = field(default_factory=set)

    def hashes(self, keys: ContactKeys) -> list[str]:
        """Return under which names the contacts may be suppressed."""
        phones = [keys.hashes(SuppressedKind.PHONE, each) for each in sorted(self.phones)]
        emails = [keys.hashes(SuppressedKind.EMAIL, each) for each in sorted(self.emails)]
        return [name for names in (*phones, *emails) for name in names]


def traces_of(history: Iterable[ClientEvent]) -> Traces:
    """Return by what a person is known, of all events of its client."""
    traces = Traces()
    for event in history:
        if isinstance(event, ClientRemoved):
            continue
        name = event.full_name or ""
        traces.phones |= {event.phone} if event.phone else set()
        traces.emails |= {normal(event.email)} if event.email else set()
        traces.names |= {name} if len(name) >= NAMED_FROM else set()
        traces.external_ids |= {event.external_id} if event.external_id else set()
    return traces
