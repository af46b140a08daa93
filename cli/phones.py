"""Phones as people type them: mended as imports mend them, where a program's would be refused."""

import re

import typer

KEPT = re.compile(r"7\d{10}", re.ASCII)
EXAMPLES = "such as 79161234567 or '+7 916 123-45-67'"


def phone_of(text: str) -> str | None:
    """Return the phone that was typed as it is kept, `7XXXXXXXXXX`; None: it is none."""
    if KEPT.fullmatch(text):
        return text
    from shared.phone import is_phone, normalized  # noqa: PLC0415 (takes longer than the command)

    phone = normalized(text.strip())
    return phone if is_phone(phone) else None


def read_phone(text: str) -> str:
    """Return the phone that an option names; an empty one stays so, and means none.

    Raises:
        typer.BadParameter: It is none.
    """
    phone = phone_of(text) if text else text
    if phone is None:
        raise typer.BadParameter(f"no phone of Russia or Kazakhstan, {EXAMPLES}")
    return phone
