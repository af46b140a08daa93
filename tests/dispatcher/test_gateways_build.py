"""Descriptions of gateways, and what is built from them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.dispatcher.domain.outcome import OutgoingMessage, Verdict
from services.dispatcher.gateways.build import Misconfigured, build
from services.dispatcher.gateways.description import channel_of, read, written
from services.dispatcher.gateways.parts import SecretRef
from services.dispatcher.gateways.smtp.address import named_address

HTTP = {"kind": "http", "url": "https://sms.example/messages"}
SMTP = {"kind": "smtp", "url": "smtp://mail.example", "sender": "Shop <news@shop.example>"}
TOKEN = {"token": {"env": "SMS_TOKEN"}}
ALLOWED = {"allowed_senders": ["sale@shop.example", "@books.example"]}
LOGIN = {"user": "shop", "password": {"env": "MAIL_PASSWORD"}}


def log_to(path: Path) -> dict[str, Any]:
    return {"kind": "log", "path": str(path)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "description",
    [
        HTTP,
        HTTP | TOKEN | {"not_taken": [503], "rate": 5.0, "burst": 3},
        SMTP,
        SMTP | LOGIN,
        SMTP | ALLOWED,
        SMTP | {"user": "shop"} | TOKEN,
        SMTP | {"reply_to": "Shop <help@shop.example>", "mails_per_connection": 100},
    ],
)
def test_what_is_stored_of_a_description_is_what_was_said(description: dict[str, Any]) -> None:
    assert written(read(description)) == description


@pytest.mark.parametrize(
    ("sender", "is_refused"),
    [("new@books.example", False), ("sale@shop.example", False), ("boss@shop.example", True)],
)
async def test_a_described_mail_server_sends_for_whom_it_allows(
    sender: str, *, is_refused: bool
) -> None:
    here = {"url": "smtp://127.0.0.1:1", "tls": "none"}
    gateway = build("first", read(SMTP | ALLOWED | here), allows_private=True)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    mail = OutgoingMessage(b"m" * 43, None, "anna@example.com", "News", "Hi", b"", sender=sender)

    gateway.send(mail, loop.time() + 5, done.set_result)
    verdict = await done

    assert (verdict.reason == "sender_not_allowed") == is_refused
    await gateway.close()


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("news@shop.example", "", "news@shop.example"),
        (" <news@shop.example> ", "", "news@shop.example"),
        ("Лавка <news@shop.example>", "Лавка", "news@shop.example"),
        ("Shop & Sons, Ltd. <news@shop.example>", "Shop & Sons, Ltd.", "news@shop.example"),
        (r'"Shop \"A\", <Ltd>" <news@shop.example>', 'Shop "A", <Ltd>', "news@shop.example"),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(text: str, name: str, address: str) -> None:
    assert named_address(text) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop",
        "Shop",
        "a@b.example c@d.example",
        "Shop <a@b.example> x",
        "Shop <a@b",
        '"A <a@b>',
    ],
)
def test_what_is_no_sender_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NAME <ADDRESS>"):
        named_address(text)


async def test_each_kind_is_built_with_its_name_and_channel(folder: Path) -> None:
    for description in (HTTP, SMTP, log_to(folder / "messages.log")):
        described = read(description)
        gateway = build("first", described)

        assert (gateway.name, gateway.channel) == ("first", channel_of(described))
        await gateway.close()


def test_what_a_newer_release_has_added_is_ignored() -> None:
    assert read(HTTP | {"colour": "red"}) == read(HTTP)


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ({"kind": "fax"}, "kind"),
        ({"kind": "http"}, "url"),
        (HTTP | {"url": "ftp://sms.example"}, "http://host or https://host"),
        (HTTP | {"token": {}}, "either env"),
        (HTTP | {"token": {"env": "A", "file": "/a"}}, "either env"),
        (HTTP | {"token": {"file": "relative"}}, "file"),
        (HTTP | {"burst": 5}, "a burst needs a rate"),
        (HTTP | {"not_taken": [502]}, "not_taken"),
        (HTTP | {"max_connections": 0}, "max_connections"),
        (SMTP | {"sender": "nobody"}, "NAME <ADDRESS>"),
        (SMTP | {"allowed_senders": ["shop.example"]}, "an address, or a domain"),
        (SMTP | {"allowed_senders": ["@"]}, "an address, or a domain"),
        (SMTP | {"allowed_senders": ["Sale <sale@shop.example>"]}, "an address, or a domain"),
        (SMTP | {"user": "shop"}, "go together"),
        (SMTP | LOGIN | {"tls": "none"}, "over TLS only"),
        (SMTP | LOGIN | TOKEN, "user and password go together, or user and token"),
        (SMTP | TOKEN, "go together"),
        (SMTP | TOKEN | {"user": "a\1b"}, "ends them"),
        (SMTP | {"reply_to": "nobody"}, "NAME <ADDRESS>"),
        (SMTP | {"mails_per_connection": 0}, "mails_per_connection"),
        (SMTP | {"url": "smtps://mail.example", "tls": "starttls"}, "smtps://"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(
    description: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        read(description)


@pytest.mark.parametrize("where", ["variable", ".env", "folder of secrets"])
async def test_a_secret_is_read_where_settings_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "variable":
        monkeypatch.setenv("SMS_TOKEN", "abc")
    elif where == ".env":
        (folder / ".env").write_text("SMS_TOKEN=abc\n")
    else:
        (folder / "secrets").mkdir()
        (folder / "secrets" / "SMS_TOKEN").write_text("abc\n")
        monkeypatch.setenv("SECRETS_DIR", str(folder / "secrets"))

    gateway = build("first", read(HTTP | TOKEN))

    await gateway.close()


async def test_a_secret_may_be_a_file_of_its_own(folder: Path) -> None:
    (folder / "token").write_text("abc\n")
    reference = SecretRef(file=str(folder / "token"))

    gateway = build("first", read(HTTP | {"token": reference.model_dump(exclude_none=True)}))

    await gateway.close()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot be read"), (b"", "empty"), (b"\xff", "cannot be read"), (b"a b", "visible")],
)
async def test_a_secret_that_cannot_be_used_makes_the_gateway_misconfigured(
    folder: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (folder / "token").write_bytes(content)

    with pytest.raises(Misconfigured, match=reason) as refusal:
        build("first", read(HTTP | {"token": {"file": str(folder / "token")}}))

    assert "a b" not in str(refusal.value)


@pytest.mark.usefixtures("folder")
async def test_a_variable_that_is_not_there_makes_the_gateway_misconfigured() -> None:
    with pytest.raises(Misconfigured, match="the variable SMS_TOKEN"):
        build("first", read(HTTP | TOKEN))


async def test_a_file_that_cannot_be_written_makes_the_gateway_misconfigured(
    folder: Path,
) -> None:
    with pytest.raises(Misconfigured, match="is a folder"):
        build("first", read(log_to(folder)))
    with pytest.raises(Misconfigured, match="cannot be written"):
        build("first", read(log_to(folder / "missing" / "messages.log")))
