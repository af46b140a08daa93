"""Why a run stands where it does: its facts, asked for in one question."""

from typing import Any
from uuid import UUID

from pydantic import Field

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.why import RunFacts, WhyCode, why
from services.dispatcher.queue.controls import CONTROLLED_RUNS, IS_MAILING_PAUSED
from services.dispatcher.queue.gateways import problem_of
from shared.database import INSTANT, Connection, sql
from shared.event import Instant
from shared.http import View

# What is looked at, at most, beside one row for each chunk: some ten milliseconds.
RETRIES, BLOCKS = 10_000, 500
OF_LATE = "interval '1 minute'"  # that a rate is measured over


class WhyView(View):
    """Why a run stands where it does."""

    run_id: UUID
    mailing_id: UUID
    code: WhyCode = Field(description="For programs; more may come.", examples=["sending"])
    sentence: str = Field(
        description="For people.",
        examples=["It is being sent: 210 messages/s, about 18 min left."],
    )
    as_of: Instant
    until: Instant | None = Field(
        description="When something changes by itself: the start, a retry, another try.",
        examples=[None],
    )
    planned: int = Field(description="Messages, so far.", examples=[500_000])
    open: int = Field(description="Messages that are not final.", examples=[226_800])
    not_due: int = Field(description="Of them: their time has not come.", examples=[0])
    leased: int = Field(description="Of them, about: at senders.", examples=[2_000])
    retries: int = Field(
        description=f"Of them: wait to be tried again; {RETRIES:,} stand for more.", examples=[12]
    )
    senders: int = Field(description="That are alive and send through its gateway.", examples=[3])
    unread: int | None = Field(
        description="Of a run that waits for clients: records to be read from Kafka before.",
        examples=[None],
    )
    rate_per_s: float | None = Field(
        description="Messages that came to an end, over the last minute; none: not known.",
        examples=[210.0],
    )
    left_s: float | None = Field(description="At this rate.", examples=[1_080.0])
    too_late: int | None = Field(
        description="Messages that will not make it within the window at this rate.",
        examples=[0],
    )
    behind_s: float | None = Field(
        description="Since when messages are due that no sender has taken.", examples=[None]
    )


# The rate: what blocks of the last minute hold, from the newest chunks backwards, and for each of
# these what else of their chunks came to an end by other ways, refused or at a second attempt.
FACTS = sql(
    """
    WITH r AS MATERIALIZED (
        SELECT controlled.*, r.mailing_id, r.planned_count AS planned, r.finished_at,
            r.archived_at, r.awaited, {now} AS now,
            {is_mailing_paused} AS is_mailing_paused,
            m.paused_at AS mailing_paused_at, m.paused_by AS mailing_paused_by,
            r.paused_at AS run_paused_at, r.paused_by AS run_paused_by,
            r.stopped_at IS NOT NULL AS is_run_stopped,
            coalesce(NOT g.is_removed, NOT EXISTS (SELECT FROM gateways)) AS is_gateway_known,
            {problem} AS gateway_problem, gs.paused_until AS gateway_waits_until,
            gs.breaker, gs.breaker_reason, gs.next_probe_at,
            CAST(g.description ->> 'rate' AS float) AS gateway_rate,
            EXISTS (SELECT FROM dead_letters WHERE key = r.mailing_id) AS has_dead_letter
        FROM ({controlled}) AS controlled JOIN runs r USING (run_id)
        LEFT JOIN mailings m USING (mailing_id) LEFT JOIN gateways g ON g.name = r.gateway
        LEFT JOIN gateway_states gs ON gs.name = r.gateway
        WHERE run_id = :run_id
    ), unfinished AS (
        SELECT run_id FROM r WHERE state NOT IN ('finished', 'archived')
    ), fresh AS MATERIALIZED (
        SELECT * FROM (
            SELECT b.chunk, bit_count(b.places) AS messages, b.started_at
            FROM unfinished JOIN blocks b USING (run_id)
            ORDER BY b.run_id DESC, b.chunk DESC, b.epoch DESC, b.number DESC LIMIT :blocks
        ) AS newest WHERE started_at > (SELECT now FROM r) - {of_late}
    ), others AS (
        SELECT CAST(sum(length(recorded) - open_count) AS float) / sum(bit_count(recorded))
            AS ended_for_each
        FROM unfinished JOIN chunks USING (run_id)
        WHERE chunk >= (SELECT min(chunk) FROM fresh) AND recorded IS NOT NULL
    )
    SELECT r.*, c.*, e.*,
        c.in_leased_chunks + e.leased_retries AS leased,
        (SELECT max(started_at) FROM fresh) AS last_sent_at,
        (
            SELECT sum(messages) * (SELECT ended_for_each FROM others)
                / greatest(extract(epoch FROM r.now - min(started_at)), 1)
            FROM fresh
        ) AS rate_per_s,
        (
            SELECT max(retry_at) FROM set_aside WHERE item = r.run_id AND retry_at > r.now
        ) AS set_aside_until,
        (
            SELECT count(*) FROM senders s WHERE coalesce(s.gateway = r.gateway, true)
                AND coalesce(s.expires_at > r.now, true)
        ) AS senders,
        (
            SELECT sum(greatest(CAST(ends.value AS bigint) - coalesce(read.position, 0), 0))
            FROM jsonb_each(r.awaited) AS topics (topic, ends)
            CROSS JOIN LATERAL jsonb_each_text(topics.ends) AS ends (partition, value)
            LEFT JOIN LATERAL (
                SELECT min(position) AS position FROM offsets
                WHERE topic = topics.topic AND partition = CAST(ends.partition AS int)
            ) AS read ON true
        ) AS unread
    FROM r
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(open_count), 0) AS open,
            coalesce(sum(open_count) FILTER (WHERE state = 'planned'), 0) AS unclaimed,
            coalesce(sum(open_count) FILTER (WHERE state = 'planned' AND due_at > r.now), 0)
                AS not_due,
            min(due_at) FILTER (WHERE state = 'planned' AND open_count > 0 AND due_at > r.now)
                AS next_due_at,
            min(due_at) FILTER (WHERE state = 'planned' AND open_count > 0 AND due_at <= r.now)
                AS due_since,
            coalesce(sum(open_count) FILTER (WHERE state = 'leased'), 0) AS in_leased_chunks
        FROM unfinished JOIN chunks USING (run_id)
    ) AS c
    CROSS JOIN LATERAL (
        SELECT count(*) AS retries, count(sender_id) AS leased_retries,
            count(*) FILTER (WHERE sender_id IS NULL AND due_at <= r.now) AS due_retries,
            min(due_at) FILTER (WHERE sender_id IS NULL) AS next_retry_at
        FROM (
            SELECT due_at, sender_id FROM unfinished JOIN exceptions USING (run_id)
            WHERE exceptions.state = 'retry' LIMIT :retries
        ) AS waiting
    ) AS e
    """,
    now=INSTANT,
    controlled=CONTROLLED_RUNS,
    is_mailing_paused=IS_MAILING_PAUSED,
    problem=problem_of("g.name"),
    of_late=OF_LATE,
)


async def why_of(db: Connection, run_id: UUID) -> WhyView:
    """Return why a run stands where it does.

    Raises:
        RunUnknown: No run has this identifier.
    """
    values = {"run_id": run_id, "retries": RETRIES, "blocks": BLOCKS}
    row = (await db.execute(FACTS, values)).first()
    if row is None:
        raise RunUnknown
    facts = _facts(row)
    found = why(facts)
    return WhyView(
        run_id=row.run_id,
        mailing_id=row.mailing_id,
        code=found.code,
        sentence=found.sentence,
        as_of=facts.now,
        until=found.until,
        planned=facts.planned,
        open=facts.open,
        not_due=facts.not_due,
        leased=facts.leased,
        retries=facts.retries,
        senders=facts.senders,
        unread=facts.unread if found.code is WhyCode.WAITING_FOR_CLIENTS else None,
        rate_per_s=facts.rate_per_s,
        left_s=found.left_s,
        too_late=found.too_late,
        behind_s=found.behind_s,
    )


FIELDS = RunFacts.__slots__
NUMBERS = {"rate_per_s": float, "unread": int}  # that PostgreSQL computes as numeric


def _facts(row: Any) -> RunFacts:  # noqa: ANN401 - a row of FACTS
    values = {name: getattr(row, name) for name in FIELDS}
    for name, number in NUMBERS.items():
        values[name] = None if values[name] is None else number(values[name])
    return RunFacts(**values)
