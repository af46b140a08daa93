"""What waits for somebody's decision in a service: events that Kafka refused, and dead letters.

Whoever decides says why. That is in the log, with what was decided; nothing is deleted silently.
"""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import structlog
from fastapi import Query
from pydantic import Field

from shared.event import Instant
from shared.http.bodies import Body, View
from shared.http.dependencies import Database, DatabasePool
from shared.http.openapi import answers
from shared.http.pages import BadCursor, Cursor, Limit, Page, page, position
from shared.http.routing import strict_router
from shared.kafka import requests as letters
from shared.kafka.requests import Choice, Place
from shared.outbox import requests as unpublished

log = structlog.get_logger()

router = strict_router("/v1", "operations")

PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
LARGEST_BIGINT = 2**63 - 1

Decision: TypeAlias = Literal["replay", "discard"]
Consumer: TypeAlias = Annotated[str | None, Query(max_length=200, description="Only of this one.")]
OfMailing: TypeAlias = Annotated[UUID | None, Query(description="Only of this mailing.")]
Key: TypeAlias = Annotated[
    str | None, Query(max_length=500, description="Only of this key, as of a mailing.")
]


class Reasoned(Body):
    """Why something is decided, and by whom."""

    reason: str = Field(
        min_length=1,
        max_length=500,
        pattern=PRINTABLE,
        description="Why; it is in the service's log.",
        examples=["the release that could not read it is replaced"],
    )
    by: str | None = Field(
        None,
        max_length=100,
        pattern=PRINTABLE,
        description="Who decides, as they name themselves.",
        examples=["anna"],
    )


class LetterDecision(Reasoned):
    """The body of a decision about dead letters: which are meant, and why."""

    consumer: str | None = Field(
        None, max_length=200, description="Only of this one.", examples=["stats"]
    )
    key: UUID | None = Field(None, description="Only of this mailing.")


class EventDecision(Reasoned):
    """The body of a decision about events that were not published: which are meant, and why."""

    key: str | None = Field(
        None,
        max_length=500,
        description="Only of this key, as of a mailing.",
        examples=["01890a5d-ac96-774b-bcce-b302099a8057"],
    )


class Decided(View):
    """What was decided."""

    count: int = Field(description="How many are tried again soon, or were given up.")


class OutboxView(View):
    """What waits to be published."""

    transactions: int = Field(
        description=f"Those that wait, counted up to {unpublished.COUNTED:,}."
    )
    oldest_at: Instant | None = Field(description="Of the oldest; none: nothing waits.")
    age_s: float | None = Field(description="How long that waits, in seconds.", examples=[0.2])
    refused: int = Field(description="Events that Kafka refused, and were set aside.")
    held: int = Field(description="Events that wait behind those.")


class UnpublishedView(View):
    """An event that was set aside, never what it says."""

    recorded_at: Instant
    topic: str | None = Field(description="None: its row cannot be read.")
    key: str | None
    reason: str
    is_held: bool = Field(description="It only waits for an earlier one of its key.")
    is_requested: bool = Field(description="It is tried again soon.")


class DeadLetterView(View):
    """A record that could not be applied: where it stands in Kafka, never what it says."""

    consumer: str = Field(examples=["stats"])
    topic: str = Field(examples=["catalog.mailings"])
    partition: int
    offset: int
    key: UUID | None = Field(description="Of its mailing, whose later records wait behind it.")
    recorded_at: Instant = Field(description="When it was set aside.")
    reason: str
    is_held: bool = Field(description="It only waits for an earlier one of its key.")
    is_requested: bool = Field(description="It is tried again soon.")


@router.get("/outbox", operation_id="get_outbox")
async def get_outbox(db: Database) -> OutboxView:
    """Show what waits to be published, and for how long."""
    return OutboxView.model_validate(await unpublished.waiting(db))


@router.get("/outbox/unpublished", operation_id="list_unpublished", responses=answers(BadCursor))
async def list_unpublished(
    db: Database, cursor: Cursor, limit: Limit = 50, key: Key = None
) -> Page[UnpublishedView]:
    """Show a page of events that Kafka refused and those behind them, in order of publishing."""
    after = position(cursor, _number, 0)
    found = await unpublished.page(db, _bytes(key), after, limit + 1)
    shown = page(found, limit, lambda each: str(each.position))
    items = [
        UnpublishedView(
            recorded_at=each.recorded_at,
            topic=each.topic,
            key=None if each.key is None else each.key.decode(errors="backslashreplace"),
            reason=each.reason,
            is_held=each.is_held,
            is_requested=each.is_requested,
        )
        for each in shown.items
    ]
    return Page(items=items, next_cursor=shown.next_cursor)


@router.post("/outbox/unpublished/replay", operation_id="replay_unpublished")
async def replay_unpublished(body: EventDecision, pool: DatabasePool) -> Decided:
    """Publish again what Kafka refused, soon and in order; what is refused again stays."""
    return _decided("replay", body, await unpublished.request_replay(pool, _bytes(body.key)))


@router.post("/outbox/unpublished/discard", operation_id="discard_unpublished")
async def discard_unpublished(body: EventDecision, pool: DatabasePool) -> Decided:
    """Give up what Kafka refused, for good; what waits behind it is published then."""
    return _decided("discard", body, await unpublished.discard(pool, _bytes(body.key)))


@router.get("/dead-letters", operation_id="list_dead_letters", responses=answers(BadCursor))
async def list_dead_letters(
    db: Database,
    cursor: Cursor,
    limit: Limit = 50,
    consumer: Consumer = None,
    key: OfMailing = None,
) -> Page[DeadLetterView]:
    """Show a page of records that could not be applied, and those behind them."""
    after = position(cursor, _place, letters.START)
    found = await letters.page(db, Choice(consumer, key), after, limit + 1)
    shown = page(
        found,
        limit,
        lambda each: f"{each.partition},{each.offset},{each.topic},{each.consumer}",
    )
    items = [DeadLetterView.model_validate(each) for each in shown.items]
    return Page(items=items, next_cursor=shown.next_cursor)


@router.post("/dead-letters/replay", operation_id="replay_dead_letters")
async def replay_dead_letters(body: LetterDecision, pool: DatabasePool) -> Decided:
    """Apply dead letters again, soon and in order; what cannot be applied stays."""
    choice = Choice(body.consumer, body.key)
    return _decided("replay", body, await letters.request_replay(pool, choice))


@router.post("/dead-letters/discard", operation_id="discard_dead_letters")
async def discard_dead_letters(body: LetterDecision, pool: DatabasePool) -> Decided:
    """Give up dead letters, for good; what waits behind them is applied then."""
    choice = Choice(body.consumer, body.key)
    return _decided("discard", body, await letters.discard(pool, choice))


def _decided(what: Decision, body: LetterDecision | EventDecision, count: int) -> Decided:
    of = "letters" if isinstance(body, LetterDecision) else "events"
    chosen = body.model_dump(mode="json", exclude_none=True)
    log.warning("operations.decided", what=f"{what} {of}", count=count, **chosen)
    return Decided(count=count)


def _bytes(key: str | None) -> bytes | None:
    return None if key is None else key.encode()


def _number(cursor: str) -> int:
    """Read a position.

    Raises:
        ValueError: It is none.
    """
    number = int(cursor)
    if not 0 <= number <= LARGEST_BIGINT:
        raise ValueError
    return number


def _place(cursor: str) -> Place:
    """Read where a page of dead letters begins.

    Raises:
        ValueError: It is no such cursor.
    """
    partition, offset, topic, consumer = cursor.split(",", 3)
    place = Place(consumer, topic, int(partition), _number(offset))
    if not 0 <= place.partition < 2**31 or "\0" in cursor:
        raise ValueError
    return place
