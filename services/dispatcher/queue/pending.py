"""The outlook: what there is to do, asked for all workers at once.

So those who find nothing to do ask nothing: idle, a dispatcher costs two statements a look.
"""

from dataclasses import dataclass

from sqlalchemy import text

from services.dispatcher.domain.window import must_outlast
from services.dispatcher.queue.claiming import IS_DUE_CHUNK, IS_DUE_RETRY, IS_OPEN
from services.dispatcher.queue.ending import HAS_TO_END, IS_COMPLETE
from shared.database import Connection
from shared.event import Instant

LOOK = text(f"""
    SELECT
        EXISTS (SELECT FROM runs WHERE state = 'waiting'),
        EXISTS (SELECT FROM runs WHERE state = 'expanding'),
        EXISTS (SELECT FROM runs r LEFT JOIN mailings m USING (mailing_id) WHERE {HAS_TO_END}),
        EXISTS (SELECT FROM runs WHERE {IS_COMPLETE}),
        ARRAY(
            SELECT DISTINCT r.gateway FROM runs r LEFT JOIN mailings m USING (mailing_id)
            WHERE {IS_OPEN} AND (
                EXISTS (SELECT FROM chunks WHERE {IS_DUE_CHUNK})
                OR EXISTS (SELECT FROM exceptions e WHERE {IS_DUE_RETRY})
            )
        )
""")  # noqa: S608 - constants


@dataclass(slots=True)
class Outlook:
    """What there was to do at the last look, by whichever replica."""

    has_waiting: bool = False  # runs that wait for clients
    has_expanding: bool = False
    has_ending: bool = False  # runs of which something has to end
    has_complete: bool = False
    due: frozenset[str] = frozenset()  # gateways with messages to be claimed


async def look(db: Connection, now: Instant) -> Outlook:
    """Return what there is to do."""
    row = (await db.execute(LOOK, {"now": now, "latest": must_outlast(now)})).one()
    waiting, expanding, ending, complete, due = row
    return Outlook(waiting, expanding, ending, complete, frozenset(due))
