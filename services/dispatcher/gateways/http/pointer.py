"""JSON pointers: where a value stands in an answer. Source: RFC 6901. Pure."""

import re
from typing import Any, TypeAlias

Pointer: TypeAlias = tuple[str, ...]  # its tokens, unescaped

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


class _Missing:
    """What is found where nothing is: equal to no value of JSON."""


MISSING = _Missing()


def parse_pointer(text: str) -> Pointer:
    """Take a pointer apart.

    Raises:
        ValueError: It is none.
    """
    if text and not text.startswith("/"):
        raise ValueError("a JSON pointer is empty or starts with /, as in /message/id")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def at(document: Any, pointer: Pointer) -> Any:  # noqa: ANN401 - whatever stands there
    """Return what stands there; `MISSING` if nothing does. Never raises."""
    for token in pointer:
        if isinstance(document, dict):
            document = document.get(token, MISSING)
        elif isinstance(document, list) and _is_index(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return MISSING
    return document


def _is_index(token: str) -> bool:
    return _INDEX.fullmatch(token) is not None
