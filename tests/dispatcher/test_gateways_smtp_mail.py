"""What a mail looks like, read by another's parser; and that no data becomes anything else."""

import email
import email.policy
from base64 import b64decode
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.gateways.smtp.address import AddressInvalid, header_text, normalized
from services.dispatcher.gateways.smtp.mail import Composer, Mail
from services.dispatcher.gateways.smtp.senders import SenderNotAllowed, Senders

MESSAGE_ID = b"A-_z0123456789012345678901234567890123456789"[:43]
MESSAGE = OutgoingMessage(
    MESSAGE_ID, None, "anna@example.com", "Новости", "Привет,\nЮлия", b"", "Юлия Цой"
)
HEADERS = [
    *("Date", "From", "To", "Subject", "Message-ID"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
]


def composed(message: OutgoingMessage = MESSAGE, name: str | None = "Лавка") -> Mail:
    composer = Composer("news@shop.example", name, lambda: 1_764_403_200.5)
    return composer.compose(message, message.email or "")


def unstuffed(content: bytes) -> bytes:
    """Return a mail as a server has it after the final dot. Source: RFC 5321 §4.5.2."""
    assert content.endswith(b"\r\n.\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    lines = content[: -len(b".\r\n")].split(b"\r\n")
    assert b"." not in lines  # the server would take it for the end
    assert max(map(len, lines)) <= 998
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(unstuffed(content), policy=email.policy.SMTP)


def address_of(mail: EmailMessage, header: str) -> Address:
    [address] = mail[header].addresses
    return cast("Address", address)


@pytest.mark.parametrize("has_8bit", [True, False])
def test_a_mail_has_what_a_person_sees(*, has_8bit: bool) -> None:
    mail = parsed(composed().content_for(has_8bit=has_8bit))

    assert mail.keys() == HEADERS
    assert mail["Date"] == "Sat, 29 Nov 2025 08:00:00 -0000"
    assert address_of(mail, "From") == Address("Лавка", "news", "shop.example")
    assert address_of(mail, "To") == Address("Юлия Цой", "anna", "example.com")
    assert mail["Subject"] == "Новости"
    assert mail["Message-ID"] == f"<{MESSAGE_ID.decode()}@shop.example>"
    assert mail.get_content_type() == "text/plain"
    assert mail["Content-Transfer-Encoding"] == ("8bit" if has_8bit else "quoted-printable")
    assert mail.get_content() == "Привет,\r\nЮлия\r\n"


def test_without_a_name_the_address_stands_alone() -> None:
    mail = parsed(composed(replace(MESSAGE, full_name=None), name=None).content)

    assert mail["From"] == "news@shop.example"
    assert mail["To"] == "anna@example.com"


def test_a_server_without_8bitmime_gets_seven_bits_only() -> None:
    mail = composed()

    assert mail.needs_8bit
    assert not mail.content.isascii()
    assert mail.content_for(has_8bit=False).isascii()


HTML = replace(MESSAGE, html="<p>Привет,\n<b>Юлия</b></p>")


@pytest.mark.parametrize("has_8bit", [True, False])
def test_a_mail_with_html_says_the_same_twice_the_text_first(*, has_8bit: bool) -> None:
    content = composed(HTML).content_for(has_8bit=has_8bit)
    mail = parsed(content)

    assert has_8bit or content.isascii()
    assert mail.keys() == HEADERS
    assert mail.get_content_type() == "multipart/alternative"
    assert mail["Content-Transfer-Encoding"] == ("8bit" if has_8bit else "7bit")
    parts = [cast("EmailMessage", part) for part in mail.iter_parts()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part.get_content_charset() for part in parts] == ["utf-8", "utf-8"]
    texts = [part.get_content().replace("\r\n", "\n") for part in parts]
    assert texts == ["Привет,\nЮлия", "<p>Привет,\n<b>Юлия</b></p>"]


class Counted(str):
    """A text that counts how often it is encoded."""

    __slots__ = ("times",)
    times: int

    def encode(self, *args: Any) -> bytes:
        self.times = getattr(self, "times", 0) + 1
        return super().encode(*args)


def test_html_that_is_the_same_for_all_is_encoded_once() -> None:
    composer, html = Composer("news@shop.example", None, lambda: 0.0), Counted("<p>Hello</p>")

    mails = [
        composer.compose(replace(MESSAGE, text=text, html=html), "anna@example.com")
        for text in ("Anna", "Anna", "Юлия", "Anna")
    ]

    assert html.times == 1
    read = [[part.get_content() for part in parsed(each.content).iter_parts()] for each in mails]
    assert read == [[text, "<p>Hello</p>"] for text in ("Anna", "Anna", "Юлия", "Anna")]


def test_a_mail_with_html_is_the_same_at_each_attempt() -> None:
    assert composed(HTML).content == composed(HTML).content


def test_an_ascii_text_of_short_lines_goes_as_it_is() -> None:
    mail = composed(replace(MESSAGE, text="Good day"))

    assert not mail.needs_8bit
    assert parsed(mail.content)["Content-Transfer-Encoding"] == "7bit"


def test_lines_that_are_too_long_are_folded_and_read_back_whole() -> None:
    text = "я" * 5_000 + "\n.\n" + "x" * 5_000

    mail = parsed(composed(replace(MESSAGE, text=text)).content)

    assert mail.get_content() == text.replace("\n", "\r\n") + "\r\n"


TEXTS = (
    st.text(st.sampled_from('aЖ.=\r\n\t \0\x1b\x85\u2028"\\<>@:,;?_😀'), max_size=120) | st.text()
)


@given(text=TEXTS, subject=TEXTS, name=TEXTS, sender=TEXTS)
def test_no_data_becomes_a_header_or_ends_the_mail(
    text: str, subject: str, name: str, sender: str
) -> None:
    message = replace(MESSAGE, text=text, subject=subject, full_name=name)
    mail = composed(message, sender)

    for has_8bit in (True, False):
        content = mail.content_for(has_8bit=has_8bit)
        head, _, body = unstuffed(content).partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        names = [line.partition(b":")[0].decode() for line in lines if not line.startswith(b" ")]
        assert names == HEADERS
        assert head.isascii()
        assert all(len(line) <= 100 for line in lines)
        read = parsed(content)
        assert address_of(read, "To").addr_spec == "anna@example.com"
        assert address_of(read, "From").addr_spec == "news@shop.example"
        encoding = read["Content-Transfer-Encoding"]
        raw = cast("bytes", read.get_payload(decode=True)) if encoding[0] == "q" else body
        wanted = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
        assert raw.replace(b"\r\n", b"\n").removesuffix(b"\n").decode() == wanted


PARTS = st.lists(
    st.sampled_from(["\n", "--=_alternative", "=_alternative--", "--", ".", "x" * 999, "Ж", "="])
).map("".join)


@given(text=PARTS | TEXTS, html=PARTS | TEXTS)
def test_no_text_becomes_another_part(text: str, html: str) -> None:
    mail = composed(replace(MESSAGE, text=text, html=html))

    for has_8bit in (True, False):
        read = email.message_from_bytes(unstuffed(mail.content_for(has_8bit=has_8bit)))
        parts = cast("list[EmailMessage]", read.get_payload())
        kinds = [part.get_content_type() for part in parts]
        assert (kinds, read.defects) == (["text/plain", "text/html"], [])
        for part, source in zip(parts, (text, html), strict=True):
            raw = cast("bytes", part.get_payload(decode=True)).replace(b"\r\n", b"\n")
            wanted = source.replace("\r\n", "\n").replace("\r", "\n")
            assert raw.decode() == wanted


@given(name=st.text(st.sampled_from('ab"\\<>@,; Ж'), min_size=1, max_size=80))
@example(name=33 * ";" + "ЖЖЖЖ")
def test_a_name_is_read_back_as_it_was(name: str) -> None:
    content = unstuffed(composed(replace(MESSAGE, full_name=f"x{name}x")).content)

    # Not by the newer parser: it leaves the space between two encoded words of a name.
    written = email.message_from_bytes(content, policy=email.policy.compat32)["To"]
    read = str(make_header(decode_header(parseaddr(written)[0])))
    assert read.split() == f"x{name}x".split()


@given(subject=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=300))
def test_a_subject_is_read_back_as_it_was(subject: str) -> None:
    assert parsed(composed(replace(MESSAGE, subject=subject)).content)["Subject"] == subject


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "@example.com",
        "anna@",
        "anna@-example.com",
        "anna@example..com",
        "a b@example.com",
        "anna@example.com>",
        "<anna@example.com",
        "anna@example.com\r\nRCPT TO:<all@example.com>",
        "anna\r\n@example.com",
        "anna\0@example.com",
        '"anna kim"@example.com',
        "anna,bob@example.com",
        ".anna@example.com",
        "anna.@example.com",
        "an..na@example.com",
        "anna\ud800@example.com",
        "a" * 65 + "@example.com",
        "anna@" + "x" * 64 + ".com",
        "anna@" + "x." * 126 + "com",
    ],
)
def test_what_could_not_stand_in_a_command_is_no_address(address: str) -> None:
    with pytest.raises(AddressInvalid):
        normalized(address)


@given(address=st.text() | st.from_regex(r"[^@]{1,9}@[a-z]{1,9}\.com", fullmatch=True))
def test_an_address_is_refused_or_stands_in_a_command(address: str) -> None:
    try:
        found = normalized(address)
    except AddressInvalid:
        return
    assert not set(found) & set(b'\r\n\0 <>"\\')
    assert found.count(b"@") == 1


@pytest.mark.parametrize(
    ("address", "in_commands"),
    [
        ("anna+news@example.com", "anna+news@example.com"),
        ("o'neil_#!$%&*@sub.example.co.uk", "o'neil_#!$%&*@sub.example.co.uk"),
        ("anna@почта.рф", "anna@xn--80a1acny.xn--p1ai"),
        ("анна@example.com", "анна@example.com"),
    ],
)
def test_an_address_has_its_domain_in_ascii(address: str, in_commands: str) -> None:
    assert normalized(address) == in_commands.encode()
    assert composed(replace(MESSAGE, email=address)).needs_smtputf8 != in_commands.isascii()


def test_a_message_has_the_same_id_at_each_attempt_and_another_has_its_own() -> None:
    composer = Composer("news@shop.example", None, lambda: 0.0)
    other = replace(MESSAGE, message_id=b"b" * 43, subject="Other", text="Other")

    ids = [
        parsed(composer.compose(each, "anna@example.com").content)["Message-ID"]
        for each in (MESSAGE, other, MESSAGE)
    ]

    assert ids[0] == ids[2] != ids[1]
    again = composer.compose(MESSAGE, "anna@example.com")
    assert parsed(again.content)["Subject"] == "Новости"
    assert parsed(again.content).get_content() == "Привет,\r\nЮлия\r\n"


ALLOWED = Senders(b"news@shop.example", "Shop", {"Boss@Bank.example", "@books.example"})


@pytest.mark.parametrize(
    ("sender", "header"),
    [
        (None, '"Shop"\r\n <news@shop.example>'),
        ("news@shop.example", "<news@shop.example>"),
        ("Sale <NEWS@shop.example>", '"Sale"\r\n <NEWS@shop.example>'),
        (
            "Директор <boss@bank.example>",
            "=?utf-8?b?0JTQuNGA0LXQutGC0L7RgA==?=\r\n <boss@bank.example>",
        ),
        ("any@BOOKS.example", "<any@BOOKS.example>"),
    ],
)
def test_a_mail_is_from_whom_the_gateway_allows(sender: str | None, header: str) -> None:
    assert ALLOWED.header(sender) == f"From: {header}\r\n".encode()


@pytest.mark.parametrize(
    "sender",
    [
        "other@bank.example",
        "any@sub.books.example",
        "any@notbooks.example",
        "@books.example",
        "books.example",
        "",
        "Shop",
        "news@shop.example <other@bank.example>",
        "news@shop.example\r\nBcc: x@books.example",
    ],
)
def test_a_mail_is_from_nobody_else(sender: str) -> None:
    for _ in range(2):
        with pytest.raises(SenderNotAllowed):
            ALLOWED.header(sender)


@pytest.mark.parametrize("size", [1, 996, 997, 998, 2_000])
@pytest.mark.parametrize("before", ["", "\n", "x\n", "x" * 900 + "\n", ("y" * 60 + "\n") * 50])
@pytest.mark.parametrize("after", ["", "\n", "\nz"])
def test_a_line_is_quoted_if_it_could_become_too_long(size: int, before: str, after: str) -> None:
    mail = composed(replace(MESSAGE, text=f"{before}{'x' * size}{after}"))

    lines = mail.content.split(b"\r\n")
    assert (b"Content-Transfer-Encoding: quoted-printable" in lines) == (size > 997)
    assert max(map(len, lines)) <= 998


@pytest.mark.parametrize("letter", ["x", "é", "Ж", "漢", "😀"])
@pytest.mark.parametrize("size", range(60, 70))
def test_an_encoded_word_ends_between_letters(letter: str, size: int) -> None:
    text = f"=?{'x' * (size % 7)}{letter * size}"

    words = header_text(text).split(b"\r\n ")

    assert max(map(len, words)) <= 75
    assert "".join(b64decode(each[10:-2]).decode() for each in words) == text


def test_a_line_that_begins_with_a_dot_is_sent_with_two_wherever_it_stands() -> None:
    mail = composed(replace(MESSAGE, text=".a\r\n.\r.b\n..c\nd."))

    assert mail.content.endswith(b"\r\n\r\n..a\r\n..\r\n..b\r\n...c\r\nd.\r\n.\r\n")


def test_answers_go_where_the_gateway_says() -> None:
    reply_to = ("Помощь", "help@shop.example")
    composer = Composer("news@shop.example", None, lambda: 0.0, reply_to=reply_to)

    mail = parsed(composer.compose(MESSAGE, "anna@example.com").content)

    [address] = mail["Reply-To"].addresses
    assert (address.display_name, address.addr_spec) == reply_to
    assert composed(MESSAGE).content.count(b"Reply-To") == 0


def test_a_mail_that_names_an_address_beyond_ascii_goes_to_servers_that_know_such_only() -> None:
    reply_to = ("", "почта@shop.example")
    composer = Composer("news@shop.example", None, lambda: 0.0, reply_to=reply_to)

    assert composer.compose(MESSAGE, "anna@example.com").needs_smtputf8
