"""Time zones as the wheel of tzdata has them: the same in every process on every machine.

`zoneinfo.ZoneInfo` itself would prefer the machine's files. So zones are made here only.
"""

import re
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import tzdata

# Stands for a zone that was not set. What else a machine may have, such as `localtime` or
# `posixrules`, is no name of IANA.
NO_ZONE = "Factory"
UTC_NAMES = {"Etc/UTC", "Etc/GMT"}  # and all their links are `UTC`
# Old names that tzdata links to another country's zone, with a place of their own to stand for.
# Source: tzdata's file `backward`, whose comments name them.
OLD_NAMES = {
    "Africa/Asmera": "Africa/Asmara",
    "Africa/Timbuktu": "Africa/Bamako",
    "America/Coral_Harbour": "America/Atikokan",
    "America/Virgin": "America/St_Thomas",
    "Antarctica/South_Pole": "Antarctica/McMurdo",
    "Atlantic/Jan_Mayen": "Arctic/Longyearbyen",
    "Iceland": "Atlantic/Reykjavik",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
    "Pacific/Yap": "Pacific/Chuuk",
}
OFFSET = re.compile(r"(?:Etc/)?(?:UTC|GMT|UCT|Z)?[+-]\d.*", re.ASCII | re.IGNORECASE)


def tzdata_version() -> str:
    """Return the release of IANA's data that is in use, as in `2026f`."""
    return str(tzdata.IANA_VERSION)


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all time zones, old ones too; the list is part of the release."""
    names = (files("tzdata") / "zones").read_text().split()
    return frozenset(names) - {NO_ZONE}


@cache
def load_zone(name: str) -> ZoneInfo:
    """Return a zone by its name, old or new.

    Raises:
        ValueError: There is no such zone.
    """
    if name not in zone_names():
        raise ValueError("no zone of IANA has this name")
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def canonical_zone(name: str) -> str:
    """Return today's name of a zone: `Europe/Kyiv` for `Europe/Kiev`.

    Places with a country of their own keep their names, such as `Europe/Stockholm`, though
    tzdata has them as links: they may part again.

    Raises:
        ValueError: There is no such zone.
    """
    if name not in zone_names():
        raise ValueError("no zone of IANA has this name")
    if name in OLD_NAMES or name in _places():
        return OLD_NAMES.get(name, name)
    target = _links().get(name, name)
    return "UTC" if target in UTC_NAMES else target


def why_refused(name: str) -> str | None:
    """Return what is wrong with a schedule's zone, and what to do; None if it can be taken."""
    if OFFSET.fullmatch(name):
        return "an offset does not follow daylight saving time: take a zone, as in Europe/Moscow"
    if name in zone_names():
        return None
    meant = _meant(name)
    return f"no zone of IANA: {f'is it {meant}?' if meant else 'take one, as in Europe/Moscow'}"


@cache
def _places() -> frozenset[str]:
    """Return the zones that stand for a place, by country."""
    lines = (files("tzdata") / "zoneinfo" / "zone.tab").read_text().splitlines()
    return frozenset(line.split("\t")[2] for line in lines if not line.startswith("#"))


@cache
def _links() -> dict[str, str]:
    """Return what the other names are links to."""
    lines = (files("tzdata") / "zoneinfo" / "tzdata.zi").read_text().splitlines()
    links = (line.split() for line in lines if line.startswith("L "))
    return {name: target for _, target, name in links}


def _meant(name: str) -> str | None:
    """Return the only zone whose name, or whose city, it is but for case and spaces."""
    asked = re.sub(r"\s+", "_", name.strip()).casefold()
    found = {
        canonical_zone(each)
        for each in zone_names()
        if asked in (each.casefold(), each.rpartition("/")[2].casefold())
    }
    return found.pop() if len(found) == 1 else None
