"""What a mail server offers: its answer to EHLO."""

import re

import msgspec

from services.dispatcher.gateways.smtp.reply import Reply

_SIZE = re.compile("[0-9]{1,20}")  # RFC 1870 §3


class Features(msgspec.Struct, frozen=True, gc=False):
    """What the server offers of what we use, by its answer to EHLO."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    has_size: bool = False
    size: int = 0  # bytes of a mail at most; 0: it does not say
    starttls: bool = False
    logins: frozenset[str] = frozenset()


def read_features(reply: Reply) -> Features:
    """Return what an answer to EHLO offers; what cannot be read is not offered."""
    offered: dict[str, list[str]] = {}
    for line in reply.lines[1:]:
        keyword, *parameters = line.decode("ascii", "replace").replace(
            "=", " "
        ).upper().split() or [""]
        offered.setdefault(keyword, []).extend(parameters)
    size = "".join(offered.get("SIZE", ())[:1])
    return Features(
        pipelining="PIPELINING" in offered,
        eight_bit="8BITMIME" in offered,
        smtputf8="SMTPUTF8" in offered and "8BITMIME" in offered,
        has_size="SIZE" in offered,
        size=int(size) if _SIZE.fullmatch(size) else 0,
        starttls="STARTTLS" in offered,
        logins=frozenset(offered.get("AUTH", ())),
    )
