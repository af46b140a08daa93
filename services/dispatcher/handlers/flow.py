"""Flow: how many messages may go to one gateway now, by what all replicas know of it.

What this process sees of the gateway holds here at once, and is then shared; what others saw comes
with each read of the controls. It costs a message nothing while an unlimited gateway works.
"""

import asyncio
from collections.abc import Callable
from random import random

from services.dispatcher.domain.attempt import Limits
from services.dispatcher.domain.breaker import (
    NO_PROBES,
    BreakerState,
    Probes,
    Samples,
    Trip,
    is_failure,
)
from services.dispatcher.domain.flow import WORKS, GatewayState, News, after_news
from services.dispatcher.domain.outcome import NOT_STARTED, Outcome, Verdict
from services.dispatcher.domain.rate import Rate, Tokens
from services.dispatcher.handlers import breaking
from services.dispatcher.handlers.breaking import Change
from services.dispatcher.handlers.jobs import Job
from services.dispatcher.handlers.ready import ReadyQueue
from services.dispatcher.queue import flow
from shared import database, liveness
from shared.database import Pool, transaction

PROBE_MARGIN_S = 10.0  # beyond a request's deadline: until then a probe is reported
ASK_AGAIN_S = 0.15  # as often as controls are read
CUT_OFF = "cut_off"  # by us: it says nothing of the gateway


class Flow:
    """What may go to one gateway from this process."""

    def __init__(
        self,
        pool: Pool,
        gateway: str,
        limits: Limits,
        wake: Callable[[], None],
        has_new: Callable[[], bool],
    ) -> None:
        """`wake` is called when more may be started.

        `has_new`: whether messages wait or are under way that were never tried before.
        """
        self._pool = pool
        self._gateway = gateway
        self._limits = limits
        self._wake = wake
        self._has_new = has_new
        self._rate, self._tokens = limits.rate, Tokens()
        self._draw_at = 0.0  # before, to draw from the rate is in vain
        self._is_low = False  # more is to be drawn
        self._state = WORKS
        self.samples = Samples()
        self.has_news = asyncio.Event()  # to be shared
        self._trip: Trip | None = None  # not shared yet, as all that follows
        self._paused_until = 0.0
        self._pause_reason: str | None = None
        self._probes = NO_PROBES
        self._wanted = 0  # probes that could be started
        self._refused_until = 0.0  # so that those without a probe ask for one now and then
        self._grants = 0  # probes that may be started
        self._under_way: set[str] = set()  # probes, by message
        self.is_free = self._rate is None  # nothing keeps messages from it

    # In the path of every message

    def take(self, ready: ReadyQueue, limit: int, now: float) -> list[Job]:
        """Take up to `limit` messages that may be started, `now` in business time.

        Those that were never tried probe first: what failed before may fail for what it is.
        """
        if self.is_free:
            return ready.take(limit, now)
        limit, breaker = min(limit, len(ready)), self._state.breaker
        if breaker.state is BreakerState.CLOSED:
            return ready.take(self._room(limit, now), now)
        if not (limit and breaker.allows(now)):
            return []
        if new := ready.new:
            return ready.take_new(self._room(min(limit, new), now), now)
        if not self._grants and now < breaker.repeats_at:
            self._wake_in(breaker.repeats_at - now)
            return []
        return ready.take(self._room(limit, now), now)

    def is_shut(self, now: float) -> bool:
        """Return whether the breaker lets nothing through, not even a probe."""
        return not self._state.breaker.allows(now)

    def lets_start(self, now: float) -> bool:
        """Return whether a message that was taken may still be started."""
        return self.is_free or not self._is_held(now)

    def answered(self, job: Job, verdict: Verdict, now: float) -> None:
        """Take a verdict of the gateway on a message."""
        if verdict.outcome is Outcome.ACCEPTED and not self._under_way:
            self.samples.works()
        elif verdict.reason != CUT_OFF:
            self._take(job, verdict, now)

    # While something keeps messages from it

    def taken(self, number: int, now: float) -> None:
        """Take so many messages as to be started."""
        if not self.is_free:
            self._grants = max(self._grants - number, 0)
            self._tokens.take(number, now)

    async def use_one(self, now: float) -> None:
        """Use one of the rate for a message that goes out of turn, if one can be drawn."""
        if self._rate is not None:
            if not self._tokens.available(now):
                await self._draw(self._rate)
            self._tokens.take(1, now)

    def returned(self, number: int) -> None:
        """Take back what was not started after all; what it used of the rate lapses."""
        if number and self._state.breaker.state is BreakerState.HALF_OPEN:
            self._report(Probes(self._state.breaker.round, returned=number))

    def started(self, message_id: str) -> None:
        """Take a message that was started."""
        if not self.is_free and self._state.breaker.state is BreakerState.HALF_OPEN:
            self._under_way.add(message_id)

    def _is_held(self, now: float) -> bool:
        state = self._state
        return (
            self._trip is not None
            or now < max(self._paused_until, state.paused_until)
            or state.breaker.state is BreakerState.OPEN
        )

    def _room(self, limit: int, now: float) -> int:
        """Return how many of up to `limit` messages may be started; ask for probes."""
        breaker = self._state.breaker
        if self._trip is not None or now < max(self._paused_until, self._state.paused_until):
            return 0
        if limit <= 0 or not breaker.allows(now):
            return 0
        if self._rate is not None:
            limit = min(limit, self._tokens.available(now))
            if self._tokens.is_low and now >= self._draw_at:
                self._is_low = True
                self.has_news.set()
        if breaker.state is BreakerState.CLOSED or not limit:
            return limit
        if not self._grants and now >= self._refused_until:
            self._wanted = limit
            self.has_news.set()
        return min(limit, self._grants)

    def _take(self, job: Job, verdict: Verdict, now: float) -> None:
        pause_s = verdict.pauses_gateway_s
        if pause_s:
            self._paused_until = max(self._paused_until, now + pause_s)
            self._pause_reason = verdict.reason
            self._update()
            self.has_news.set()
        breaker, says_nothing = self._state.breaker, pause_s or verdict is NOT_STARTED
        is_bad = is_failure(verdict) and not says_nothing
        if job.message_id in self._under_way:
            self._under_way.discard(job.message_id)
            if says_nothing:
                self._report(Probes(breaker.round, returned=1))
            elif is_bad:
                reason, is_new = verdict.reason, job.is_new
                self._report(Probes(breaker.round, failed=1, reason=reason, is_new=is_new))
            else:
                self.samples.works()
                self._report(Probes(breaker.round, processed=1))
        elif breaker.state is BreakerState.CLOSED and verdict is not NOT_STARTED:
            self._sample(job, verdict, now, is_bad=is_bad)

    def _sample(self, job: Job, verdict: Verdict, now: float, *, is_bad: bool) -> None:
        if self._trip is not None:
            return
        if not is_bad:
            self.samples.works()
            return
        trip = self.samples.failed(verdict, now, is_new=job.is_new)
        if trip is None or (trip.is_of_repeats and self._has_new()):
            return
        self._trip = trip
        self._update()
        self.has_news.set()

    def _report(self, probes: Probes) -> None:
        self._probes = self._probes.plus(probes)
        self.has_news.set()

    def _wake_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake)

    # What is shared

    def apply(self, state: GatewayState, now: float) -> None:
        """Take over how the gateway is; what was read before the newest is known by its round."""
        before = self._state.breaker
        breaker = state.breaker if state.breaker.round >= before.round else before
        if breaker.round != before.round:
            self._grants = 0
            self._under_way.clear()
            self._probes = NO_PROBES
            self._refused_until = 0.0
            if breaker.state is BreakerState.CLOSED:
                self.samples.clear()
        until = max(state.paused_until, self._state.paused_until)
        self._state = GatewayState(until if now < until else 0.0, state.pause_reason, breaker)
        self.samples.turn(now)
        self._update()

    def _update(self) -> None:
        self.is_free = (
            self._rate is None
            and self._trip is None
            and not max(self._paused_until, self._state.paused_until)
            and self._state.breaker.state is BreakerState.CLOSED
        )

    async def share(self) -> bool:
        """Wait for news of the gateway, and share them; return whether there may be more."""
        with liveness.waiting():
            await self.has_news.wait()
        self.has_news.clear()
        try:
            if self._is_low and self._rate is not None:
                await self._draw(self._rate)
            if self._trip or self._paused_until or self._wanted or self._probes != NO_PROBES:
                await self._share()
        except BaseException:  # whatever it is, it is still to be shared
            self.has_news.set()
            raise
        self._wake()
        return False

    async def _draw(self, rate: Rate) -> None:
        """Draw the next block of the rate, and come back when it may be used, or drawn."""
        async with transaction(self._pool) as db:
            now = (await database.now(db)).timestamp()
            draw = await flow.draw(db, self._gateway, rate, now)
        self._is_low, self._draw_at = False, draw.again_at
        instants = [draw.again_at]
        if draw.block is not None:
            self._tokens.add(draw.block)
            instants.append(draw.block.since)
        for at in instants:
            if at > now:
                self._wake_in(at - now)

    async def _share(self) -> None:
        news = News(self._trip, self._paused_until, self._pause_reason, self._probes, self._wanted)
        async with transaction(self._pool) as db:
            now = (await database.now(db)).timestamp()
            before = await flow.lock(db, self._gateway)
            jitter, probe_s = random(), self._limits.timeout_s + PROBE_MARGIN_S  # noqa: S311 - no secret
            after, number = after_news(before, news, now, self._limits.open_for, jitter, probe_s)
            change = Change(self._gateway, before, after, news.trip)
            if after != before:
                await flow.save(db, self._gateway, after)
                await breaking.publish(db, change)
        self._shared(news)
        self.apply(after, now)
        self._grants += number
        if news.wanted and not number:
            self._refused_until = now + ASK_AGAIN_S
        breaking.show(change)

    def _shared(self, news: News) -> None:
        """Forget what others know now, but for what has come since."""
        if self._trip is news.trip:
            self._trip = None
        if self._paused_until == news.paused_until:
            self._paused_until = 0.0
        self._wanted = 0
        if self._probes.round == news.probes.round:
            self._probes = self._probes.minus(news.probes)
