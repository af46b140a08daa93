"""Each mail of marketing has its own link by which its client wants no more of them."""

from datetime import timedelta
from typing import Any

import pytest

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.gateways.smtp.mail import Composer
from services.dispatcher.handlers import planning
from services.dispatcher.handlers.sending import Sender
from shared.unsubscribe import PATH, Links
from tests.dispatcher.world import LIMITS, UNKNOWN, FakeGateway, World, client, work

LINKS = Links("https://mail.shop.example", (b"l" * 32,))
MAIL = {"gateway": "smtp", "subject": "News"}
CHANNELS = {"smtp": Channel(contact="email"), "http": Channel(contact="phone")}


def gateway_of(name: str, answers: Any = None) -> FakeGateway:
    gateway = FakeGateway(answers or {})
    gateway.name, gateway.channel = name, CHANNELS[name]
    return gateway


async def sender_of(world: World, gateway: FakeGateway, links: Links | None = LINKS) -> Sender:
    sender = Sender(world.pool, gateway, LIMITS, links=links)
    await sender.renew()
    return sender


async def begun(world: World, **fields: Any) -> None:
    await world.know_clients([1], email="anna@example.com")
    run = await world.begin_run(**MAIL | fields)
    await run.begin()
    while await planning.expand(world.pool, CHANNELS):
        pass


async def sent(
    world: World, links: Links | None = LINKS, gateway: str = "smtp"
) -> OutgoingMessage:
    fake = gateway_of(gateway)
    await work(await sender_of(world, fake, links))
    (message,) = fake.messages
    return message


@pytest.mark.parametrize("topic", [None, "news"])
async def test_a_mail_has_the_link_of_its_client_and_topic(
    world: World, topic: str | None
) -> None:
    await begun(world, mailing_topic=topic, body="No more? {{ unsubscribe_url }}")

    message = await sent(world)

    url = message.unsubscribe_url or ""
    assert LINKS.read(url.removeprefix(f"{LINKS.base}{PATH}")) == (client(1), topic)
    assert message.text == f"No more? {url}"


async def test_without_a_base_address_mails_have_none(world: World) -> None:
    await begun(world)

    assert (await sent(world, links=None)).unsubscribe_url is None


@pytest.mark.parametrize(
    ("fields", "has_link"),
    [
        ({"message_class": "transactional"}, False),
        ({"message_class": "critical"}, False),
        ({"message_class": "critical", "body": "{{ unsubscribe_url }}"}, True),
        ({"gateway": "http"}, False),
        ({"gateway": "http", "body": "{{ unsubscribe_url }}"}, True),
    ],
)
async def test_other_messages_have_one_only_if_their_text_names_it(
    world: World, fields: dict[str, str], *, has_link: bool
) -> None:
    await begun(world, **fields)

    message = await sent(world, gateway=fields.get("gateway", "smtp"))

    assert (message.unsubscribe_url is not None) == has_link


async def test_what_may_have_arrived_is_repeated_with_the_same_link(world: World) -> None:
    await begun(world)
    first, second = gateway_of("smtp", {1: [UNKNOWN]}), gateway_of("smtp")
    sender = await sender_of(world, first)
    await work(sender)
    await sender.stop(0)
    await world.pass_time(timedelta(minutes=2))

    await work(await sender_of(world, second, Links(LINKS.base, (b"n" * 32,))))

    (before,), (again,) = first.messages, second.messages
    assert before.unsubscribe_url == again.unsubscribe_url is not None


def test_its_headers_are_those_that_mail_programs_use() -> None:
    composer = Composer("news@shop.example", "Shop", lambda: 0.0)
    url = LINKS.of_topic("news")(client(1))
    message = OutgoingMessage(
        b"m" * 43, None, "anna@example.com", "News", "Hi", b"", unsubscribe_url=url
    )

    head, _, _ = composer.compose(message, "anna@example.com").content.partition(b"\r\n\r\n")

    lines = head.split(b"\r\n")
    assert f"List-Unsubscribe: <{url}>".encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
