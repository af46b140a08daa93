"""What the dispatcher publishes of clients' contacts, which it does not name."""

from typing import ClassVar
from uuid import UUID

from shared.event import Event, Instant
from shared.topic import Topic

CONTACTS = Topic("dispatcher.contacts", is_bulk=True, is_terse=True)


class ContactBounced(Event, frozen=True, kw_only=True):
    """A message was refused for good because of its recipient: there is no such, or it takes none.

    The contact is that which the client had at `tried_at`.
    """

    topic: ClassVar = CONTACTS

    client_id: UUID
    run_id: UUID  # with the client: of a message
    kind: str  # phone or email
    reason: str  # the class of what happened
    tried_at: Instant
