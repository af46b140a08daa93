"""When local times come: known changes of clocks, and names of occurrences."""

from datetime import UTC, datetime

import pytest

from shared.schedule import occurrence_of
from tests.proof.known import KNOWN


@pytest.mark.parametrize(("nominal", "at", "remark"), KNOWN, ids=[each[0] for each in KNOWN])
def test_a_local_time_comes_when_it_is_known_to_come(
    nominal: str, at: str, remark: str | None
) -> None:
    found = occurrence_of(nominal)

    assert found.at == datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert (found.nominal, found.remark) == (nominal, remark)
    assert found.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("nominal", "wrong"),
    [
        ("once", "a local time and a zone are needed"),
        ("", "a local time and a zone are needed"),
        ("2026-03-01T09:00", "a local time and a zone are needed"),
        ("2026-03-01T09:00Z[Europe/Moscow]", "a local time and a zone are needed"),
        ("2026-03-01 09:00[Europe/Moscow]", "a local time and a zone are needed"),
        ("2026-03-01T09:00:00[Europe/Moscow]", "a local time and a zone are needed"),
        ("2026-03-01T09:00[Europe/Moscow]\n", "a local time and a zone are needed"),
        ("٢٠٢٦-03-01T09:00[Europe/Moscow]", "a local time and a zone are needed"),
        ("2026-02-29T09:00[Europe/Moscow]", "does not exist in any calendar"),
        ("2026-03-01T24:00[Europe/Moscow]", "does not exist in any calendar"),
        ("9999-12-31T23:00[Europe/Moscow]", "does not exist in any calendar"),
        ("2026-03-01T09:00[Europe/Moskva]", "no zone of IANA"),
        ("2026-03-01T09:00[localtime]", "no zone of IANA"),
        ("2026-03-01T09:00[../../etc/passwd]", "no zone of IANA"),
    ],
)
def test_what_is_no_name_of_an_occurrence_is_refused(nominal: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        occurrence_of(nominal)


def test_an_old_name_of_a_zone_stays_in_the_name_of_its_occurrence() -> None:
    old, new = occurrence_of("2026-03-01T09:00[Europe/Kiev]"), "2026-03-01T09:00[Europe/Kyiv]"

    assert old.nominal == "2026-03-01T09:00[Europe/Kiev]"
    assert old.at == occurrence_of(new).at
