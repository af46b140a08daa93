"""An edit is refused or it holds, and what is shown is what was sent, whatever stands still."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from httpx import Response

from shared.database import Pool
from tests.together.platform import STEPS, Json, Platform, platform_on

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TAGS = {"a": ["79160000001", "79160000002"], "b": ["79160000003"]}


@pytest.fixture
async def platform(
    catalog_pool: Pool, scheduler_pool: Pool, dispatcher_pool: Pool
) -> AsyncIterator[Platform]:
    pools = {"catalog": catalog_pool, "scheduler": scheduler_pool, "dispatcher": dispatcher_pool}
    async with platform_on(**pools) as platform:
        for tag, phones in TAGS.items():
            for phone in phones:
                body = {"phone": phone, "tags": [tag]}
                assert (await platform.api.post("/clients", json=body)).status_code == 201
        await platform.settle()
        yield platform


async def created(platform: Platform, name: str, *, starts_in: timedelta = timedelta()) -> Json:
    """Create a mailing with a window of an hour."""
    starts_at = await platform.now() + starts_in
    return await platform.create(
        name=name,
        body=f"first of {name}",
        filter={"tags": ["a"]},
        starts_at=starts_at.isoformat(),
        ends_at=(starts_at + HOUR).isoformat(),
    )


def sent(platform: Platform) -> dict[str, list[str]]:
    """Return to whom each text was sent."""
    texts: dict[str, list[str]] = {}
    for each in platform.sent:
        texts.setdefault(each.text, []).append(str(each.phone))
    return {text: sorted(phones) for text, phones in texts.items()}


# Where a mailing may be when it is edited, from its creation to its first message.
STANDSTILLS: dict[str, list[str]] = {
    "nothing": [],
    "the catalog's relay": ["publish catalog"],
    "the scheduler's listener": ["consume scheduler"],
    "the scheduler's clock": ["fire"],
    "the scheduler's relay": ["publish scheduler"],
    "the catalog's listener": ["consume catalog"],
    "Kafka": [name for name in STEPS if name.startswith(("publish", "consume"))],
    "the dispatcher's controls": ["consume dispatcher.controls"],
    "the dispatcher's clients": ["consume dispatcher"],
    "the dispatcher's plans": ["plan"],
}
BEGUN = {"nothing", *(name for name in STANDSTILLS if name.startswith("the dispatcher"))}


NAMES = ("rewritten", "postponed", "by hand", "stopped", "deleted", "paused", "ended")


async def created_and_due(platform: Platform) -> dict[str, Json]:
    """Create mailings that are due, one of them as it was started by hand."""
    mailings = {
        name: await created(platform, name, starts_in=HOUR if name == "by hand" else timedelta())
        for name in NAMES
    }
    assert (await platform.command(mailings["by hand"], "start")).is_success
    return mailings


async def edited(platform: Platform, mailings: dict[str, Json]) -> dict[str, Response]:
    """Edit each mailing in its way."""
    now = await platform.now()
    tomorrow = {
        "starts_at": (now + DAY).isoformat(),
        "ends_at": (now + DAY + HOUR).isoformat(),
    }
    rewritten = {"body": "second of rewritten", "filter": {"tags": ["b"]}}
    return {
        "rewritten": await platform.change(mailings["rewritten"], **rewritten),
        "postponed": await platform.change(mailings["postponed"], **tomorrow),
        "by hand": await platform.change(mailings["by hand"], **tomorrow),
        "stopped": await platform.command(mailings["stopped"], "stop"),
        "deleted": await platform.delete(mailings["deleted"]),
        "paused": await platform.command(mailings["paused"], "pause"),
        "ended": await platform.change(mailings["ended"], ends_at=(now + MINUTE).isoformat()),
    }


@pytest.mark.parametrize("stuck", STANDSTILLS)
async def test_whatever_stands_still_an_edit_is_refused_or_holds(
    platform: Platform, stuck: str
) -> None:
    mailings = await created_and_due(platform)
    await platform.settle(without=[*STANDSTILLS[stuck], "send"])
    edits = await edited(platform, mailings)
    await platform.settle(without=["send"])
    await platform.pass_time(MINUTE)
    await platform.settle()
    at_once = sent(platform)
    assert (await platform.command(mailings["paused"], "resume")).is_success
    await platform.settle()
    await platform.pass_time(DAY)
    await platform.settle()

    is_begun = stuck in BEGUN
    refused = {name for name, response in edits.items() if response.status_code == 409}
    assert refused == ({"rewritten", "postponed", "by hand"} if is_begun else set())
    assert all(edits[name].is_success for name in edits.keys() - refused)
    text, tag = ("first of rewritten", "a") if is_begun else ("second of rewritten", "b")
    soon = {text: TAGS[tag]}
    later = {"first of postponed": TAGS["a"], "first of by hand": TAGS["a"]}
    assert at_once == (soon | later if is_begun else soon)
    assert sent(platform) == soon | later | {"first of paused": TAGS["a"]}
    page = await platform.page(mailings["rewritten"])
    assert (page["body"], page["filter"]["tags"]) == (text, [tag])
    pages = [await platform.page(mailings[name]) for name in NAMES if name != "deleted"]
    assert {page["status"] for page in pages} == {"finished", "stopped"}
    assert {page["missed_reason"] for page in pages} == {None}


@pytest.mark.parametrize("stuck", [name for name in STANDSTILLS if name not in BEGUN])
async def test_an_end_that_was_moved_with_200_in_time_lets_the_run_happen(
    platform: Platform, stuck: str
) -> None:
    mailing = await created(platform, "moved")
    await platform.settle(without=[*STANDSTILLS[stuck], "send"])
    await platform.pass_time(2 * HOUR)
    if stuck == "the catalog's listener":
        await platform.settle(without=[*STANDSTILLS[stuck], "send"])

    end = await platform.now() + HOUR
    response = await platform.change(mailing, ends_at=end.isoformat())
    await platform.settle()

    page = await platform.page(mailing)
    assert response.status_code == 200
    assert sent(platform) == {"first of moved": TAGS["a"]}
    assert (page["status"], page["missed_reason"]) == ("finished", None)


async def test_an_end_that_was_moved_after_the_scheduler_had_found_it_over_lets_the_run_happen(
    platform: Platform,
) -> None:
    mailing = await created(platform, "moved")
    await platform.settle(without=["fire"])
    await platform.pass_time(2 * HOUR)
    assert await platform.fire()
    await platform.publish("scheduler")

    end = await platform.now() + HOUR
    assert (await platform.change(mailing, ends_at=end.isoformat())).status_code == 200
    await platform.settle()

    assert sent(platform) == {"first of moved": TAGS["a"]}
    assert (await platform.page(mailing))["missed_reason"] is None


async def test_what_comes_too_late_everywhere_is_missed_with_the_reason(
    platform: Platform,
) -> None:
    mailing = await created(platform, "late")
    await platform.settle(without=["consume catalog"])
    await platform.pass_time(2 * HOUR)
    await platform.settle()

    page = await platform.page(mailing)
    assert (page["status"], page["missed_reason"]) == ("finished", "window_over")
    assert sent(platform) == {}


class Chaos:
    """People edit one mailing while services take steps by chance, some of them twice."""

    def __init__(self, platform: Platform, seed: int) -> None:
        self.platform = platform
        self.random = Random(seed)  # noqa: S311 - the same each time
        self.accepted: list[str] = []

    async def run(self, mailing: Json) -> None:
        for number in range(60):
            if self.random.random() < 0.2:
                await self._edit(mailing, number)
            elif self.random.random() < 0.1:
                await self.platform.pass_time(self.random.choice([MINUTE, 10 * MINUTE]))
            elif self.random.random() < 0.1:
                service = self.random.choice(["catalog", "scheduler"])
                await self.platform.publish(service, again=self.random.randrange(1, 4))
            else:
                await self._step()

    async def _step(self) -> None:
        name = self.random.choice(STEPS)
        if name.startswith("consume"):
            limit = self.random.choice([1, 2, 1_000])
            await self.platform.consume(name.removeprefix("consume "), limit=limit)
        else:
            before = len(self.platform.sent)
            await self.platform.step(name)
            if len(self.platform.sent) > before:
                await self._check(self.platform.sent[before:])

    async def _check(self, new: list[Any]) -> None:
        """What is sent is what is shown, and not before the start that is shown."""
        page = await self.platform.page(self.mailing)
        if "body" in page:
            assert {each.text for each in new} == {page["body"]}
            assert all(each.at >= datetime.fromisoformat(page["starts_at"]) for each in new)

    async def _edit(self, mailing: Json, number: int) -> None:
        self.mailing = mailing
        now = await self.platform.now()
        match self.random.choice(["body", "body", "filter", "starts", "starts", "start", "pause"]):
            case "body":
                await self.platform.change(mailing, body=f"text {number}")
            case "filter":
                await self.platform.change(mailing, filter={"tags": [self.random.choice("ab")]})
            case "starts":
                by = self.random.choice([timedelta(), MINUTE, 30 * MINUTE])
                await self.platform.change(mailing, starts_at=(now + by).isoformat())
            case "start":
                await self.platform.command(mailing, "start")
            case _:
                await self.platform.command(mailing, self.random.choice(["pause", "resume"]))


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_when_what_is_sent_once_is_what_is_shown(
    platform: Platform, seed: int
) -> None:
    chaos = Chaos(platform, seed)
    now = await platform.now()
    mailing = chaos.mailing = await platform.create(
        name="chaos",
        body="text",
        filter={"tags": ["a"]},
        starts_at=(now + chaos.random.choice([timedelta(), MINUTE])).isoformat(),
        ends_at=(now + DAY).isoformat(),
    )

    await chaos.run(mailing)
    await platform.command(mailing, "resume")
    await platform.settle()
    await platform.pass_time(HOUR)
    await platform.settle()

    page = await platform.page(mailing)
    assert page["status"] == "finished"
    assert {each.text for each in platform.sent} == {page["body"]}
    to = Counter(each.phone for each in platform.sent)
    assert to == Counter(TAGS[page["filter"]["tags"][0]])
