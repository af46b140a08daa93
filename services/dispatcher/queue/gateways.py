"""Gateways: their rows follow from their streams, and each version stays as long as it is needed.

A version is a description by which different bytes go out. A message that may have arrived is
repeated by the version that it was sent with, which its row, or its chunk's, names.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.dispatcher.domain.gateway import GatewayEvent, instant_of
from services.dispatcher.gateways.description import LIMITS
from services.dispatcher.queue.controls import UNFINISHED
from services.dispatcher.tables import gateway_problems, gateway_versions, gateways
from shared.contracts.gateways import (
    GatewayDescribed,
    GatewayPaused,
    GatewayRemoved,
    GatewayResumed,
)
from shared.database import INSTANT, Connection, RawConnection, fragment, sql
from shared.event import Recorded


async def project(db: Connection, recorded: Sequence[Recorded[GatewayEvent]]) -> None:
    """Write what streams say; the caller has appended to them in this transaction."""
    for each in recorded:
        if isinstance(each.event, GatewayDescribed):
            await _describe(db, each.event, each.version)
        else:
            row = gateways.c.name == each.event.name
            values = {"version": each.version, **_switched(each.event)}
            await db.execute(update(gateways).where(row).values(values))


def _switched(event: GatewayPaused | GatewayResumed | GatewayRemoved) -> dict[str, Any]:
    is_removed = isinstance(event, GatewayRemoved)
    switches = {"is_removed": True} if is_removed else {}
    is_paused = isinstance(event, GatewayPaused)
    return {**switches, "is_paused": is_paused, "changed_at": instant_of(event)}


async def _describe(db: Connection, event: GatewayDescribed, version: int) -> None:
    before = (await db.execute(select(gateways).where(gateways.c.name == event.name))).first()
    values = {
        "kind": event.kind,
        "contact": event.contact,
        "description": event.description,
        "version": version,
        "is_removed": False,
        "changed_at": event.described_at,
    }
    if before is not None and _sent(before.description) == _sent(event.description):
        values["version_id"] = before.version_id
        await db.execute(
            update(gateway_versions)
            .where(gateway_versions.c.version_id == before.version_id)
            .values(description=event.description)
        )
    else:
        added = insert(gateway_versions).values(name=event.name, description=event.description)
        values["version_id"] = await db.scalar(added.returning(gateway_versions.c.version_id))
    await db.execute(delete(gateway_problems).where(gateway_problems.c.name == event.name))
    fresh = {"name": event.name, "gateway_id": event.gateway_id, "is_paused": False}
    await db.execute(
        upsert(gateways)
        .values(fresh | values | {"created_at": event.described_at})
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )


def _sent(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return that part of a description from which it follows what goes out, and where."""
    return {name: value for name, value in description.items() if name not in LIMITS}


class Version(NamedTuple):
    """A version of a gateway that messages are sent by, or may have been."""

    version_id: int
    name: str
    description: Mapping[str, Any]
    is_current: bool  # new messages go by it, and those that certainly did not arrive
    is_pinned: bool  # messages that may have arrived must be repeated by it
    problem: str | None  # with its gateway, as this process has noted it a moment ago


IS_PINNED = """
    EXISTS (SELECT FROM exceptions e WHERE e.version_id = v.version_id) OR EXISTS (
        SELECT FROM chunks c WHERE c.version_id = v.version_id AND c.state IN ('planned', 'leased')
    )
"""
VERSIONS = sql(
    """
    SELECT v.version_id, v.name, v.description,
        v.version_id = g.version_id AND NOT g.is_removed AS is_current,
        {is_pinned} AS is_pinned, (
            SELECT p.problem FROM gateway_problems p
            WHERE p.name = v.name AND p.replica_id = :replica_id
                AND p.noted_at > {instant} - interval '5 seconds'
        ) AS problem
    FROM gateway_versions v JOIN gateways g USING (name) ORDER BY v.version_id
    """,
    is_pinned=IS_PINNED,
    instant=INSTANT,
)


async def versions(db: Connection, replica_id: UUID) -> list[Version]:
    """Return all versions that are kept, with the problems of a process of the dispatcher."""
    return [Version(*row) for row in await db.execute(VERSIONS, {"replica_id": replica_id})]


# A version's sender has its row before it claims anything, and a reaper pins what it had leased
# in the transaction that deletes the row: in between nothing is missed.
FORGET = sql(
    """
    DELETE FROM gateway_versions v USING gateways g
    WHERE g.name = v.name AND (v.version_id <> g.version_id OR g.is_removed)
        AND NOT EXISTS (SELECT FROM senders s WHERE s.version_id = v.version_id)
        AND NOT ({is_pinned})
    """,
    is_pinned=IS_PINNED,
)


async def forget_versions(db: Connection) -> None:
    """Delete versions that nothing is sent by any more, nor may have to be repeated by."""
    await db.execute(FORGET)


# What is noted no more is forgotten: that process is gone. Others note it every ten seconds.
IS_NOTED = fragment("p.noted_at > {instant} - interval '30 seconds'", instant=INSTANT)
# Of several problems of a gateway the one that most processes have.
PROBLEM = """(
    SELECT p.problem FROM gateway_problems p WHERE p.name = {name} AND {is_noted}
    GROUP BY p.problem ORDER BY count(*) DESC, p.problem LIMIT 1
)"""


def problem_of(name: str) -> str:
    """Return SQL for what keeps processes of the dispatcher from using a gateway."""
    return fragment(PROBLEM, name=name, is_noted=IS_NOTED)


NOTE_PROBLEM = sql(
    """
    WITH forgotten AS (DELETE FROM gateway_problems p WHERE NOT {is_noted})
    INSERT INTO gateway_problems (name, replica_id, host, problem, noted_at)
    VALUES (:name, :replica_id, :host, :problem, {instant})
    ON CONFLICT (name, replica_id) DO UPDATE
        SET problem = excluded.problem, noted_at = excluded.noted_at
    """,
    is_noted=fragment("({is_noted} OR p.replica_id = :replica_id)", is_noted=IS_NOTED),
    instant=INSTANT,
)


async def note_problem(
    db: Connection, name: str, replica_id: UUID, host: str, problem: str | None
) -> None:
    """Note why a process of the dispatcher, on a host, cannot use a gateway; None: it can."""
    noted = gateway_problems.c
    if problem is None:
        own = (noted.name == name) & (noted.replica_id == replica_id)
        await db.execute(delete(gateway_problems).where(own))
    else:
        values = {"name": name, "replica_id": replica_id, "host": host, "problem": problem}
        await db.execute(NOTE_PROBLEM, values)


# A gateway's row has the instant of its last event.
COUNT_UNKNOWN = """
    SELECT count(*) FROM unnest($1::text[], $2::timestamptz[]) AS e (name, at)
    WHERE NOT EXISTS (
        SELECT FROM gateways g WHERE g.name = e.name AND g.changed_at >= e.at
    )
"""


async def count_unknown(db: RawConnection, events: Sequence[GatewayEvent]) -> int:
    """Return how many of `events` are of a gateway that is older here."""
    names, instants = [each.name for each in events], [instant_of(each) for each in events]
    return int(await db.fetchval(COUNT_UNKNOWN, names, instants))


IS_USED = sql(
    "SELECT EXISTS (SELECT FROM runs WHERE {unfinished} AND gateway = :name)",
    unfinished=UNFINISHED,
)


async def is_used(db: Connection, name: str) -> bool:
    """Return whether a run that has not ended sends through a gateway."""
    return bool(await db.scalar(IS_USED, {"name": name}))
