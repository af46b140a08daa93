"""The Kafka door of the catalog."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_commands import ChangeMailing, CreateMailing
from services.catalog.domain.mailing_state import MailingBegan, MailingFinished, MailingMissed
from services.catalog.domain.plan import Plan
from services.catalog.handlers import commands, handle
from services.catalog.subscriptions import subscriptions
from shared import ids
from shared.contracts.catalog import DeclinedReason, Filter, RunBegun, RunDeclined
from shared.contracts.dispatcher import RunFinished
from shared.contracts.scheduler import MailingScheduled, MissedReason, RunMissed
from shared.event import Event, Instant
from shared.event_store import Append
from shared.testing import FrozenClock, InMemoryEventStore, received

ID, RUN = UUID(int=1), UUID(int=2)
LATE = datetime(2027, 1, 1, tzinfo=UTC)


class Nowhere:
    """A connection to nothing: what is shown of runs' switches is tested beside a database."""

    async def execute(self, _: object) -> None:
        pass


NOBODY: Any = Nowhere()


def scheduled(now: Instant, *, is_proposal: bool = True) -> MailingScheduled:
    return MailingScheduled(
        run_id=RUN,
        mailing_id=ID,
        nominal="once",
        revision=1,
        is_last=True,
        body="Hello",
        subject=None,
        filter=Filter(),
        starts_at=now,
        ends_at=now,
        gateway="log",
        scheduled_at=now,
        is_proposal=is_proposal,
    )


def missed(now: Instant) -> RunMissed:
    return RunMissed(
        run_id=RUN,
        mailing_id=ID,
        nominal="once",
        is_last=True,
        reason=MissedReason.WINDOW_OVER,
        missed_at=now,
        ends_at=now.replace(year=2030),
    )


def finished(now: Instant) -> RunFinished:
    return RunFinished(run_id=RUN, mailing_id=ID, is_last=True, finished_at=now)


@pytest.fixture
async def store(now: Instant) -> InMemoryEventStore:
    store = InMemoryEventStore()
    plan = Plan("spring", "Hello", None, Filter(), now, now.replace(year=2030), "log")
    await handle(store, CreateMailing(mailing_id=ID, plan=plan, now=now))
    return store


async def answers(
    store: InMemoryEventStore, now: Instant, events: Sequence[Event]
) -> Sequence[Event]:
    handlers = subscriptions(store, FrozenClock(now))
    for event in events:
        await handlers[type(event)](NOBODY, [received(event, str(ID))])
    history = await store.load(f"mailing-{ID}", mailing.events)
    return history[1:]


async def test_a_run_that_begins_and_ends_takes_its_mailing_along(
    store: InMemoryEventStore, now: Instant
) -> None:
    begun, ended = await answers(store, now, [scheduled(now), finished(now)])

    assert isinstance(begun, RunBegun)
    assert (begun.run_id, begun.nominal, begun.revision) == (RUN, "once", 1)
    assert (begun.body, begun.ends_at) == ("Hello", now.replace(year=2030))
    assert ended == MailingFinished(mailing_id=ID, finished_at=now)


async def test_a_run_of_an_older_release_has_begun_already(
    store: InMemoryEventStore, now: Instant
) -> None:
    old = scheduled(now, is_proposal=False)

    assert await answers(store, now, [old, old, finished(now)]) == [
        MailingBegan(mailing_id=ID, began_at=now),
        MailingFinished(mailing_id=ID, finished_at=now),
    ]


async def test_a_run_that_is_proposed_with_another_start_is_declined(
    store: InMemoryEventStore, now: Instant
) -> None:
    [declined] = await answers(
        store, now, [msgspec.structs.replace(scheduled(now), starts_at=LATE)]
    )

    assert isinstance(declined, RunDeclined)
    assert (declined.run_id, declined.reason) == (RUN, DeclinedReason.POSTPONED)
    assert (declined.starts_at, declined.ends_at) == (now, now.replace(year=2030))


async def test_a_run_that_was_missed_ends_its_mailing_with_the_reason(
    store: InMemoryEventStore, now: Instant
) -> None:
    assert await answers(store, now, [missed(now)]) == [
        MailingMissed(mailing_id=ID, reason="window_over", missed_at=now)
    ]


async def test_what_comes_again_changes_nothing(store: InMemoryEventStore, now: Instant) -> None:
    twice = [scheduled(now), scheduled(now), finished(now), finished(now)]

    assert len(await answers(store, now, twice)) == 2


async def test_a_proposal_that_the_end_has_overtaken_was_of_a_run_that_began(
    store: InMemoryEventStore, now: Instant
) -> None:
    """As a catalog does that was restored from a backup: it reads both topics again."""
    once = msgspec.structs.replace(scheduled(now), run_id=ids.run_id(ID, "once"))

    _, declined = await answers(store, now, [finished(now), once])

    assert isinstance(declined, RunDeclined)
    assert declined.reason is DeclinedReason.ALREADY_BEGUN


async def test_an_end_that_overtakes_the_beginning_is_an_end(
    store: InMemoryEventStore, now: Instant
) -> None:
    old = scheduled(now, is_proposal=False)

    assert await answers(store, now, [finished(now), old]) == [
        MailingFinished(mailing_id=ID, finished_at=now)
    ]


async def test_an_answer_names_its_cause(store: InMemoryEventStore, now: Instant) -> None:
    message = received(scheduled(now), str(ID))

    await subscriptions(store, FrozenClock(now))[MailingScheduled](NOBODY, [message])

    assert store.recorded[-1].causation_id == message.cause.event_id


async def test_a_run_of_a_mailing_that_nobody_knows_is_passed_over(now: Instant) -> None:
    assert await answers(InMemoryEventStore(), now, [scheduled(now), finished(now)]) == []


@dataclass(slots=True)
class CountingStore(InMemoryEventStore):
    """Counts how many streams are appended to at once."""

    appends: list[int] = field(default_factory=list)

    async def append_many(self, appends: Sequence[Append], **how: Any) -> None:
        self.appends.append(len(appends))
        await InMemoryEventStore.append_many(self, appends, **how)


async def test_many_mailings_take_few_transactions_and_those_of_one_stay_in_order(
    now: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "AT_ONCE", 2)
    store, numbers = CountingStore(), [UUID(int=number) for number in range(10, 15)]
    plan = Plan("spring", "Hello", None, Filter(), now, now.replace(year=2030), "log")
    for number in numbers:
        await handle(store, CreateMailing(mailing_id=number, plan=plan, now=now))
    proposals = [msgspec.structs.replace(scheduled(now), mailing_id=each) for each in numbers]
    ends = [msgspec.structs.replace(finished(now), mailing_id=each) for each in numbers]
    both = [received(each, "any") for each in (*proposals, *ends)]
    store.appends.clear()
    await subscriptions(store, FrozenClock(now))[MailingScheduled](NOBODY, both)

    assert store.appends == [2, 2, 2, 2, 1, 1]
    for number, message in zip(numbers, both, strict=False):
        history = [each for each in store.recorded if each.stream == f"mailing-{number}"]
        assert [type(each.event) for each in history[1:]] == [RunBegun, MailingFinished]
        assert history[1].causation_id == message.cause.event_id


async def test_a_rival_that_edits_meanwhile_lets_all_be_decided_again(
    store: InMemoryEventStore, now: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_many = store.load_many

    async def then_edited(*what: Any) -> Any:
        monkeypatch.undo()
        histories = await load_many(*what)
        change = ChangeMailing(mailing_id=ID, changes={"body": "newest"}, now=now)
        await handle(store, change)
        return histories

    monkeypatch.setattr(InMemoryEventStore, "load_many", lambda _, *what: then_edited(*what))
    [_, begun] = await answers(store, now, [scheduled(now)])

    assert isinstance(begun, RunBegun)
    assert (begun.body, begun.revision) == ("newest", 2)
