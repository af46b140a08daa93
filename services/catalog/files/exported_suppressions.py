"""Suppressions as an export writes them: each line says all of one, its contact as a hash."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.catalog.domain.contact_keys import HASH
from services.catalog.domain.suppression import (
    REASONS,
    SOURCE,
    SOURCE_LIMIT,
    Unwanted,
    topic_mistake,
)
from shared.contracts.catalog import SuppressedKind
from shared.contracts.dispatcher import SuppressedReason
from shared.errors import FieldError
from shared.event import EPOCH, Instant

NEEDED = frozenset({"subject", "kind"})  # by them an export is told from a list of contacts
COLUMNS = ("subject", "kind", "topic", "reason", "source", "since", "key_id")
CONTACTS = (SuppressedKind.PHONE, SuppressedKind.EMAIL)

NO_KIND = FieldError("/kind", "kind", "client, phone or email")
NO_CLIENT = FieldError("/subject", "client_id", "of a client it is the client's identifier")
NO_HASH = FieldError("/subject", "hash", "of a contact it is the hash that an export writes")
NO_KEY = FieldError("/key_id", "no_key", "the key of this hash is not named; export it anew")
UNKNOWN_KEY = FieldError(
    "/key_id", "unknown_key", "CATALOG_CONTACT_KEYS has no key of this hash; add that one first"
)
NO_REASON = FieldError("/reason", "reason", f"one of {', '.join(REASONS)}")
NO_SOURCE = FieldError(
    "/source", "source", f"1 to {SOURCE_LIMIT} characters, of one line", (1, SOURCE_LIMIT)
)
NO_INSTANT = FieldError("/since", "since", "a time that has been, as in 2026-01-31T12:00:00+00:00")


@dataclass(frozen=True, slots=True)
class ExportedLines:
    """What is needed to read lines of an export."""

    key_ids: Collection[str]  # of the keys that the catalog has
    now: Instant

    def unwanted(self, line: Mapping[str, object]) -> Unwanted | FieldError:
        """Return what a line says, or what is wrong with it."""
        given = {name: line.get(name) for name in COLUMNS}
        cells = {name: value for name, value in given.items() if isinstance(value, str) and value}
        for name, value in given.items():
            if value and name not in cells:
                return FieldError(f"/{name}", "text", "a text is needed")
        try:
            kind = SuppressedKind(cells.get("kind", ""))
        except ValueError:
            return NO_KIND
        subject = cells.get("subject", "")
        mistake = (
            _no_client(subject) if kind not in CONTACTS else self._no_hash(subject, cells)
        ) or _mistake(cells)
        if mistake is not None:
            return mistake
        since = self._since(cells.get("since"))
        if isinstance(since, FieldError):
            return since
        key_id = cells.get("key_id", "")
        return Unwanted(
            kind=kind,
            value=subject,
            topic=cells.get("topic"),
            reason=SuppressedReason(cells.get("reason", SuppressedReason.REQUESTED)),
            source=cells.get("source"),
            is_hash=kind in CONTACTS,
            key_id=key_id if key_id in self.key_ids else None,
            since=since,
        )

    def _no_hash(self, subject: str, cells: Mapping[str, str]) -> FieldError | None:
        if not HASH.fullmatch(subject):
            return NO_HASH
        key_ids = cells.get("key_id", "").split()  # several: it is by one of them
        if not key_ids:
            return NO_KEY
        return None if all(each in self.key_ids for each in key_ids) else UNKNOWN_KEY

    def _since(self, text: str | None) -> Instant | FieldError | None:
        try:
            since = datetime.fromisoformat(text) if text else None
            is_right = since is None or EPOCH <= since <= self.now
        except (TypeError, ValueError):  # without a zone it cannot be compared
            return NO_INSTANT
        return since if is_right else NO_INSTANT


def _no_client(subject: str) -> FieldError | None:
    try:
        UUID(subject)
    except ValueError:
        return NO_CLIENT
    return None


def _mistake(cells: Mapping[str, str]) -> FieldError | None:
    if mistake := topic_mistake("/topic", cells.get("topic")):
        return mistake
    if cells.get("reason", REASONS[0]) not in REASONS:
        return NO_REASON
    source = cells.get("source", "-")
    return None if len(source) <= SOURCE_LIMIT and SOURCE.match(source) else NO_SOURCE
