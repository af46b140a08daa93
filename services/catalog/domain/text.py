"""Text that people write: which characters a name, a tag or a message may have.

Text is shown in terminals, put into heads of messages and looked for by people: what a terminal
obeys, what begins a new line in a head, and what cannot be seen at all has no place in it.
"""

import re
import unicodedata

from shared.errors import FieldError

# All that Unicode calls a control character, and what separates lines or paragraphs.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The same in a text of several lines, where lines and tabs are meant.
CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
LINE_BREAK = re.compile(r"[\n\r\x0b\x0c\x85\u2028\u2029]")
# Letters and symbols by Unicode that show nothing.
INVISIBLE = "\u115f\u1160\u2800\u3164\uffa0"

UNSEEN = f" {INVISIBLE}"

NO_BLANKS = "it consists of blanks only"
NO_LINE_BREAK = "no line breaks"
NO_CONTROL = "no control characters"


def is_blank(text: str) -> bool:
    """Return whether there is nothing to be seen: blanks, or characters that show nothing."""
    rest = text.strip(UNSEEN)
    if rest.isprintable():  # all but controls, formats and blanks other than the usual one
        return not rest
    return all(unicodedata.category(each)[0] in "ZC" or each in INVISIBLE for each in rest)


def is_plain(text: str) -> bool:
    """Return whether it begins with what is seen and has no control characters, as most have."""
    return text.isprintable() and text[:1] not in UNSEEN


def is_one_line(text: str) -> bool:
    """Return whether it is a line without control characters, in which something is to be seen."""
    return is_plain(text) or not (CONTROL.search(text) or is_blank(text))


def mistake(pointer: str, text: str, *, has_lines: bool = False) -> FieldError | None:
    """Return what is wrong with a text, which may have several lines if `has_lines`."""
    if is_plain(text):
        return None
    control = (CONTROL_IN_LINES if has_lines else CONTROL).search(text)
    if control is not None and LINE_BREAK.fullmatch(control[0]):
        return FieldError(pointer, "line_break", NO_LINE_BREAK)
    if control is not None:
        return FieldError(pointer, "control_character", NO_CONTROL)
    if is_blank(text):
        return FieldError(pointer, "blank", NO_BLANKS)
    return None
