"""Erasing: what gateways said of a message goes, and that they said it stays."""

from typing import NamedTuple

ERASED = "(erased)"  # in place of an answer
BETWEEN = "\x1f"  # the texts of a block's messages, as `handlers.packing` has them


class Texts(NamedTuple):
    """The texts of a block, whose columns have one for each message."""

    gateway_ids: str | None  # none: no attempt has one
    answer: str  # the usual one
    answers: str | None  # those that differ, else empty; none: none does


def without(texts: Texts, place: int, size: int) -> Texts:
    """Return the texts of a block of `size` messages without those of one, at `place` from 1."""
    own_ids = texts.gateway_ids
    if own_ids is not None:
        own_ids = _replaced(own_ids.split(BETWEEN), place, "")
    answers = [""] * size if texts.answers is None else texts.answers.split(BETWEEN)
    others = answers[: place - 1] + answers[place:]
    is_shared = not all(others)  # the usual answer is that of another message as well
    answer = texts.answer if is_shared else ERASED
    return Texts(own_ids, answer, _replaced(answers, place, ERASED))


def _replaced(texts: list[str], place: int, text: str) -> str:
    return BETWEEN.join([*texts[: place - 1], text, *texts[place:]])
