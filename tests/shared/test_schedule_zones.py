"""Time zones: their names of today, what is refused, and that they are those of the release."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from shared.schedule import canonical_zone, load_zone, tzdata_version, zone_names
from shared.schedule.zones import why_refused

ROOT = Path(__file__).parents[2]
ZONES = sorted(zone_names())
RENAMED = [name for name in ZONES if canonical_zone(name) != name]
SCRIPT = """
from zoneinfo import ZoneInfo
from shared.schedule import occurrence_of
name = "2026-07-01T09:00[Europe/Berlin]"
print(ZoneInfo("Europe/Berlin").utcoffset(occurrence_of(name).wall), occurrence_of(name).at)
"""


def test_the_zones_are_those_of_the_release() -> None:
    assert len(ZONES) > 500
    assert not [zone for zone in ZONES if zone.islower()]
    assert not {"Factory", "localtime", "posixrules", "posix/UTC", "right/UTC"} & set(ZONES)
    assert (
        (files("tzdata") / "zoneinfo" / "tzdata.zi")
        .read_text()
        .startswith(f"# version {tzdata_version()}\n")
    )


def test_what_a_machine_has_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "Europe"
    folder.mkdir()
    utc = files("tzdata") / "zoneinfo" / "UTC"
    (folder / "Berlin").write_bytes(utc.read_bytes())

    done = subprocess.run(  # noqa: S603 - a script of ours
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={"PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "0:00:00 2026-07-01 07:00:00+00:00\n"


@pytest.mark.parametrize("name", RENAMED)
def test_a_zone_keeps_its_times_under_its_name_of_today(name: str) -> None:
    today = canonical_zone(name)
    old, new = load_zone(name), load_zone(today)
    begin = datetime(2000, 1, 1, tzinfo=UTC)

    assert canonical_zone(today) == today
    assert old.key == name
    for week in range(0, 52 * 40, 2):
        at = begin + timedelta(weeks=week)
        assert at.astimezone(old).utcoffset() == at.astimezone(new).utcoffset(), at


@pytest.mark.parametrize(
    ("name", "today"),
    [
        ("Europe/Kiev", "Europe/Kyiv"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("America/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("US/Pacific", "America/Los_Angeles"),
        ("W-SU", "Europe/Moscow"),
        ("Etc/UTC", "UTC"),
        ("GMT", "UTC"),
        ("UTC", "UTC"),
        # A country of its own keeps its zone, though tzdata has it as a link.
        ("Europe/Stockholm", "Europe/Stockholm"),
        ("Africa/Accra", "Africa/Accra"),
        ("Atlantic/Reykjavik", "Atlantic/Reykjavik"),
        ("Iceland", "Atlantic/Reykjavik"),
        ("Pacific/Truk", "Pacific/Chuuk"),
    ],
)
def test_a_zone_has_one_name_today(name: str, today: str) -> None:
    assert canonical_zone(name) == today


@pytest.mark.parametrize("name", ["", "Europe/Moskva", "localtime", "Factory", "../UTC", "a\0b"])
def test_what_is_no_zone_has_no_name_and_no_times(name: str) -> None:
    for ask in (canonical_zone, load_zone):
        with pytest.raises(ValueError, match="no zone of IANA"):
            ask(name)


@pytest.mark.parametrize("name", ["Europe/Moscow", "Europe/Kiev", "UTC", "EST", "Asia/Kolkata"])
def test_a_schedule_takes_the_zone_of_a_place(name: str) -> None:
    assert why_refused(name) is None


@pytest.mark.parametrize(
    "name", ["+03:00", "UTC+3", "utc+03:00", "GMT-5", "Etc/GMT+3", "GMT+0", "-0530", "Z+1"]
)
def test_a_schedule_takes_no_offset(name: str) -> None:
    refusal = why_refused(name)

    assert refusal is not None
    assert refusal.startswith("an offset does not follow daylight saving time: take a zone")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("europe/moscow", "is it Europe/Moscow?"),
        ("Moscow", "is it Europe/Moscow?"),
        (" new york ", "is it America/New_York?"),
        ("kiev", "is it Europe/Kyiv?"),
        ("localtime", "take one, as in Europe/Moscow"),
        ("Factory", "take one, as in Europe/Moscow"),
        ("posixrules", "take one, as in Europe/Moscow"),
        ("right/Europe/Moscow", "take one, as in Europe/Moscow"),
        ("MSK", "take one, as in Europe/Moscow"),
        ("", "take one, as in Europe/Moscow"),
    ],
)
def test_a_refused_zone_is_named_as_it_may_be_meant(name: str, meant: str) -> None:
    assert why_refused(name) == f"no zone of IANA: {meant}"
