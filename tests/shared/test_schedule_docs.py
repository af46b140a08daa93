"""Each example of `docs/schedules.md` is true."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.catalog.domain.plan import settled
from services.catalog.routes.mailing_bodies import NewMailing, plan_from
from shared.contracts.schedule import Schedule
from shared.schedule import (
    canonical,
    end_of,
    in_words,
    mistakes,
    occurrence_of,
    occurrences,
    tzdata_version,
)

TEXT = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
BLOCKS = re.findall(r"^```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SCHEDULES = [found for found in map(json.loads, BLOCKS) if "entries" in found]
MAILINGS = [
    found for found in map(json.loads, BLOCKS) if found.keys() & {"time_policy", "quiet_hours"}
]
EXPLAINED = re.findall(r"^```json\n(\{\"kind\".*?\})\n```\n\n> (.*)$", TEXT, re.MULTILINE)
SECOND = timedelta(seconds=1)


def schedule(*entries: dict[str, Any]) -> Schedule:
    return msgspec.convert({"entries": entries}, Schedule)


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a line that begins so."""
    table = TEXT[TEXT.index(heading) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_example_is_looked_at() -> None:
    assert len(EXPLAINED) + len(SCHEDULES) + len(MAILINGS) == TEXT.count("```json")
    assert len(MAILINGS) == 3
    assert len(EXPLAINED) > 8


@pytest.mark.parametrize("example", SCHEDULES, ids=range(len(SCHEDULES)))
def test_a_schedule_of_the_docs_has_no_mistakes(example: dict[str, Any]) -> None:
    assert mistakes(msgspec.convert(example, Schedule), "") == []


@pytest.mark.parametrize(("entry", "sentence"), EXPLAINED)
def test_an_entry_of_the_docs_is_what_stands_below_it(entry: str, sentence: str) -> None:
    of = schedule(json.loads(entry))

    assert mistakes(of, "") == []
    assert in_words(of.entries[0]) == sentence


def test_clocks_change_as_the_docs_have_it() -> None:
    table = rows("| entry | nominal")
    begun = [number for number, row in enumerate(table) if row[0]]
    assert len(begun) > 5
    for first, beyond in pairwise([*begun, len(table)]):
        entry = json.loads(table[first][0].strip("`"))
        expected = [tuple(row[1:]) for row in table[first:beyond]]
        after, until = utc(expected[0][1]) - SECOND, utc(expected[-1][1]) + SECOND

        found = occurrences(schedule(entry), after=after, until=until)

        assert [
            (f"{each.wall:%Y-%m-%dT%H:%M}", f"{each.at:%Y-%m-%dT%H:%M}", each.remark or "")
            for each in found
        ] == expected, entry


def test_count_and_exceptions_do_what_the_docs_say() -> None:
    section = TEXT[TEXT.index("## Count") :].partition("## Zones")[0]
    start = datetime.fromisoformat(re.findall(r"from (\S+Z) on", section)[0])
    blocks = re.findall(r"^```\w*\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    of, expected = msgspec.json.decode(blocks[0], type=Schedule), blocks[1].split()

    end = end_of(of, start, start + timedelta(days=100))

    found = occurrences(of, after=start - timedelta(microseconds=1), until=end)
    assert [each.nominal for each in found] == expected


@pytest.mark.parametrize(("sent", "becomes"), rows("| sent | becomes"))
def test_a_zone_becomes_what_the_docs_say(sent: str, becomes: str) -> None:
    of = schedule({"kind": "daily", "at": "09:00", "zone": sent.strip("`")})

    if refusal := re.fullmatch(r"refused: (.*)", becomes):
        assert [each.detail for each in mistakes(of, "")] == [refusal[1]]
    else:
        assert mistakes(of, "") == []
        assert canonical(of).entries[0].zone == becomes.strip("`")


def test_the_release_of_the_docs_is_that_in_use() -> None:
    assert f'`"tzdata": "{tzdata_version()}"`' in TEXT


@pytest.mark.parametrize("example", MAILINGS, ids=range(len(MAILINGS)))
def test_a_mailing_of_the_docs_can_be_created(example: dict[str, Any]) -> None:
    window = {"starts_at": "2026-03-01T00:00:00Z", "ends_at": "2026-04-01T00:00:00Z"}
    body = {"name": "spring", "body": "Hello"} | window | example

    plan = settled(plan_from(NewMailing.model_validate(body), {}), utc("2026-02-01T00:00"))

    assert plan.time_policy or plan.quiet_hours


def test_a_local_time_comes_in_each_zone_as_the_docs_have_it() -> None:
    table = rows("| zone | due, in UTC | remark")
    assert len(table) > 3
    for zone, due, remark in table:
        found = occurrence_of(f"2026-03-29T02:30[{zone}]")
        assert (found.at, found.remark or "") == (utc(due), remark)
