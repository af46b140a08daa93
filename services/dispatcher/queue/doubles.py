"""Doubles: of the clients of a run that share a contact, all but the first are left out.

Who stands for a contact is fixed before the first chunk is written down. The contacts are looked
through part by part, by their hash, one part a step: so no statement takes longer than a second
or two, however many clients there are, and none needs an index of contacts, which would cost each
change of each client something.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.contact import Channel
from services.dispatcher.queue.audience import SAME, Audience, Contact
from shared.database import Connection, sql

PART_BYTES = 100_000_000  # of the table of clients, for each part: some 400,000 clients
PARTS = text("SELECT 1 + pg_relation_size('clients') / :bytes")


class Part(NamedTuple):
    """A part of the contacts, by their hash."""

    number: int
    of: int


# Compared as bytes: contacts that are equal are so in any collation, and it takes a tenth of it.
INSERT_DOUBLES = """
    INSERT INTO left_out (run_id, client_id)
    SELECT :run_id, client_id FROM (
        SELECT client_id,
            row_number() OVER (PARTITION BY {same} COLLATE "C" ORDER BY client_id) AS n
        FROM clients
        WHERE {contact} IS NOT NULL AND {chosen}
            AND (hashtext({same}) & 2147483647) % CAST(:parts AS int) = CAST(:part AS int)
    ) AS numbered WHERE n > 1 ORDER BY client_id
    ON CONFLICT DO NOTHING
"""


async def leave_out(
    db: Connection, audience: Audience, run_id: UUID, contact: Contact, part: Part
) -> None:
    """Note who of a part has the contact of another client of the audience."""
    pieces = {"same": SAME[contact], "contact": contact, "chosen": audience.chosen}
    values = {"run_id": run_id, "part": part.number, "parts": part.of}
    await db.execute(sql(INSERT_DOUBLES, **pieces), {**audience.values, **values})


ADVANCE = text("""
    UPDATE runs SET doubles_parts = :parts, doubles_done = :done WHERE run_id = :run_id
""")


async def leave_out_next(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    audience: Audience,
    channels: Mapping[str, Channel],
) -> bool:
    """Note who of the next part has the contact of another, with a smaller identifier.

    The contact is what the run's gateway needs; where it needs none, nobody has it. Return
    whether there was such a part.
    """
    channel = channels.get(run.gateway)
    if channel is None or channel.contact is None:
        return False
    parts = run.doubles_parts or await db.scalar(PARTS, {"bytes": PART_BYTES})
    if run.doubles_done >= parts:
        return False
    part = Part(run.doubles_done, parts)
    await leave_out(db, audience, run.run_id, channel.contact, part)
    await db.execute(ADVANCE, {"run_id": run.run_id, "parts": parts, "done": part.number + 1})
    return True


FORGET_DOUBLES = text("DELETE FROM left_out WHERE run_id = :run_id")


async def forget_doubles(db: Connection, run_id: UUID) -> None:
    """Forget whom a run leaves out, once it is written down."""
    await db.execute(FORGET_DOUBLES, {"run_id": run_id})
