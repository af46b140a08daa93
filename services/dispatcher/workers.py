"""The door of time: loops that plan, send, end and reap without a request."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TypeAlias

import structlog

from services.dispatcher.domain.cap import Caps
from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.due import USUAL, PlatformTimes
from services.dispatcher.gateways.description import Described
from services.dispatcher.handlers import capping, ending, erasing, gateways, planning, test_sends
from services.dispatcher.handlers.adopting import LedgerGuard
from services.dispatcher.handlers.archiving import Emptying, Retention, archive_due
from services.dispatcher.handlers.gateways import Senders
from services.dispatcher.handlers.reaping import Reaper
from services.dispatcher.handlers.replicas import Replica
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import pending
from services.dispatcher.queue.pending import PendingWork
from services.dispatcher.queue.planning import Readers
from shared import database, liveness
from shared.alarm import Alarm
from shared.clock import Clock
from shared.database import Pool, autocommit
from shared.errors import Unavailable
from shared.event_store import EventStore
from shared.kafka import EndOffsets
from shared.loop import Backoff, forever, goes_on

log = structlog.get_logger()

Step: TypeAlias = Callable[[], Awaitable[bool]]

POLL_INTERVAL = timedelta(milliseconds=100)  # a retry or an end is found at most this late
# The same if no run is open, or none that is not paused. What changes that wakes the poller; this
# is for what it may miss, as the work of a dispatcher that died.
IDLE_INTERVAL = timedelta(seconds=1)
RETRY_INTERVAL = timedelta(milliseconds=50)  # before a step is taken again that had no effect
RENEW_INTERVAL = timedelta(milliseconds=150)  # so a pause is obeyed well within a second
SECRETS_INTERVAL = timedelta(seconds=10)  # a secret that has changed is found at most this late
OLD_INTERVAL = timedelta(seconds=1)  # the same: that an old version is not needed any more
CHECK_INTERVAL = timedelta(minutes=1)
ARCHIVE_INTERVAL = timedelta(seconds=5)
ERASE_INTERVAL = timedelta(seconds=1)
REPORT_INTERVAL = timedelta(seconds=5)
ARCHIVE_PAUSE_S = 0.1  # between two runs or slices that leave: those that send need the database


class WorkPoller:
    """Polls for pending work, for all workers of this process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._polled = asyncio.Event()  # once more
        self.pending = PendingWork()
        self.alarm = Alarm()

    async def poll(self) -> bool:
        """Read which kinds of work are pending now."""
        async with autocommit(self._pool) as db:
            self.pending = await pending.pending_work(db, await database.now(db))
        self._polled.set()
        self._polled = asyncio.Event()
        return False

    async def rest(self, pause_s: float) -> None:
        """Sleep until the next poll: `pause_s`, or as long as no run is open until woken."""
        is_idle = self.pending == PendingWork() and not self.pending.has_open
        await self.alarm.sleep(IDLE_INTERVAL.total_seconds() if is_idle else pause_s)

    async def until(self, is_pending: Callable[[PendingWork], bool]) -> None:
        """Wait until there is such work."""
        with liveness.waiting():
            while not is_pending(self.pending):
                await self._polled.wait()

    async def until_gateways_change(self, pause_s: float) -> None:
        """Wait until a gateway has changed, but not longer than `pause_s`."""
        known = self.pending.gateways
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self.until(lambda work: work.gateways != known)

    def only_if(self, is_pending: Callable[[PendingWork], bool], step: Step) -> Step:
        """Return a step that waits until there is work for it, and is followed by a poll."""

        async def guarded() -> bool:
            await self.until(is_pending)
            found = await step()
            await self.poll()
            return found

        return guarded


async def advance_runs(
    pool: Pool,
    ends: EndOffsets,
    readers: Readers,
    channels: Mapping[str, Channel],
    poller: WorkPoller,
    usual: PlatformTimes = USUAL,
) -> None:
    """Expand runs, end them when their time is over, and finish them, until cancelled."""
    begin = partial(planning.begin_waiting, pool, ends, readers)
    expand = partial(planning.expand, pool, channels, usual)
    steps = {
        "begin_waiting": poller.only_if(lambda work: work.has_waiting, begin),
        "expand": poller.only_if(lambda work: work.has_expanding, expand),
        "end": poller.only_if(lambda work: work.has_ending, partial(ending.end, pool)),
        "finish": poller.only_if(lambda work: work.has_complete, partial(ending.finish, pool)),
    }
    try:
        async with asyncio.TaskGroup() as tasks:
            polls = forever("poll", poller.poll, every=POLL_INTERVAL, rest=poller.rest)
            tasks.create_task(polls)
            for name, step in steps.items():
                tasks.create_task(forever(name, step, every=RETRY_INTERVAL))
    finally:
        await ends.close()


async def inherit_gateways(
    store: EventStore, clock: Clock, described: Mapping[str, Described]
) -> None:
    """Make the gateways that settings describe, as far as there never were any of these names."""
    backoff = Backoff("inherit_gateways")
    while goes_on():
        try:
            for name in await gateways.inherit(store, described, await clock()):
                log.warning("dispatcher.gateway_settings_unused", gateway=name)
        except Unavailable as error:
            await backoff.wait(error)
        else:
            return


async def serve_gateways(
    senders: Senders, poller: WorkPoller, *, drain: timedelta, idle_renewal: timedelta
) -> None:
    """Send through all gateways that are described, as they are described now, until cancelled.

    One that has changed gets a new sender at once, while the old one brings to an end what it has
    under way: neither loses or repeats a message.
    """
    running: dict[Sender, asyncio.Task[None]] = {}

    async def retire(sender: Sender) -> None:
        sender.claimer.is_stopping = True
        while sender.in_flight:  # noqa: ASYNC110 - it ends by the deadlines; nothing rings then
            await asyncio.sleep(RETRY_INTERVAL.total_seconds())
        running.pop(sender).cancel()

    async with asyncio.TaskGroup() as tasks:

        async def refresh() -> bool:
            seen = poller.pending.gateways
            changes = await senders.refresh()
            for sender in changes.started:
                serving = send_messages(sender, poller, drain=drain, idle_renewal=idle_renewal)
                running[sender] = tasks.create_task(serving)
            for sender in changes.retired:
                tasks.create_task(retire(sender))
            return poller.pending.gateways != seen

        async def rest(pause_s: float) -> None:
            pause_s = OLD_INTERVAL.total_seconds() if senders.has_old else pause_s
            await poller.until_gateways_change(pause_s)

        await forever("gateways", refresh, every=SECRETS_INTERVAL, rest=rest)


async def send_messages(
    sender: Sender,
    poller: WorkPoller,
    *,
    drain: timedelta,
    idle_renewal: timedelta = RENEW_INTERVAL,
) -> None:
    """Claim, start and record messages of one gateway until cancelled; then hand over in order.

    As long as nothing is leased, the sender shows itself only once per `idle_renewal`.
    """
    name, at_once = sender.gateway.name, timedelta()
    version, claimed = sender.lease.version, Alarm()

    def is_due(work: PendingWork) -> bool:
        due = name in work.due if version.is_current else version.id in work.due_by_version
        return due or sender.claimer.may_hold_unknown_leases

    async def claim() -> bool:
        await poller.until(is_due)
        found = await sender.claim_when_needed()
        if found:
            claimed.ring()
        else:
            await poller.poll()
        return found

    async def rest(pause_s: float) -> None:
        if sender.claimer.run_ids:
            await asyncio.sleep(pause_s)
        else:
            await claimed.sleep(idle_renewal.total_seconds())

    try:
        async with asyncio.TaskGroup() as tasks:
            for loop in (
                forever(f"renew.{name}", sender.renew, every=RENEW_INTERVAL, rest=rest),
                forever(f"claim.{name}", claim, every=RETRY_INTERVAL),
                forever(f"start.{name}", sender.start_when_possible, every=at_once),
                forever(f"record.{name}", sender.record_when_full, every=at_once),
                forever(f"flow.{name}", sender.flow.share, every=at_once),
            ):
                tasks.create_task(loop)
    finally:
        await sender.stop(drain.total_seconds())


async def report_gateways(replica: Replica) -> None:
    """Tell other processes how gateways are used here, until cancelled."""
    try:
        await forever("report", replica.report, every=REPORT_INTERVAL)
    finally:
        await replica.leave()


async def reap_dead_senders(reaper: Reaper, *, every: timedelta) -> None:
    """Free the leases of senders that died, until cancelled."""
    await forever("reap", reaper.check, every=every)


async def check_ledger(guard: LedgerGuard, ledger: Pool) -> None:
    """Note how far what is published is on record, until cancelled.

    So an older copy of this database needs to read back only what came later.
    """

    async def check() -> bool:
        await guard.check_again(ledger)
        return False

    await forever("check_ledger", check, every=CHECK_INTERVAL)


async def prune_counts(ledger: Pool, caps: Caps) -> None:
    """Delete what counts for no cap any more, until cancelled."""
    await forever(
        "prune_counts", partial(capping.Pruner(caps).prune, ledger), every=CHECK_INTERVAL
    )


async def erase_clients(pool: Pool) -> None:
    """Erase what was recorded of clients of whom nothing may stay, until cancelled."""
    files = erasing.LogEraser(pool)
    async with asyncio.TaskGroup() as tasks:
        for name, step in (
            ("erase", partial(erasing.erase_due, pool)),
            ("erase_lines", files.erase_new),
        ):
            tasks.create_task(forever(name, _unhurried(step), every=ERASE_INTERVAL))


async def archive_runs(retention: Retention) -> None:
    """Archive runs that have been kept long enough, and delete their rows, until cancelled.

    The bare contacts of test sends leave here as well.
    """
    steps: dict[str, Step] = {
        "archive": partial(archive_due, retention),
        "empty": Emptying(retention.pool).delete_slice,
        "erase_contacts": partial(test_sends.erase_old, retention),
    }
    async with asyncio.TaskGroup() as tasks:
        for name, step in steps.items():
            tasks.create_task(forever(name, _unhurried(step), every=ARCHIVE_INTERVAL))


def _unhurried(step: Step) -> Step:
    """Return a step that is followed by a pause if it found something to do."""

    async def unhurried() -> bool:
        found = await step()
        if found:
            await asyncio.sleep(ARCHIVE_PAUSE_S)
        return found

    return unhurried
