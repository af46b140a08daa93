"""The state of a message: derived from its exception, its last answer or block, its chunk."""

from typing import Any
from uuid import UUID

from services.dispatcher.domain.outcome import Outcome
from services.dispatcher.queue.blocks import ATTEMPT_IN_BLOCK
from services.dispatcher.queue.controls import STOPPED_REASON
from services.dispatcher.queue.starts import STARTS_IN_CHUNKS
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import fragment
from shared.event import Instant
from shared.http import View


class MessageView(View):
    """A message: where it is."""

    message_id: str
    run_id: UUID
    mailing_id: UUID
    client_id: UUID
    status: State
    attempts: int
    last_attempt_at: Instant | None
    next_attempt_at: Instant | None
    reason: str | None


class AttemptView(View):
    """An attempt: what was tried, and what came of it; or that it begins."""

    attempt: int
    kind: str
    started_at: Instant
    ended_at: Instant | None
    outcome: Outcome | None
    status_code: int | None
    reason: str | None
    gateway_message_id: str | None
    answer: str | None
    latency_ms: float | None


class MessageWithAttempts(MessageView):
    """A message with all that was tried."""

    attempts_log: list[AttemptView]


# The attempts of message `m (run_id, client_id, chunk, n)`, but for starts that are marked by the
# chunk; `n` is its place in the chunk, from 1.
ATTEMPTS = fragment(
    """
    SELECT attempt, kind, started_at, ended_at, outcome, reason, status_code,
        gateway_message_id, answer
    FROM attempts WHERE attempts.run_id = m.run_id AND attempts.client_id = m.client_id
    UNION ALL {in_block}
    """,
    in_block=ATTEMPT_IN_BLOCK,
)
ALL_ATTEMPTS = fragment(
    """
    {attempts} UNION ALL
    SELECT attempt, 'start', started_at, NULL, NULL, NULL, NULL, NULL, NULL FROM ({starts}) AS s
    """,
    attempts=ATTEMPTS,
    starts=fragment(STARTS_IN_CHUNKS, of="m", n="m.n"),
)
# All that was tried of message `m`, as JSON, in order.
ATTEMPTS_LOG = fragment(
    """
    SELECT coalesce(jsonb_agg(to_jsonb(one) ORDER BY attempt, started_at, kind DESC), '[]')
    FROM (
        SELECT attempt, kind, started_at, ended_at, outcome, status_code, reason,
            gateway_message_id, answer,
            CAST(extract(epoch FROM ended_at - started_at) * 1000 AS float) AS latency_ms
        FROM ({attempts}) AS own
    ) AS one
    """,
    attempts=ALL_ATTEMPTS,
)
# Where the message of `m (run_id, client_id, chunk, n, chunk_state)` is.
DERIVED = fragment(
    """
    SELECT m.run_id, r.mailing_id, r.created_at, m.client_id, m.chunk, m.n,
        coalesce(
            e.state,
            CASE WHEN a.is_accepted THEN 'delivered'
                WHEN m.chunk_state IN ('expired', 'cancelled') THEN m.chunk_state
                ELSE 'planned' END
        ) AS status,
        coalesce(e.attempts, a.attempts, 0) AS attempts, a.last_attempt_at,
        CASE WHEN e.state = 'retry' THEN e.due_at END AS next_attempt_at,
        coalesce(
            e.reason, a.reason, CASE WHEN m.chunk_state = 'cancelled' THEN {stopped} END
        ) AS reason
    FROM m JOIN runs r USING (run_id)
    LEFT JOIN exceptions e ON e.run_id = m.run_id AND e.client_id = m.client_id
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT attempt) AS attempts, bool_or(outcome = 'accepted') AS is_accepted,
            max(started_at) AS last_attempt_at,
            (array_agg(own.reason ORDER BY attempt DESC, kind))[1] AS reason
        FROM ({attempts}) AS own WHERE kind <> 'start'
    ) a
    """,
    attempts=ATTEMPTS,
    stopped=STOPPED_REASON,
)


def view_of(row: Any) -> MessageView:  # noqa: ANN401 - a row of DERIVED
    """Return a row as it is shown."""
    return MessageView(
        message_id=ids.message_id(row.run_id, row.client_id),
        run_id=row.run_id,
        mailing_id=row.mailing_id,
        client_id=row.client_id,
        status=row.status,
        attempts=row.attempts,
        last_attempt_at=row.last_attempt_at,
        next_attempt_at=row.next_attempt_at,
        reason=row.reason,
    )


def with_attempts(row: Any) -> MessageWithAttempts:  # noqa: ANN401 - the same with ATTEMPTS_LOG
    """Return a row as it is shown, with all that was tried."""
    log = [AttemptView.model_validate(each) for each in row.attempts_log]
    return MessageWithAttempts(**view_of(row).model_dump(), attempts_log=log)
