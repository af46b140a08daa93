"""Answers made legible: what is kept of whatever a gateway has said."""

_LENGTH = 500  # characters kept of an answer
_LONGEST_CHARACTER = 4  # bytes in UTF-8

# Control characters, C1 among them: PostgreSQL refuses NUL, people's terminals obey the others.
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], "\N{REPLACEMENT CHARACTER}")
_LEGIBLE = _CONTROLS | dict.fromkeys(map(ord, "\t\n\r"), " ")


def legible(raw: bytes) -> str:
    """Return the first characters as one line of text that PostgreSQL takes."""
    text = raw[: _LENGTH * _LONGEST_CHARACTER].decode("utf-8", "replace")[:_LENGTH]
    return text if text.isprintable() else text.translate(_LEGIBLE)
