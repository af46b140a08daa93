"""An SMS: how many segments a text takes, each of which is paid for.

Source: 3GPP TS 23.038 §6.2, the alphabet; TS 23.040 §9.2.3.24, what joins segments takes 6 bytes.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")  # two septets each
BEYOND_16_BITS = 0x10000


class Alphabet(StrEnum):
    """How the characters of an SMS are written."""

    GSM_7 = "gsm7"
    UCS_2 = "ucs2"


# What a lone segment takes, and each of several: septets, or units of 16 bits.
SIZES = {Alphabet.GSM_7: (160, 153), Alphabet.UCS_2: (70, 67)}


class Sms(NamedTuple):
    """What a text is as an SMS."""

    characters: int
    alphabet: Alphabet
    segments: int


def sms_of(text: str) -> Sms:
    """Return what a text is as an SMS."""
    if set(text) <= BASIC | EXTENSION:
        alphabet, sizes = Alphabet.GSM_7, [1 + (each in EXTENSION) for each in text]
    else:
        alphabet, sizes = Alphabet.UCS_2, [1 + (ord(each) >= BEYOND_16_BITS) for each in text]
    alone, joined = SIZES[alphabet]
    segments = 1 if sum(sizes) <= alone else _segments(sizes, joined)
    return Sms(len(text), alphabet, segments)


def _segments(sizes: Iterable[int], room: int) -> int:
    """Return how many segments characters fill: none is cut in two."""
    segments, left = 1, room
    for size in sizes:
        if size > left:
            segments, left = segments + 1, room
        left -= size
    return segments
