"""The tokens: what services want to be shown, from the environment, `.env` or a file.

Never from the command line, which others on the machine can read.
"""

import os
import re
from pathlib import Path

from cli import Exit, Failure
from deploy.local.services import SERVICES
from shared.setting_files import UnreadableFile, file_settings

TOKEN, TOKEN_FILE = "MAILINGS_TOKEN", "MAILINGS_TOKEN_FILE"
SENDABLE = re.compile(r"[!-~]+")  # what may stand in a header


def token_of(service: str) -> str | None:
    """Return the token of a service; None if none is set, or if it is none of ours.

    Its own one wins, `CATALOG_API_TOKEN`, called as the service has it; then that of all.

    Raises:
        Failure: It cannot be read, or not be sent.
    """
    if service not in SERVICES:
        return None
    own = f"{service.upper()}_API_TOKEN"
    given = _settings()
    if given.get(own):
        return _checked(own, given[own])
    if given.get(TOKEN):
        return _checked(TOKEN, given[TOKEN])
    if given.get(TOKEN_FILE):
        return _checked(TOKEN_FILE, _read(given[TOKEN_FILE]))
    return None


def _settings() -> dict[str, str]:
    try:
        return file_settings() | dict(os.environ)
    except UnreadableFile as error:
        raise Failure(str(error), Exit.USAGE) from None


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError):
        message = f"{TOKEN_FILE}: it names no file that can be read as UTF-8 text."
        raise Failure(message, Exit.USAGE) from None


def _checked(name: str, token: str) -> str:
    """Return a token that can be sent; what is wrong with another one is said without it."""
    if not SENDABLE.fullmatch(token):
        raise Failure(f"{name} is no token: it is empty, or has spaces in it.", Exit.USAGE)
    return token
