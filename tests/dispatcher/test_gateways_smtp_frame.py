"""What neighboring texts share is encoded once, and each mail is as if it were the only one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.gateways.smtp.frame import Framer
from services.dispatcher.gateways.smtp.mail import Composer

MESSAGE = OutgoingMessage(b"m" * 43, None, "anna@example.com", "News", "", b"")
LONG = "a line of some length, which is the same for all\n" * 8


def contents(texts: list[str], html: list[str] | None = None) -> list[bytes]:
    """Return the mails of one composer, one after the other."""
    composer = Composer("news@shop.example", None, lambda: 0.0)
    return [
        composer.compose(
            replace(MESSAGE, text=text, html=html[place] if html else None), "anna@example.com"
        ).content
        for place, text in enumerate(texts)
    ]


PIECES = st.sampled_from(
    [
        *("", "\n", "\r\n", "\r", ".", "..", "x", "Ж", "Anna", "\n.", ".\n", "\n\n", "\0"),
        *(LONG, "." + LONG, "Ж" + LONG, "x" * 990, "x" * 999, "--=_alternative", "\n--=_alt"),
    ]
)
TEXTS = st.lists(st.lists(PIECES, max_size=6).map("".join), min_size=1, max_size=8)


@given(TEXTS)
@example([LONG, LONG + "x", LONG])
@example([LONG + "a\n" + LONG, LONG + "b\n" + LONG, LONG + LONG, LONG, LONG + ".\n" + LONG])
@example([f"{LONG}{name}\n{LONG}" for name in ("a", "b", ".", "\r", "x" * 999, "--=_alternative")])
@example([f"{LONG}{name}\n.{LONG}" for name in ("a", "b", "", "\n")])
@example([f"{name}\n{LONG}" for name in ("a", "b", "", "c")] + [LONG, "\n" + LONG])
def test_a_mail_is_the_same_whatever_was_sent_before_it(texts: list[str]) -> None:
    alone = [content for text in texts for content in contents([text])]

    assert contents(texts) == alone
    assert contents(texts, texts[::-1]) == [
        content
        for text, html in zip(texts, reversed(texts), strict=True)
        for content in contents([text], [html])
    ]


class Counted(str):
    """A text that counts how much of it is encoded."""

    __slots__ = ()
    characters: list[int] = []  # noqa: RUF012 - of all of them

    def __getitem__(self, key: object) -> "Counted":
        return Counted(super().__getitem__(key))  # type: ignore[index]

    def encode(self, *args: str) -> bytes:
        self.characters.append(len(self))
        return super().encode(*args)


@pytest.mark.parametrize("end", ["", LONG, "\nP.S. Anna"])
def test_from_the_third_mail_of_a_run_on_only_the_lines_with_values_are_encoded(end: str) -> None:
    framer = Framer()
    texts = [Counted(f"Hello {n},\n{LONG}{'x' * n}\n{LONG}{end}") for n in range(100, 120)]
    framer.lines_of(texts[0])
    framer.lines_of(texts[1])
    Counted.characters.clear()

    for text in texts[2:]:
        framer.lines_of(text)

    assert sum(Counted.characters) < sum(map(len, texts[2:])) / 1.3


def test_where_runs_take_turns_it_is_not_tried_again_and_again() -> None:
    framer = Framer()
    one, other = "one " * 200, "other " * 200

    for n in range(500):
        framer.lines_of(f"{one}{n}")
        framer.lines_of(f"{other}{n}")

    assert framer._pause > 100  # noqa: SLF001 - the measure of how seldom
