"""Text that people write, in every field that holds one."""

from datetime import timedelta
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain import plan as plans
from services.catalog.domain.plan import MailingInvalid, Plan
from services.catalog.domain.profile import ClientInvalid, Profile, checked
from services.catalog.domain.text import is_blank, is_one_line, mistake
from shared.contracts.catalog import Filter
from shared.event import Instant

PHONE = {"phone": "79161234567"}
GOOD = [
    "Anna",
    "Анна-Мария",
    "O'Neil",
    "李小龍",
    "\U0001f469\u200d\U0001f467 family",
    "a\u00a0b",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u200f\u05e9\u05dc\u05d5\u05dd",
    "1",
]
BLANK = [
    " ",
    "   ",
    "\u00a0",
    "\u200b",
    "\u200b \u2060",
    "\u3164",
    "\u2800\u2800",
    "\ufeff",
    "\u00ad",
    "\u202e",
]
CONTROLS = ["a\0", "\x1b[31mred", "a\x07", "a\x7f", "a\x9b31m", "\x08", "a\x0e"]
LINES = ["a\nb", "a\r\nBcc: b@example.com", "a\rb", "a\x0bb", "a\x0cb", "a\x85b", "a\u2028b", "\n"]
TABS = ["a\tb"]


def plan(now: Instant, **fields: Any) -> Plan:
    known: dict[str, Any] = {
        "name": "spring",
        "body": "Hello",
        "subject": None,
        "filter": Filter(),
        "starts_at": now,
        "ends_at": now + timedelta(hours=1),
        "gateway": "http",
    }
    return Plan(**{**known, **fields})


def of_client(text: str, name: str) -> list[tuple[str, str]]:
    value: object = (text,) if name == "tags" else text
    try:
        checked(PHONE | {name: value})
    except ClientInvalid as refusal:
        return [(each.pointer, each.code) for each in refusal.field_errors]
    return []


def of_mailing(now: Instant, text: str, name: str) -> list[tuple[str, str]]:
    fields: dict[str, Any] = {"filter": Filter(tags=(text,))} if name == "tags" else {name: text}
    try:
        plans.check(plan(now, **fields), now)
    except MailingInvalid as refusal:
        return [(each.pointer, each.code) for each in refusal.field_errors]
    return []


@pytest.mark.parametrize("text", GOOD)
def test_what_people_write_is_taken_everywhere(now: Instant, text: str) -> None:
    for name in ("full_name", "comment", "tags"):
        assert of_client(text, name) == []
    for name in ("name", "subject", "body", "tags"):
        assert of_mailing(now, text, name) == []


@pytest.mark.parametrize("text", BLANK)
def test_what_shows_nothing_is_refused_everywhere(now: Instant, text: str) -> None:
    for name in ("full_name", "comment"):
        assert of_client(text, name) == [(f"/{name}", "blank")]
    for name in ("name", "subject", "body"):
        assert of_mailing(now, text, name) == [(f"/{name}", "blank")]
    assert of_client(text, "tags") == [("/tags", "tags")]
    assert of_mailing(now, text, "tags") == [("/filter/tags/0", "tags")]


@pytest.mark.parametrize("text", CONTROLS)
def test_what_a_terminal_obeys_is_refused_everywhere(now: Instant, text: str) -> None:
    for name in ("full_name", "comment"):
        assert of_client(text, name) == [(f"/{name}", "control_character")]
    for name in ("name", "subject", "body"):
        assert of_mailing(now, text, name) == [(f"/{name}", "control_character")]
    assert of_client(text, "tags") == [("/tags", "tags")]
    assert of_mailing(now, text, "tags") == [("/filter/tags/0", "tags")]


@pytest.mark.parametrize("text", LINES)
def test_a_line_break_is_refused_where_there_is_one_line(now: Instant, text: str) -> None:
    assert of_client(text, "full_name") == [("/full_name", "line_break")]
    for name in ("name", "subject"):
        assert of_mailing(now, text, name) == [(f"/{name}", "line_break")]
    assert of_client(text, "tags") == [("/tags", "tags")]


@pytest.mark.parametrize("text", [*TABS, "a\nb", "a\r\nb", "a\u2028b", "\n\na"])
def test_lines_are_taken_where_several_are_meant(now: Instant, text: str) -> None:
    assert of_client(text, "comment") == []
    assert of_mailing(now, text, "body") == []


@given(st.text(min_size=1, max_size=20))
def test_a_line_that_is_taken_can_be_seen_and_has_no_controls(text: str) -> None:
    is_taken = mistake("/name", text) is None

    assert is_taken == is_one_line(text)
    if is_taken:
        assert not {category(each) for each in text} & {"Cc", "Zl", "Zp"}
        assert text.strip()
        assert not is_blank(text)


@given(st.text(alphabet="ab\n\t\r \x1b\0\u2028\x0b", min_size=1, max_size=20))
def test_what_is_taken_as_a_line_is_taken_as_lines(text: str) -> None:
    if mistake("/name", text) is None:
        assert mistake("/name", text, has_lines=True) is None


# E-mail addresses and time zones


@pytest.mark.parametrize(
    "email",
    [
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@[IPv6:::1]",
        "a@1.2",
        "a@localhost",
        "a@-b.com",
        "a@b-.com",
        "a@b..com",
        "a@.com",
        "a@b.com.",
        "a@b_.com",
        "a@b.com>",
        "<a@b.com",
        "a,b@c.com",
        "a;b@c.com",
        '"a b"@c.com',
        '"a"@c.com',
        "a\\@b@c.com",
        "a(b)@c.com",
        "a:b@c.com",
        "a@b@c.com",
        "a@b.com\n",
        "a\x1b@b.com",
        "a\x85@b.com",
        "a@b\x9f.com",
        "a@b.c om",
        "a@\u200bb.com",
        f"a@{'b' * 64}.com",
        f"{'a' * 65}@b.com",
        "@b.com",
        "a@",
        "",
    ],
)
def test_what_is_no_address_of_a_person_is_refused(email: str) -> None:
    assert ("/email", "email") in of_client(email, "email")


@pytest.mark.parametrize(
    "email",
    [
        "a@b.com",
        "anna.maria+news@mail.example.com",
        "o'neil@example.com",
        "a..b@example.com",
        "анна@пример.рф",
        "a@xn--e1afmkfd.xn--p1ai",
        "a@1und1.de",
        "a@b-c.com",
        "a@163.com",
        f"a@{'b' * 63}.com",
        "_@b.co",
    ],
)
def test_an_address_of_a_person_is_taken(email: str) -> None:
    assert of_client(email, "email") == []


@pytest.mark.parametrize(
    "zone",
    [
        "localtime",
        "Factory",
        "posixrules",
        "posix/Europe/Moscow",
        "right/Europe/Moscow",
        "Europe/moscow",
        "Moscow",
        "+03:00",
        "../etc/passwd",
        "tzdata.zi",
        "",
    ],
)
def test_what_is_no_zone_of_iana_is_refused(zone: str) -> None:
    assert of_client(zone, "time_zone") == [("/time_zone", "time_zone")]


@pytest.mark.parametrize("zone", ["Europe/Moscow", "UTC", "Etc/GMT+3", "America/Indiana/Knox"])
def test_a_zone_of_iana_is_taken(zone: str) -> None:
    assert of_client(zone, "time_zone") == []


# What was taken by earlier rules


def test_what_a_client_had_before_does_not_block_other_changes() -> None:
    old = Profile(
        phone="79161234567",
        operator_code="916",
        tags=(" ",),
        time_zone="localtime",
        email="a@[127.0.0.1]",
        full_name="\x1b[31m",
        comment=" ",
    )

    assert checked({"phone": "79161234568"}, old).full_name == "\x1b[31m"
    for name, value in {"full_name": " ", "time_zone": "Factory", "email": "a@[::1]"}.items():
        with pytest.raises(ClientInvalid) as refusal:
            checked({name: value}, old)
        assert [each.pointer for each in refusal.value.field_errors] == [f"/{name}"]


def test_what_a_mailing_had_before_does_not_block_other_changes(now: Instant) -> None:
    old = plan(now, name=" ", subject="a\nb")
    later = now + timedelta(hours=2)

    plans.check(plan(now, name=" ", subject="a\nb", ends_at=later), now, old)
    with pytest.raises(MailingInvalid):
        plans.check(plan(now, name="  ", subject="a\nb"), now, old)
