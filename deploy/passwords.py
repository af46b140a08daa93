"""Makes the secrets of a stack on one machine: `mailings secrets FOLDER`, before all else starts.

There is a folder for each reader, who is shown no other one:

    postgres/     the passwords of the superuser and of each service's account
    NAME/         the secret settings of a service: SECRETS_DIR of its container
    migrate/      the addresses of all databases

What is there stays: a password is made once, and all else follows from the passwords, so the
next start completes what one that was cut off has left.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

SUPERUSER = "POSTGRES_PASSWORD"
TOKEN = "DISPATCHER_HTTP_GATEWAY_TOKEN"  # noqa: S105 - a setting's name
SMTP_PASSWORD = "DISPATCHER_SMTP_GATEWAY_PASSWORD"  # noqa: S105 - the same
CONTACT_KEYS, LINK_KEYS = "CATALOG_CONTACT_KEYS", "UNSUBSCRIBE_KEYS"
SERVER = "postgres:5432"

# Containers read as accounts of their own; who comes near the files is the volume's business.
READABLE = 0o444


def make(
    folder: Path,
    services: Sequence[str],
    token: str = "",
    smtp_password: str = "",
    api_token: str = "",
) -> None:
    """Make what is missing in `folder`; token and password are the gateways', or none.

    All services get the same `api_token`; without one, whoever reaches them is answered.

    Raises:
        OSError: It may not be written there.
    """
    passwords = {name: password(folder / "postgres" / name) for name in (SUPERUSER, *services)}
    for name in services:
        url = f"postgresql://{name}:{passwords[name]}@{SERVER}/{name}"
        for reader in (name, "migrate"):
            write(folder / reader / f"{name.upper()}_DATABASE_URL", url)
    make_keys(folder)
    _give(folder / "dispatcher" / TOKEN, token)
    _give(folder / "dispatcher" / SMTP_PASSWORD, smtp_password)
    for name in services:
        _give(folder / name / f"{name.upper()}_API_TOKEN", api_token)


def make_keys(folder: Path) -> None:
    """Make the keys that are missing: of contacts, and of links to unsubscribe.

    To replace one, put the new key before it, with a comma between them.
    """
    password(folder / "catalog" / CONTACT_KEYS)
    links = password(folder / "catalog" / LINK_KEYS)
    if not (other := folder / "dispatcher" / LINK_KEYS).exists():
        write(other, links)


def _give(path: Path, text: str) -> None:
    if text:
        write(path, text)
    else:
        path.unlink(missing_ok=True)


def password(path: Path) -> str:
    """Return the password in a file; make it if there is none."""
    if not path.exists():
        write(path, secrets.token_urlsafe(32))  # has nothing that an address must escape
    return path.read_text(encoding="ascii")


def _read(path: Path | None) -> str:
    return path.read_text(encoding="utf-8").strip() if path else ""


def write(path: Path, text: str) -> None:
    """Let a file hold `text`: all of it, or what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}")
    new.unlink(missing_ok=True)  # of a start that was cut off; it may not be written
    new.write_text(text, encoding="utf-8")
    new.chmod(READABLE)
    new.replace(path)


def main() -> None:
    """Make the secrets of the services that are named."""
    parser = argparse.ArgumentParser("mailings secrets", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--services", nargs="+", required=True)
    parser.add_argument("--token", type=Path, help="a file with the gateway's token; may be empty")
    parser.add_argument("--smtp-password", type=Path, help="a file with that; may be empty")
    parser.add_argument("--api-token", type=Path, help="a file with that of all services' APIs")
    given = parser.parse_args()
    try:
        make(
            given.folder,
            given.services,
            _read(given.token),
            _read(given.smtp_password),
            _read(given.api_token),
        )
    except (OSError, UnicodeError) as error:
        sys.exit(f"mailings secrets: {error}")
    sys.stdout.write("secrets: all are there\n")


if __name__ == "__main__":
    main()
