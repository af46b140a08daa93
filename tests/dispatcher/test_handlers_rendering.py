"""What messages say: by tags and filters as well, and what becomes of those that say nothing."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from services.dispatcher.handlers import rendering
from shared.contracts.dispatcher import State
from shared.telemetry.metrics import Recorded
from shared.template.joined import JoinedTemplate
from tests.dispatcher.proof import prove
from tests.dispatcher.world import (
    NOT_PROCESSED,
    UNKNOWN,
    FakeGateway,
    World,
    alive,
    give_back,
    numbers,
    registered,
    work,
)
from tests.recorded import shown

KINDS = pytest.mark.parametrize("is_idempotent", [True, False])
SECOND = timedelta(seconds=1)

BY_TAG = "{% if tags contains 'vip' %}VIP{% endif %} {{ tags | join: ', ' }}"
# It is too long for a client with more of a comment than clients can have.
LONG = "{{ comment }}" * 99 + "{{ phone | upcase }}"
COMMENT = "x" * 2_100


async def ends(world: World) -> list[tuple[int, str, str, int]]:
    """Return client, state, reason and attempts of all messages that are not simply delivered."""
    rows = await world.rows("SELECT * FROM exceptions ORDER BY client_id")
    return [(row.client_id.int & 0xFFFF, row.state, row.reason, row.attempts) for row in rows]


@KINDS
async def test_a_message_says_what_its_template_makes_of_the_client(
    world: World, *, is_idempotent: bool
) -> None:
    subject = "{{ comment | default: 'Hello' }}"
    await world.plan(2, body=BY_TAG, subject=subject, html="<p>{{ full_name | upcase }}")
    await world.know(
        registered(1, tags=("vip", "a&b"), comment="a\nb", full_name="a&b"), version=2
    )
    gateway = FakeGateway(is_idempotent=is_idempotent)

    await work(await alive(world, gateway))

    sent = [(each.text, each.subject, each.html) for each in gateway.messages]
    assert sent == [("VIP vip, a&b", "a b", "<p>A&amp;B"), (" ", "Hello", "<p>CLIENT 2")]


@pytest.mark.parametrize(
    ("verdict", "text"), [(UNKNOWN, "VIP vip"), (NOT_PROCESSED, " new")], ids=["same", "newest"]
)
async def test_a_retry_has_the_tags_of_the_first_attempt_if_that_may_have_arrived(
    world: World, verdict: object, text: str
) -> None:
    await world.plan(1, body=BY_TAG)
    await world.know(registered(1, tags=("vip",)), version=2)
    gateway = FakeGateway({1: [verdict]})  # type: ignore[list-item]
    sender = await alive(world, gateway)
    await work(sender)
    await world.know(registered(1, tags=("new",)), version=3)
    await world.pass_time(60 * SECOND)
    await give_back(sender)

    await work(sender)

    assert [message.text for message in gateway.messages] == ["VIP vip", text]


async def test_of_a_client_without_tags_none_are_kept(world: World) -> None:
    await world.plan(1)

    await work(await alive(world, FakeGateway({1: [UNKNOWN]})))

    assert "tags" not in await world.value("SELECT contact FROM exceptions")


@KINDS
async def test_a_text_that_cannot_be_rendered_fails_its_message_and_no_other(
    world: World, recorded: Recorded, *, is_idempotent: bool
) -> None:
    run = await world.plan(4, body=LONG)
    await world.know(*(registered(each, comment=COMMENT) for each in (2, 3)), version=2)
    gateway = FakeGateway(is_idempotent=is_idempotent)

    with capture_logs() as logs:
        await work(await alive(world, gateway))

    assert numbers(gateway) == [1, 4]
    assert await ends(world) == [(each, "failed", "template_failed", 0) for each in (2, 3)]
    assert await prove(world.pool) == {State.FAILED: 2, State.DELIVERED: 2}
    assert shown(recorded)["dispatcher_messages_unrendered_total", "http"] == 2
    found = [each for each in logs if each["event"] == "dispatcher.template_failed"]
    assert [(each["run_id"], each["error"]) for each in found] == [(run.run_id, "RenderFailed")]
    await world.end()
    assert await run.status() == "finished"


@KINDS
async def test_whatever_goes_wrong_while_rendering_ends_no_sender(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_idempotent: bool
) -> None:
    await world.plan(3)
    render = JoinedTemplate.render

    def break_one(self: JoinedTemplate, client: object) -> str:
        if getattr(client, "full_name", None) == "Client 2":
            raise RecursionError("with the text: Client 2")
        return render(self, client)

    monkeypatch.setattr(JoinedTemplate, "render", break_one)
    gateway = FakeGateway(is_idempotent=is_idempotent)
    sender = await alive(world, gateway)

    with capture_logs() as logs:
        await work(sender)
    await sender.renew()  # it would raise what a callback had seen

    assert numbers(gateway) == [1, 3]
    assert await ends(world) == [(2, "failed", "template_failed", 0)]
    assert "Client 2" not in str(logs)


@pytest.mark.parametrize(
    ("verdict", "state"), [(NOT_PROCESSED, "failed"), (UNKNOWN, "undetermined")]
)
async def test_a_retry_that_cannot_be_rendered_ends_as_what_is_known(
    world: World, verdict: object, state: str
) -> None:
    await world.plan(1, body=LONG)
    gateway = FakeGateway({1: [verdict]})  # type: ignore[list-item]
    sender = await alive(world, gateway)
    await work(sender)
    await world.know(registered(1, comment=COMMENT), version=2)
    await world.rows(
        """
        UPDATE exceptions SET contact = jsonb_set(contact, '{comment}', to_jsonb(CAST(:x AS text)))
        RETURNING state
        """,
        x=COMMENT,
    )
    await world.pass_time(60 * SECOND)
    await give_back(sender)

    await work(sender)

    assert len(gateway.messages) == 1
    assert await ends(world) == [(1, state, "template_failed", 1)]


@KINDS
async def test_texts_that_take_long_are_rendered_one_by_one_and_others_have_their_turn(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_idempotent: bool
) -> None:
    monkeypatch.setattr(rendering, "SLICE_S", 0.0)
    await world.plan(4)
    gateway = FakeGateway(is_idempotent=is_idempotent)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await sender.claim()

    seen = [len(gateway.messages)]
    async with asyncio.timeout(60):
        while len(gateway.messages) < 4:
            await (asyncio.sleep(0) if is_idempotent else sender.mark_and_start())
            seen.append(len(gateway.messages))

    assert set(seen) >= {1, 2, 3, 4}
    assert numbers(gateway) == [1, 2, 3, 4]
