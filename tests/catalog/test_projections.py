"""The read tables of the catalog follow its events, however often and in whatever order."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.catalog.domain.audience import AudienceChanged, AudienceDeleted, AudienceSaved
from services.catalog.domain.client import PhoneTaken
from services.catalog.domain.mailing_state import (
    MailingBegan,
    MailingEvent,
    MailingFinished,
    MailingMissed,
    OccurrencePassed,
    QueuedRun,
    RunEnded,
    RunOpened,
    RunQueued,
    Status,
)
from services.catalog.domain.profile import Profile
from services.catalog.projections import PROJECTIONS, project
from services.catalog.queries import clients, mailings
from services.catalog.queries.clients import ClientView
from services.catalog.queries.mailings import MailingView
from shared.contracts.catalog import (
    ClientChanged,
    ClientRegistered,
    ClientRemoved,
    Filter,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
    SuppressionChanged,
    SuppressionLifted,
    content_of,
)
from shared.database import Connection, Pool, transaction
from shared.errors import NotFound
from shared.event import Event, Instant
from shared.event_store import Append

ID = UUID(int=1)


def story(now: Instant) -> list[tuple[MailingEvent, Status]]:
    plan = {
        "mailing_id": ID,
        "name": "spring",
        "body": "Hello",
        "subject": None,
        "filter": Filter(tags=("vip",)),
        "starts_at": now,
        "ends_at": now,
        "gateway": "log",
    }
    created = MailingCreated(**plan, created_at=now)  # type: ignore[arg-type]
    changed = MailingChanged(**(plan | {"name": "summer"}), changed_at=now)  # type: ignore[arg-type]
    run: dict[str, Any] = {"run_id": ID, "mailing_id": ID, "nominal": "once", "proposed_at": now}
    window = {"starts_at": now, "ends_at": now}
    opened = {"revision": 2, "is_last": False, "is_by_hand": False}
    queued = QueuedRun(**run, **window, is_last=False, is_by_hand=True)  # type: ignore[arg-type] # of mixed types
    return [
        (created, Status.CREATED),
        (changed, Status.CREATED),
        (MailingPaused(mailing_id=ID, paused_at=now), Status.PAUSED),
        (MailingResumed(mailing_id=ID, resumed_at=now), Status.CREATED),
        (MailingRunRequested(mailing_id=ID, requested_at=now), Status.CREATED),
        (MailingPaused(mailing_id=ID, paused_at=now), Status.PAUSED),
        (RunDeclined(**run, **window, reason="stopped", declined_at=now), Status.PAUSED),  # type: ignore[arg-type]
        (MailingBegan(mailing_id=ID, began_at=now), Status.PAUSED),
        (
            RunBegun(
                **run, **content_of(changed).as_dict(), revision=2, is_last=True, begun_at=now
            ),
            Status.PAUSED,
        ),
        (MailingResumed(mailing_id=ID, resumed_at=now), Status.RUNNING),
        (
            RunOpened(**run, **window, **opened, begun_at=now),  # type: ignore[arg-type] # of mixed types
            Status.RUNNING,
        ),
        (RunQueued(mailing_id=ID, run=queued, queued_at=now), Status.RUNNING),
        (RunEnded(mailing_id=ID, run_id=ID, ended_at=now), Status.RUNNING),
        (
            OccurrencePassed(mailing_id=ID, nominal="once", starts_at=now, passed_at=now),
            Status.RUNNING,
        ),
        (MailingFinished(mailing_id=ID, finished_at=now), Status.FINISHED),
        (MailingStopped(mailing_id=ID, stopped_at=now), Status.STOPPED),
        (MailingMissed(mailing_id=ID, reason="window_over", missed_at=now), Status.FINISHED),
    ]


async def shown(db: Connection) -> MailingView:
    return await mailings.mailing(db, ID)


@pytest.mark.parametrize("length", range(1, 18))
async def test_each_event_is_shown(catalog_pool: Pool, now: Instant, length: int) -> None:
    told = story(now)[:length]
    recorded = Append(f"mailing-{ID}", [event for event, _ in told], 0).recorded(now)

    async with transaction(catalog_pool) as db:
        await project(db, recorded)
        view = await shown(db)

    assert (view.status.value, view.version) == (told[-1][1].value, length)
    assert view.name == ("spring" if length == 1 else "summer")


async def test_a_reason_is_shown_with_what_was_missed(catalog_pool: Pool, now: Instant) -> None:
    recorded = Append(f"mailing-{ID}", [event for event, _ in story(now)], 0).recorded(now)

    async with transaction(catalog_pool) as db:
        await project(db, recorded)

        assert (await shown(db)).missed_reason == "window_over"


async def test_what_comes_again_or_late_changes_nothing(catalog_pool: Pool, now: Instant) -> None:
    recorded = Append(f"mailing-{ID}", [event for event, _ in story(now)], 0).recorded(now)

    async with transaction(catalog_pool) as db:
        await project(db, recorded)
        once = await shown(db)
        await project(db, recorded[::-1])
        twice = await shown(db)

    assert once == twice


async def test_what_was_deleted_is_gone(catalog_pool: Pool, now: Instant) -> None:
    told: list[Event] = [event for event, _ in story(now)[:1]]
    told.append(MailingDeleted(mailing_id=ID, deleted_at=now))

    async with transaction(catalog_pool) as db:
        await project(db, Append(f"mailing-{ID}", told, 0).recorded(now))

        with pytest.raises(NotFound):
            await shown(db)


def test_every_event_of_the_catalog_is_shown() -> None:
    clients = {ClientRegistered, ClientChanged, ClientRemoved}
    suppressions = {SuppressionChanged, SuppressionLifted}
    audiences = {AudienceSaved, AudienceChanged, AudienceDeleted}

    assert {type(event) for event, _ in story(NOBODY)} | {
        MailingDeleted
    } | clients | suppressions | audiences == set(PROJECTIONS)


NOBODY: Instant = None  # type: ignore[assignment] # an instant that nobody looks at


# Clients


def client(number: int, now: Instant, phone: str | None = None) -> ClientRegistered:
    profile = Profile(phone=phone or f"7916000000{number}", tags=("a", 'b"{},'))
    return ClientRegistered(client_id=UUID(int=number), registered_at=now, **profile.as_dict())


async def tell(db: Connection, event: Event, version: int, now: Instant) -> None:
    stream = f"client-{event.client_id}"  # type: ignore[attr-defined]
    await project(db, Append(stream, [event], version - 1).recorded(now))


async def test_clients_are_shown_changed_and_removed(catalog_pool: Pool, now: Instant) -> None:
    first = client(1, now)
    profile = Profile(phone="79160000009", operator_code="916", full_name="Anna")
    changed = ClientChanged(client_id=first.client_id, changed_at=now, **profile.as_dict())

    async with transaction(catalog_pool) as db:
        await tell(db, first, 1, now)
        before = await clients.client(db, first.client_id)
        await tell(db, changed, 2, now)
        after = await clients.client(db, first.client_id)
        await tell(db, ClientRemoved(client_id=first.client_id), 3, now)
        with pytest.raises(NotFound):
            await clients.client(db, first.client_id)

    common = {"client_id": first.client_id, "created_at": now, "changed_at": now}
    assert before == ClientView(
        **Profile(phone="79160000001").as_dict() | common | {"tags": ["a", 'b"{},'], "version": 1}
    )
    assert after == ClientView(**profile.as_dict() | common | {"tags": [], "version": 2})


async def test_a_client_that_is_shown_already_is_left_alone(
    catalog_pool: Pool, now: Instant
) -> None:
    first = client(1, now)
    older = ClientChanged(
        client_id=first.client_id, changed_at=now, **Profile(phone="79160000008").as_dict()
    )

    async with transaction(catalog_pool) as db:
        await tell(db, first, 1, now)
        await tell(db, first, 1, now)
        await tell(db, older, 1, now)

        assert (await clients.client(db, first.client_id)).phone == first.phone


async def test_a_phone_that_another_client_has_is_refused(
    catalog_pool: Pool, now: Instant
) -> None:
    async with transaction(catalog_pool) as db:
        await tell(db, client(1, now), 1, now)

        with pytest.raises(PhoneTaken):
            await tell(db, client(2, now, "79160000001"), 1, now)


async def test_clients_are_added_in_the_order_of_their_phones(
    catalog_pool: Pool, now: Instant
) -> None:
    told = [client(number, now, f"7916000000{9 - number}") for number in range(5)]
    recorded = [Append(f"client-{e.client_id}", [e], 0).recorded(now)[0] for e in told]

    async with transaction(catalog_pool) as db:
        await project(db, recorded)
        phones = (await db.scalars(text("SELECT phone FROM clients ORDER BY ctid"))).all()

    assert phones == sorted(phones), "two that add the same ones wait for each other one way"


async def test_of_several_changes_of_a_client_in_one_append_the_last_is_shown(
    catalog_pool: Pool, now: Instant
) -> None:
    first = client(1, now)
    names = ["Anna", "Bella", "Clara"]
    changes = [
        ClientChanged(
            client_id=first.client_id,
            changed_at=now,
            **Profile(phone=first.phone, full_name=name).as_dict(),
        )
        for name in names
    ]

    async with transaction(catalog_pool) as db:
        await project(db, Append("client-1", [first, *changes], 0).recorded(now))
        view = await clients.client(db, first.client_id)

    assert (view.full_name, view.version) == ("Clara", 4)
