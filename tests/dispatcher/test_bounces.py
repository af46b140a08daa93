"""A recipient that is refused for good is published once, without its contact."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.dispatcher.gateways.http.answer import Answer as HttpAnswer
from services.dispatcher.gateways.http.description import AnswerRules
from services.dispatcher.gateways.http.rules import RulesJudge
from services.dispatcher.gateways.smtp.answer import Answer, Stage
from services.dispatcher.gateways.smtp.contract import judge
from services.dispatcher.gateways.smtp.reply import Reply
from shared import outbox
from shared.contracts.dispatcher import ContactBounced, State
from shared.telemetry.metrics import Recorded
from tests.dispatcher.proof import prove
from tests.dispatcher.world import REFUSED, FakeGateway, World, alive, client, work
from tests.recorded import shown

BOUNCED = replace(REFUSED, bounced="phone")


async def published(world: World) -> list[tuple[str, ContactBounced]]:
    rows = await world.rows("SELECT batches FROM outbox ORDER BY position")
    return [
        (record.key.decode(), ContactBounced.read(record.value or b""))
        for row in rows
        for batch in outbox.read(row.batches)
        if batch.topic == "dispatcher.contacts"
        for record in batch.records
    ]


async def test_a_recipient_that_is_refused_is_published_without_its_contact(world: World) -> None:
    run = await world.plan(3)
    gateway = FakeGateway({1: [BOUNCED], 2: [REFUSED]})

    await work(await alive(world, gateway))

    assert await prove(world.pool) == {State.FAILED: 2, State.DELIVERED: 1}
    [(key, event)] = await published(world)
    assert (key, event.client_id) == (str(client(1)), client(1))
    assert (event.run_id, event.kind, event.reason) == (run.run_id, "phone", "status_400")
    assert b"7916" not in event.json()


async def test_bounces_are_counted_by_gateway(world: World, recorded: Recorded) -> None:
    await world.plan(3)
    gateway = FakeGateway({1: [BOUNCED], 2: [REFUSED]})

    await work(await alive(world, gateway))

    assert shown(recorded)["dispatcher_contacts_bounced_total", gateway.name] == 1


async def test_a_result_that_goes_the_careful_way_is_published_as_well(world: World) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [None]})
    sender = await alive(world, gateway)
    await work(sender)
    for lease in sender.claimer._leases:  # noqa: SLF001 - as after a death
        lease.is_clean = False

    gateway.answer(1, BOUNCED)
    await work(sender)

    assert len(await published(world)) == 1


@pytest.mark.parametrize(
    ("stage", "reply", "is_bounce"),
    [
        (Stage.RECIPIENT, b"5.1.1 no such user", True),
        (Stage.RECIPIENT, b"no such user here", True),
        (Stage.CONTENT, b"5.1.1 no such user", True),
        (Stage.CONTENT, b"5.2.1 mailbox disabled", True),
        (Stage.CONTENT, b"transaction failed", False),
        (Stage.RECIPIENT, b"5.7.1 spam", False),
        (Stage.RECIPIENT, b"relay access denied", False),
        (Stage.SENDER, b"5.1.8 bad sender", False),
        (Stage.RECIPIENT, b"5.3.2 not accepting mails", False),
    ],
)
def test_over_smtp_it_is_told_by_what_the_refusal_speaks_of(
    stage: Stage, reply: bytes, *, is_bounce: bool
) -> None:
    verdict = judge(Answer(stage, Reply(550, (reply,))))

    assert verdict.bounced == ("email" if is_bounce else None)
    assert (verdict.reason == "recipient_550") == is_bounce


RULES: dict[str, Any] = {
    "refused": [
        {"status": [422], "bounced": True, "reason": "no_such_number"},
        {"status": [400]},
    ],
    "accepted": {"status": [200]},
}


def test_over_http_a_description_says_which_refusals_speak_of_the_recipient() -> None:
    rules = RulesJudge(AnswerRules.model_validate(RULES), (), "phone")

    verdicts = {
        status: rules.judge(HttpAnswer(status, "application/json", b"{}", None, was_sent=True))
        for status in (422, 400, 200)
    }

    assert {status: each.bounced for status, each in verdicts.items()} == {
        422: "phone",
        400: None,
        200: None,
    }


def test_nothing_but_a_refusal_is_a_bounce() -> None:
    with pytest.raises(ValueError, match="only what is refused"):
        AnswerRules.model_validate({"accepted": {"status": [200], "bounced": True}})
