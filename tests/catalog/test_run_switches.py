"""What dispatchers say of the switches of runs is shown with their mailing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.catalog.projections import project
from services.catalog.queries import mailing_pages, mailings
from services.catalog.queries.mailing_pages import AskedMailings
from services.catalog.queries.mailings import MailingView
from services.catalog.routes.asked_clients import LATEST
from services.catalog.subscriptions import subscriptions
from shared.contracts.catalog import Filter, MailingCreated, MailingPaused, MailingResumed
from shared.contracts.dispatcher import RunFinished, RunPaused, RunResumed, RunStopped
from shared.database import Connection, Pool, transaction
from shared.event import Event, Instant
from shared.event_store import Append
from shared.testing import FrozenClock, InMemoryEventStore, received

ID, RUN = UUID(int=1), UUID(int=2)


def created(now: Instant) -> MailingCreated:
    return MailingCreated(
        mailing_id=ID,
        name="spring",
        body="Hello",
        subject=None,
        filter=Filter(),
        starts_at=now,
        ends_at=now,
        gateway="log",
        created_at=now,
    )


def moved(now: Instant, run_id: UUID = RUN) -> dict[str, Event]:
    """Return the story of a switch by name."""
    run: dict[str, Any] = {"run_id": run_id, "mailing_id": ID}
    return {
        "paused": RunPaused(**run, number=1, paused_at=now, by="anna"),
        "resumed": RunResumed(**run, number=2, resumed_at=now),
        "paused again": RunPaused(**run, number=3, paused_at=now),
        "stopped": RunStopped(**run, number=4, stopped_at=now),
        "finished": RunFinished(**run, is_last=True, finished_at=now),
    }


async def hear(db: Connection, now: Instant, events: Sequence[Event]) -> None:
    handlers = subscriptions(InMemoryEventStore(), FrozenClock(now))
    for event in events:
        await handlers[type(event)](db, [received(event, str(RUN))])


async def shown(db: Connection) -> MailingView:
    return await mailings.mailing(db, ID)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["paused"], ["anna"]),
        (["paused", "paused"], ["anna"]),
        (["paused", "resumed"], []),
        (["paused", "resumed", "paused"], []),  # what is older than the row changes nothing
        (["paused", "resumed", "paused again"], [None]),
        (["paused", "stopped"], []),
        (["paused", "finished"], []),
        (["resumed"], []),
    ],
)
async def test_a_mailing_shows_which_of_its_runs_are_paused_and_by_whom(
    catalog_pool: Pool, now: Instant, names: list[str], expected: list[str | None]
) -> None:
    story = moved(now)

    async with transaction(catalog_pool) as db:
        await project(db, Append(f"mailing-{ID}", [created(now)], 0).recorded(now))
        await hear(db, now, [story[name] for name in names])
        view = await shown(db)

    assert [each.by for each in view.paused_runs] == expected
    assert [(each.run_id, each.since) for each in view.paused_runs] == [(RUN, now)] * len(expected)


async def test_a_run_that_finishes_takes_no_other_switch_along(
    catalog_pool: Pool, now: Instant
) -> None:
    other = UUID(int=3)

    async with transaction(catalog_pool) as db:
        await project(db, Append(f"mailing-{ID}", [created(now)], 0).recorded(now))
        both = [moved(now)["paused"], moved(now, other)["paused"]]
        await hear(db, now, [*both, moved(now)["finished"]])
        view, (listed,) = (
            await shown(db),
            await mailing_pages.mailings(db, AskedMailings(), before=LATEST, limit=9),
        )

    assert [each.run_id for each in view.paused_runs] == [other]
    assert listed == view


async def test_a_mailing_shows_since_when_it_is_paused_and_by_whom(
    catalog_pool: Pool, now: Instant
) -> None:
    paused = MailingPaused(mailing_id=ID, paused_at=now, by="anna")
    story = [created(now), paused, MailingResumed(mailing_id=ID, resumed_at=now)]
    recorded = Append(f"mailing-{ID}", story, 0).recorded(now)

    async with transaction(catalog_pool) as db:
        await project(db, recorded[:2])
        during = await shown(db)
        await project(db, recorded[2:])
        after = await shown(db)

    assert (during.paused_at, during.paused_by) == (now, "anna")
    assert (after.paused_at, after.paused_by) == (None, None)
