"""Replicas: what each process reports of the gateways that it sends through."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from shared.database import INSTANT, Connection, sql
from shared.event import Instant

FORGOTTEN_S = 600  # after its last report a replica that is gone is deleted


class Report(msgspec.Struct, frozen=True):
    """What a process sees of one gateway."""

    gateway: str
    in_flight: int
    free: int
    accepted: int
    refused: int
    not_processed: int
    unknown: int
    durations: tuple[int, ...]
    failed_at: Instant | None
    failure_reason: str | None
    failure_status: int | None


# What others left behind is deleted by whoever comes first. Nobody waits for anybody.
REPORT = sql(
    """
    WITH gone AS (
        DELETE FROM gateway_replicas WHERE (replica_id, gateway) IN (
            SELECT replica_id, gateway FROM gateway_replicas
            WHERE replica_id = :replica_id AND gateway <> ALL(CAST(:gateways AS text[]))
                OR reported_at < {now} - interval '1 second' * :forgotten_s
            FOR UPDATE SKIP LOCKED
        ) AND (replica_id <> :replica_id OR gateway <> ALL(CAST(:gateways AS text[])))
    )
    INSERT INTO gateway_replicas
    SELECT :replica_id, gateway, :host, :started_at, {now}, in_flight, free, accepted, refused,
        not_processed, unknown, durations, failed_at, failure_reason, failure_status
    FROM json_to_recordset(CAST(:reports AS json)) AS reported (
        gateway text, in_flight int, free int, accepted bigint, refused bigint,
        not_processed bigint, unknown bigint, durations bigint[], failed_at timestamptz,
        failure_reason text, failure_status int
    )
    ON CONFLICT ON CONSTRAINT gateway_replicas_pkey DO UPDATE SET
        reported_at = excluded.reported_at, in_flight = excluded.in_flight, free = excluded.free,
        accepted = excluded.accepted, refused = excluded.refused,
        not_processed = excluded.not_processed, unknown = excluded.unknown,
        durations = excluded.durations, failed_at = excluded.failed_at,
        failure_reason = excluded.failure_reason, failure_status = excluded.failure_status
    """,
    now=INSTANT,
)


async def report(
    db: Connection, replica_id: UUID, host: str, started_at: Instant, reports: Sequence[Report]
) -> None:
    """Store what a process sees of its gateways; delete what it does not use any more."""
    values: dict[str, Any] = {
        "replica_id": replica_id,
        "host": host,
        "started_at": started_at,
        "gateways": [each.gateway for each in reports],
        "reports": json.dumps(msgspec.to_builtins(reports)),
        "forgotten_s": FORGOTTEN_S,
    }
    await db.execute(REPORT, values)


LEAVE = sql("DELETE FROM gateway_replicas WHERE replica_id = :replica_id")


async def leave(db: Connection, replica_id: UUID) -> None:
    """Delete what a process reported, which ends."""
    await db.execute(LEAVE, {"replica_id": replica_id})
