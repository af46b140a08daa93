"""Unsubscribe links: what is in one, who can make one, and how long it works."""

from urllib.parse import urlsplit
from uuid import UUID

import pytest

from shared.unsubscribe import PATH, Links, base_address

CLIENT = UUID("01948a2c-0001-7000-8000-000000000001")
OLD, NEW = b"o" * 32, b"n" * 32
LINKS = Links("https://mail.shop.example", (NEW, OLD))


def token(links: Links, topic: str | None = None) -> str:
    return links.of_topic(topic)(CLIENT).removeprefix(f"{links.base}{PATH}")


@pytest.mark.parametrize("topic", [None, "news", "spring.2026_a-b"])
def test_a_link_names_its_client_and_its_topic(topic: str | None) -> None:
    link = LINKS.of_topic(topic)(CLIENT)

    assert urlsplit(link).geturl() == link
    assert LINKS.read(token(LINKS, topic)) == (CLIENT, topic)


def test_a_link_works_as_long_as_its_key_is_known() -> None:
    made_before = token(Links(LINKS.base, (OLD,)))

    assert LINKS.read(made_before) == (CLIENT, None)
    assert Links(LINKS.base, (NEW,)).read(made_before) is None
    assert Links(LINKS.base, (NEW,)).read(token(LINKS)) == (CLIENT, None), "the newest signs"


def test_nothing_that_is_changed_is_taken() -> None:
    own = token(LINKS, "news")

    changed = [
        own[:at] + ("A" if own[at] != "A" else "B") + own[at + 1 :] for at in range(len(own))
    ]
    others = [
        own.removesuffix(".news"),
        f"{own}.",
        f"{own}s",
        f" {own}",
        own[1:],
        "",
        ".",
        "é" * 43,
    ]
    assert [each for each in (*changed, *others) if LINKS.read(each)] == []


@pytest.mark.parametrize(
    "url",
    [
        "mail.shop.example",
        "ftp://shop.example",
        "https://",
        "https://shop.example/?a=b",
        "https://shop.example/#a",
        "https://user:word@shop.example",
        "https://shop.example/a b",
        "https://пример.рф",
        f"https://shop.example/{'a' * 200}",
    ],
)
def test_what_is_no_base_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|longer"):
        base_address(url)


def test_a_base_address_may_have_a_path() -> None:
    assert base_address("https://shop.example/mail/") == "https://shop.example/mail"
