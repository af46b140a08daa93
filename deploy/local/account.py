"""The account: whom PostgreSQL runs as when we are root, and which paths it can reach."""

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.home import Home

OUTSIDE = Path("/var/tmp")  # noqa: S108 (survives a reboot; every user can enter it)
PREFIX = "mailings-"


@dataclass(frozen=True)
class Account:
    """Numbers of the user and of its group."""

    user: int
    group: int


def unprivileged() -> Account | None:
    """Return whom to become; None when we are no root, and nobody else need be.

    Raises:
        StackError: We are root, and there is no user `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        message = (
            "PostgreSQL refuses to run as root, and there is no user `nobody` to run it as. "
            "Run this as another user."
        )
        raise StackError(message) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def can_enter(path: Path, account: Account | None) -> bool:
    """Return whether the account gets as far as into this folder, or would once it exists."""
    if account is None:
        return True
    folders = [folder for folder in (path, *path.parents) if folder.exists()]
    return all(_is_open(folder.stat(), account) for folder in folders)


def _is_open(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.user:
        return bool(found.st_mode & stat.S_IXUSR)
    return bool(found.st_mode & stat.S_IXOTH)


def fallback_dir(home: Home) -> Path:
    """Return a folder outside of the home, for what the account must reach and cannot there.

    It belongs to the home: its path is on record there, and it is swept away when the home is
    gone.

    Raises:
        StackError: Somebody else has made it.
    """
    sweep()
    name = PREFIX + hashlib.sha256(os.fsencode(home.path)).hexdigest()[:16]
    folder = OUTSIDE / name
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        message = f"{folder} belongs to somebody else; remove it."
        raise StackError(message)
    folder.chmod(0o755)  # whatever the umask was
    (folder / "home").write_text(str(home.path))
    home.fallback.write_text(str(folder))
    return folder


def sweep() -> None:
    """Remove what lies outside for homes that are gone. Never another user's."""
    for note in OUTSIDE.glob(f"{PREFIX}*/home"):
        ours = note.parent.lstat().st_uid == os.geteuid() and not note.parent.is_symlink()
        if ours and not Path(note.read_text()).exists():
            shutil.rmtree(note.parent, ignore_errors=True)
