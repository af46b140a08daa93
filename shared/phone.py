"""Phones as people write them: `+7 (912) 345-67-89`, `8912…` and `912…` are all `7912…`."""

import re
from typing import TypeGuard

PHONE = re.compile(r"7\d{10}", re.ASCII)
LONGEST = 40  # characters of one as it is written
COUNTRY, REGION = 7, "RU"
# What may stand between digits. Letters may not: a phone has them on its keys, as the library
# knows, but `7.91612E+10` is what a spreadsheet has made of one.
WRITTEN = re.compile(r"[\d\s+().'\u00a0\u200b\u200e\u2010-\u2015\u2212-]+", re.ASCII)
PUNCTUATION = str.maketrans("", "", " ()-\u00a0")
MOBILE = re.compile(
    r"(?:\+7|[78])?(9\d{9})", re.ASCII
)  # as the library has it, in a tenth of its time
FRACTION = re.compile(r"(\d{10,11})\.0", re.ASCII)  # of tools that take a phone for a number


def is_phone(text: object) -> TypeGuard[str]:
    """Return whether it is a phone as it is kept: `7XXXXXXXXXX`."""
    return isinstance(text, str) and PHONE.fullmatch(text) is not None


def normalized(text: str) -> str:
    """Return a phone as `7XXXXXXXXXX`; what is none comes back as it was, to be refused as such.

    Source: Google's libphonenumber, as if it were dialed in Russia.
    """
    if is_phone(text):
        return text
    written = text.removeprefix("tel:")
    if len(written) > LONGEST or not WRITTEN.fullmatch(written):
        return text
    if number := FRACTION.fullmatch(written):
        written = number[1]
    if mobile := MOBILE.fullmatch(written.translate(PUNCTUATION)):
        return f"7{mobile[1]}"
    return by_library(written) or text


def by_library(text: str) -> str | None:
    """Return the phone that the library reads; None if it is not of Russia or Kazakhstan."""
    import phonenumbers  # noqa: PLC0415 (a thirtieth of a start, and few phones need it)

    try:
        found = phonenumbers.parse(text.strip(" '"), REGION)
    except phonenumbers.NumberParseException:
        return None
    if found.country_code != COUNTRY or not phonenumbers.is_valid_number(found):
        return None
    number = f"{COUNTRY}{found.national_number}"
    return number if is_phone(number) else None
