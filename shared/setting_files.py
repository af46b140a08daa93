"""The files that settings come from: `.env`, and a folder with a file for each secret."""

from os import environ
from pathlib import Path

from dotenv import dotenv_values

ENV_FILE = ".env"  # in the current folder; what the environment has wins
SECRETS_DIR = "SECRETS_DIR"  # the folder's own setting, in the environment or in `.env`


class UnreadableFile(Exception):
    """A file of settings cannot be read; the message says which, without what is in it."""


def file_settings() -> dict[str, str]:
    """Return the settings of `.env`.

    Raises:
        UnreadableFile: It is no text.
    """
    try:
        return {name: value or "" for name, value in dotenv_values(ENV_FILE).items()}
    except (OSError, UnicodeError):
        raise UnreadableFile(f"{ENV_FILE}: it cannot be read as UTF-8 text") from None


def secrets_folder() -> Path | None:
    """Return the folder of secrets; None when none is set.

    Raises:
        UnreadableFile: There is no such folder, or `.env` is no text.
    """
    given = (file_settings() | dict(environ)).get(SECRETS_DIR)
    if not given:
        return None
    if not Path(given).is_dir():
        raise UnreadableFile(f"{SECRETS_DIR}: there is no such folder")
    return Path(given)


def secret_settings(folder: Path | None) -> dict[str, str]:
    """Return the settings that are files of `folder`, each called as its setting.

    Raises:
        UnreadableFile: One may not be read, or is no text.
    """
    found = {}
    for path in sorted(folder.iterdir()) if folder else ():
        try:
            if path.is_file():
                found[path.name] = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError):
            message = f"{SECRETS_DIR}/{path.name}: it cannot be read as UTF-8 text"
            raise UnreadableFile(message) from None
    return found
