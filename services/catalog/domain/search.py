# ruff: noqa: RUF001 - letters of Russian
"""The words by which clients are found, and what a person who looks for one has typed.

A word is found by its beginning: each of a name, an e-mail, its domain, a phone, and a phone read
from its end. Tags and codes are words too, found whole, so that one index answers for all of them.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

WORD = re.compile(r"\w+")
PHONE = re.compile(r"[\d\s()+.-]+", re.ASCII)
DIGITS = re.compile(r"\D", re.ASCII)
FROM_THE_END = "~"  # before the digits of a phone in the other order
END_DIGITS = 4  # at least, of the end of a phone
LONGEST = 10  # digits of a phone without its country
TERMS = 10  # of what is typed, at most
AROUND = "@.,;:!?\"'()<>"  # a word that is typed
# Clients of a segment: so many are collected and sorted in some milliseconds, and of 1,000,000
# clients there are so few segments that it takes a few to find that none of them has a word.
SEGMENT = 10_000


def plain(text: str) -> str:
    """Return a text as it is compared."""
    return text.casefold().replace("ё", "е")


def words_of(full_name: str | None, email: str | None, phone: str | None) -> list[str]:
    """Return the words by whose beginning a client is found."""
    words = WORD.findall(plain(full_name)) if full_name else []
    if email:
        address = plain(email)
        words += [address, address.rpartition("@")[2]]
    if phone:
        words += [phone, FROM_THE_END + phone[::-1]]
    return list(dict.fromkeys(words))


def marks_of(tags: Iterable[str], operator_code: str | None) -> list[str]:
    """Return the words that stand for tags and a code; no other word has a colon."""
    marks = [f"tag:{tag}" for tag in tags]
    return [*marks, f"code:{operator_code}"] if operator_code else marks


def query_of(typed: str | None, marks: Sequence[str] = (), within: str = "") -> str | None:
    """Return what was typed as a query of PostgreSQL's; None if there is nothing to look for.

    `within` stands before each word, as `segment_prefix` returns it.

    Source: the input syntax of `tsquery`.
    """
    return _all(marks, [term.query for term in _terms(typed, within)], within)


def gate_of(typed: str | None, marks: Sequence[str] = (), within: str = "") -> str | None:
    """Return the part of a query that is found quickly; None: all of it is, or nothing.

    Nearly every phone begins with the same digits. To find who has such a beginning, the index
    is read phone by phone: that is only worth it where somebody has all the rest.
    """
    terms = _terms(typed, within)
    quick = [term.query for term in terms if not term.is_of_many]
    return None if len(quick) == len(terms) else _all(marks, quick, within)


class _Term(NamedTuple):
    """What is asked of one word, and whether very many different words may answer to it."""

    query: str
    is_of_many: bool


def _terms(typed: str | None, within: str) -> list[_Term]:
    text = plain(typed or "").strip()
    digits = DIGITS.sub("", text)
    if PHONE.fullmatch(text) and len(digits) >= END_DIGITS:
        return [_Term(_any(_phone_words(digits), within), is_of_many=False)]
    words = [each.strip(AROUND) for each in text.split()[:TERMS]]
    return [
        _Term(query, is_of_many=word.isdecimal() and len(word) < END_DIGITS)
        for word in words
        if (query := _term(word, within))
    ]


def _all(marks: Sequence[str], terms: Sequence[str], within: str) -> str | None:
    return " & ".join([*(_quoted(within + mark) for mark in marks), *terms]) or None


def segment_prefix(segment: int) -> str:
    """Return what stands before the words of a segment, as `words_in_segment` writes them."""
    return f"{segment}:"


def next_segments(last: int, size: int, count: int) -> list[int]:
    """Return the segments of `count` new clients: the last one, and new ones when it is full."""
    return [last + (size + number) // SEGMENT for number in range(count)]


def _phone_words(digits: str) -> list[str]:
    """Return how a phone may begin or end that is typed with its country, or without."""
    begins = [digits]
    if digits.startswith("8"):
        begins.append(f"7{digits[1:]}")
    if len(digits) <= LONGEST:
        begins.append(f"7{digits}")
    return [*begins, FROM_THE_END + digits[::-1]]


def _term(whole: str, within: str) -> str | None:
    """Return one word that was typed: as it stands, or as the words that are in it."""
    if whole.isdecimal():
        return _any([whole, f"7{whole}"], within)
    parts = WORD.findall(whole)
    if not parts:
        return None
    if parts == [whole]:
        return _begins(within + whole)
    in_it = " & ".join(_begins(within + part) for part in parts)
    return f"({_begins(within + whole)} | ({in_it}))"


def _any(words: Sequence[str], within: str) -> str:
    return f"({' | '.join(_begins(within + word) for word in words)})"


def _begins(word: str) -> str:
    return f"{_quoted(word)}:*"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
