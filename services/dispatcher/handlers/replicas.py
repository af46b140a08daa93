"""Replicas: this process tells all others what it sees of the gateways that it sends through."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from socket import gethostname
from typing import Protocol

from services.dispatcher.domain.attempt import instant
from services.dispatcher.domain.outcome import Outcome
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import replicas as queue
from services.dispatcher.queue.replicas import Report
from shared import ids
from shared.database import Pool, autocommit
from shared.errors import Unavailable

LEAVE_WITHIN_S = 1.0


class Sending(Protocol):
    """The senders of a process."""

    def current(self) -> Mapping[str, Sender]:
        """Return by name the senders that new messages go through."""


class Replica:
    """This process beside others."""

    def __init__(self, pool: Pool, senders: Sending, host: str | None = None) -> None:
        """`host`: as it is shown; None: as the machine, or container, calls itself."""
        self._pool = pool
        self._senders = senders
        self._host = host or gethostname()
        self.replica_id = ids.new_id()
        self._started_at = datetime.now(UTC)

    async def report(self) -> bool:
        """Store what is under way at each gateway, and what it answered of late."""
        reports = [_report(name, each) for name, each in sorted(self._senders.current().items())]
        async with autocommit(self._pool) as db:
            await queue.report(db, self.replica_id, self._host, self._started_at, reports)
        return False

    async def leave(self) -> None:
        """Delete what was reported; if that fails, it is shown as stale for some minutes."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S), autocommit(self._pool) as db:
                await queue.leave(db, self.replica_id)


def _report(gateway: str, sender: Sender) -> Report:
    recent, now = sender.results.recent, sender.lease.business_time
    seen, failure = recent.seen(now), recent.last_failure
    return Report(
        gateway=gateway,
        in_flight=sender.in_flight,
        free=sender.gateway.free,
        **{name.value: seen.outcomes[name] for name in Outcome},
        durations=seen.durations,
        failed_at=None if failure is None else instant(failure.at),
        failure_reason=None if failure is None else failure.reason,
        failure_status=None if failure is None else failure.status_code,
    )
