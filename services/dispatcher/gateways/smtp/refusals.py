"""Refusals of a mail server: of whom a 5xx speaks, in one table. Pure.

The first row that fits holds. Before a recipient is named, nothing can speak of one.
"""

import re
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from services.dispatcher.domain.outcome import Finding
from services.dispatcher.gateways.smtp.answer import Stage
from services.dispatcher.gateways.smtp.reply import Reply

_ALL = frozenset(Stage)
_OF_RECIPIENT = frozenset({Stage.RECIPIENT, Stage.CONTENT})
SEVERAL = 3  # domains in a row


class Row(NamedTuple):
    """What a refusal that has one of these codes, or says one of these things, speaks of."""

    of: str
    finding: Finding
    codes: AbstractSet[int] = frozenset()
    enhanced: re.Pattern[bytes] | None = None  # where the text begins. Source: RFC 3463 §3
    words: re.Pattern[bytes] | None = None  # anywhere in it
    stages: AbstractSet[Stage] = _ALL

    def fits(self, stage: Stage, reply: Reply) -> bool:
        """Return whether this row holds, if none before it does."""
        if stage not in self.stages:
            return False
        is_any = not (self.codes or self.enhanced or self.words)
        return (
            is_any
            or reply.code in self.codes
            or (self.enhanced is not None and self.enhanced.match(reply.text) is not None)
            or (self.words is not None and self.words.search(reply.text) is not None)
        )


def _enhanced(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"5\.(?:%b)(?!\d)" % pattern)


_RELAY = re.compile(rb"\brelay", re.IGNORECASE)  # as older servers say it, without a code
_RATE = re.compile(
    rb"\brate.?limit|\bthrottl|too many (?:messages|mails|connections|recipients)"
    rb"|(?:hourly|daily|sending) (?:user )?(?:sending )?(?:limit|quota|rate)",
    re.IGNORECASE,
)

POLICY, RECIPIENT, ANY = "policy", "the recipient", "the recipient or the content"
TABLE = (
    Row("our login", Finding.DENIED, codes={530, 534, 535, 538}),  # Source: RFC 4954 §6
    Row(
        "the mail's size",
        Finding.REFUSED,
        codes={552},
        enhanced=_enhanced(rb"3\.4"),
        stages={Stage.SENDER},
    ),
    Row("our right to relay", Finding.DENIED, words=_RELAY),
    Row("our address", Finding.DENIED, enhanced=_enhanced(rb"1\.[78]")),
    Row(
        RECIPIENT,
        Finding.REFUSED,
        enhanced=_enhanced(rb"[12]\.\d{1,3}"),
        stages=_OF_RECIPIENT,
    ),
    Row("our rate", Finding.DENIED, words=_RATE),
    Row(
        "our commands",  # Source: RFC 5321 §4.2.3
        Finding.UNABLE,
        codes={500, 502, 503, 504},
        enhanced=_enhanced(rb"5\.\d{1,3}"),
    ),
    Row("the server's state", Finding.UNABLE, enhanced=_enhanced(rb"3\.[0-3]")),
    # Whose policy it is, the recipient's or one against us, a row of domains tells: `Policy`.
    Row(POLICY, Finding.REFUSED, enhanced=_enhanced(rb"7\.\d{1,3}"), stages=_OF_RECIPIENT),
    Row("a policy against us", Finding.DENIED, enhanced=_enhanced(rb"7\.\d{1,3}")),
    Row(ANY, Finding.REFUSED, stages=_OF_RECIPIENT),
    Row("nobody in particular", Finding.UNABLE),
)


def row_of(stage: Stage, reply: Reply) -> Row:
    """Return of whom a 5xx speaks."""
    return next(row for row in TABLE if row.fits(stage, reply))


def is_of_recipient(stage: Stage, reply: Reply) -> bool:
    """Return whether a 5xx says that the address takes no mails, whoever sends them.

    Without a code of its own only before the content: later it may speak of that.
    """
    of = row_of(stage, reply).of
    return of == RECIPIENT or (of == ANY and stage is Stage.RECIPIENT)


class Policy:
    """Which recipients' domains have refused by policy (5.7.x) in a row.

    One of them speaks for itself; several in a row mean us.
    """

    def __init__(self) -> None:
        self._domains: set[bytes] = set()

    def is_against_us(self, domain: bytes) -> bool:
        """Add one more refusal; return whether it is one of several domains in a row."""
        if len(self._domains) < SEVERAL:
            self._domains.add(domain)
        return len(self._domains) == SEVERAL

    def end(self) -> None:
        """End the row: a recipient was judged otherwise."""
        self._domains.clear()
