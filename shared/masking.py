"""The masking: what of an error's text may stand in a log, where nobody may be found by phone.

Libraries repeat the values that they refuse: PostgreSQL in a line that begins with DETAIL, most
others in quotes. Names of tables, columns and constraints stay legible.
"""

import re
from typing import Any

MASK = "…"
BEARER = re.compile(r"(?i)\b(bearer\s+)\S+")  # a token, as headers have it
ADDRESS = re.compile(r"\S+@\S+")
PHONE = re.compile(r"\+?\d[\d\s().-]{5,}\d")  # however it is written
QUOTED = re.compile(r"""(["'])([^\n]*?)\1""")
NAME = re.compile(r"[a-z]+(_[a-z0-9]+)+|")  # of ours, or nothing
# Lines that repeat rows or statements. Source: the fields of PostgreSQL's error messages.
OF_ROWS = re.compile(r"[\s|]*(DETAIL|CONTEXT|QUERY|STATEMENT|\[SQL|\[parameters)")
# In a traceback, or in that of a group's error, which begins with a bar.
PLACE_OR_CODE = re.compile(r"(\s*\| )?( {2}File \"| {4})(?!\s*\|)")
LIMIT = 500  # characters


# A name as programs have them, that can hold neither an address nor a phone nor a full name.
IDENTIFIER = re.compile(r"(?!.*\d{5})[A-Za-z_][A-Za-z0-9_-]{0,39}", re.ASCII)


def given_name(text: str) -> str:
    """Return a name that a caller gave to a field, or a mask if it may be what stands in one."""
    return f"'{text}'" if IDENTIFIER.fullmatch(text) else f"'{MASK}'"


# What a path may have: words, our identifiers. Source: RFC 9562 §4; `shared.ids.message_id`.
SEGMENT = re.compile(
    r"[a-z_.-]*|v[0-9]|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9_-]{43}", re.ASCII
)


def masked_path(path: str) -> str:
    """Return the path of a request without what is neither a word nor an identifier of ours."""
    return "/".join(each if SEGMENT.fullmatch(each) else MASK for each in path.split("/"))


def masked(text: str) -> str:
    """Return `text` without what may be the value of a row."""
    kept = "\n".join(line for line in text.splitlines() if not OF_ROWS.match(line))
    plain = BEARER.sub(rf"\1{MASK}", kept)
    return QUOTED.sub(_unless_name, PHONE.sub(MASK, ADDRESS.sub(MASK, plain)))[:LIMIT]


def _unless_name(quoted: re.Match[str]) -> str:
    mark, text = quoted.groups()
    return quoted[0] if NAME.fullmatch(text) else f"{mark}{MASK}{mark}"


def masked_traceback(text: str) -> str:
    """Return a traceback whose errors are masked; places and lines of code stay."""
    return "\n".join(
        line if PLACE_OR_CODE.match(line) else masked(line) for line in text.splitlines()
    )


def mask_stacks(stacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mask errors that structlog has described, and those that they are groups of; return them."""
    for stack in stacks:
        stack["exc_value"] = masked(stack["exc_value"])
        stack["exc_notes"] = [masked(each) for each in stack["exc_notes"]]
        for inner in stack["exceptions"]:
            mask_stacks(inner)
    return stacks
