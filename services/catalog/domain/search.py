# ruff: noqa: RUF001 - letters of Russian
"""The words by which clients are found, and what a person who looks for one has typed.

A word is found by its beginning: each of a name, an e-mail, its domain, a phone, and a phone read
from its end. Tags and codes are words too, found whole, so that one index answers for all of them.
"""

import re
from collections.abc import Iterable, Sequence

WORD = re.compile(r"\w+")
PHONE = re.compile(r"[\d\s()+.-]+", re.ASCII)
DIGITS = re.compile(r"\D", re.ASCII)
FROM_THE_END = "~"  # before the digits of a phone in the other order
END_DIGITS = 4  # at least, of the end of a phone
LONGEST = 10  # digits of a phone without its country
TERMS = 10  # of what is typed, at most


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


def query_of(typed: str | None, marks: Sequence[str] = ()) -> str | None:
    """Return what was typed as a query of PostgreSQL's; None if there is nothing to look for.

    Source: the input syntax of `tsquery`.
    """
    terms = [_quoted(mark) for mark in marks]
    text = plain(typed or "").strip()
    digits = DIGITS.sub("", text)
    if PHONE.fullmatch(text) and len(digits) >= END_DIGITS:
        terms.append(_any(_phone_words(digits)))
    else:
        terms += [term for each in text.split()[:TERMS] if (term := _term(each))]
    return " & ".join(terms) or None


def _phone_words(digits: str) -> list[str]:
    """Return how a phone may begin or end that is typed with its country, or without."""
    begins = [digits]
    if digits.startswith("8"):
        begins.append(f"7{digits[1:]}")
    if len(digits) <= LONGEST:
        begins.append(f"7{digits}")
    return [*begins, FROM_THE_END + digits[::-1]]


def _term(typed: str) -> str | None:
    """Return one word that was typed: as it stands, or as the words that are in it."""
    whole = typed.strip("@.,;:!?\"'()<>")
    if whole.isdecimal():
        return _any([whole, f"7{whole}"])
    parts = WORD.findall(whole)
    if not parts:
        return None
    if parts == [whole]:
        return _begins(whole)
    return f"({_begins(whole)} | ({' & '.join(map(_begins, parts))}))"


def _any(words: Sequence[str]) -> str:
    return f"({' | '.join(map(_begins, words))})"


def _begins(word: str) -> str:
    return f"{_quoted(word)}:*"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
