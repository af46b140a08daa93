"""Mailings as people name them: by their identifier, or by a name that only one of them has."""

from collections.abc import Sequence
from uuid import UUID

from cli import Exit, Failure
from cli.api import run
from cli.render import Json, instant, printable

LOOKED_AT = 1_000  # mailings whose names have the words of a name
SHOWN = 5


def read_mailing(text: str) -> UUID:
    """Read which mailing is meant; the catalog is asked where it is no identifier.

    Raises:
        Failure: None or several of them have this name, or the catalog is not there.
    """
    try:
        return UUID(text)
    except ValueError:
        return _named(text.strip())


def _named(name: str) -> UUID:
    """Return the mailing of a name, in whatever case it was typed.

    Raises:
        Failure: None or several of them have it, or the catalog is not there.
    """
    found, has_more = run(lambda api: api.items("catalog", "/v1/mailings", {"q": name}, LOOKED_AT))
    having = [each for each in found if each["name"].strip().casefold() == name.casefold()]
    if len(having) == 1 and not has_more:
        return UUID(having[0]["mailing_id"])
    if having:
        message = f"Several mailings may have the name {printable(name)!r}: say which, by its ID."
        raise Failure(f"{message}\n{_candidates(having)}", Exit.USAGE)
    message = f"{printable(name)!r} is neither the ID nor the whole name of a mailing."
    if found:
        raise Failure(f"{message} Names with these words:\n{_candidates(found)}", Exit.NOT_FOUND)
    todo = "  What to do: `./mailings mailings list` shows what there is."
    raise Failure(f"{message}\n{todo}", Exit.NOT_FOUND)


def _candidates(found: Sequence[Json]) -> str:
    """Return mailings, one a line, the newest first: as many as one looks at."""
    lines = [
        f"  {each['mailing_id']}  {printable(each['name'])}, {each['status']}, "
        f"created {instant(each['created_at'])}"
        for each in found[:SHOWN]
    ]
    if len(found) > SHOWN:
        lines.append(f"  and {len(found) - SHOWN:,} more, which `./mailings mailings list` shows")
    return "\n".join(lines)
