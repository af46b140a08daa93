"""The dependencies: what the settings give to the catalog's routes.

An application that is made without them has neither keys nor links.
"""

from datetime import timedelta
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Request

from services.catalog.domain.contact_keys import NO_KEYS, ContactKeys
from shared.kafka.topics import COMPACTION_LAG
from shared.unsubscribe import Links


def _keys(request: Request) -> ContactKeys:
    return cast("ContactKeys", getattr(request.app.state, "contact_keys", NO_KEYS))


def _links(request: Request) -> Links | None:
    return cast("Links | None", getattr(request.app.state, "links", None))


def _lag(request: Request) -> timedelta:
    return cast("timedelta", getattr(request.app.state, "compaction_lag", COMPACTION_LAG))


Keys: TypeAlias = Annotated[ContactKeys, Depends(_keys)]  # of contacts
OwnLinks: TypeAlias = Annotated[Links | None, Depends(_links)]  # to unsubscribe; None: none
# How long what is replaced may stay in Kafka.
CompactionLag: TypeAlias = Annotated[timedelta, Depends(_lag)]
