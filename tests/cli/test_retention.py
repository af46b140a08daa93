"""The commands about retention, and the export of runs."""

import os
from pathlib import Path
from typing import Any

import pytest

from cli import Exit, export
from tests.cli.conftest import Answer, Json, Mailings, Services

RUN = "0d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"
MAILING = "1d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"
EXPORT, RETENTION = f"/v1/runs/{RUN}/export", "/v1/retention"
BEFORE = "2026-01-01T00:00+03:00"
LINES = b'{"client_id": 1}\n{"client_id": 2}\n'


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAUSE_S", 0.0)


def plan(**fields: Any) -> Json:
    run = {
        "run_id": RUN,
        "mailing_id": MAILING,
        "messages": 3_000,
        "finished_at": "2026-01-01T12:00:00Z",
        "leaves_at": "2026-04-01T12:00:00Z",
    }
    due = {"due_runs": 2, "due_messages": 6_000, "emptying_runs": 1}
    return {"retention": "P90D", **due, "runs": [run], **fields}


def done(runs: int, due: int) -> Json:
    return {
        "archived_runs": runs,
        "archived_messages": 100 * runs,
        "due_runs": due,
        "due_messages": 100 * due,
    }


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def test_the_plan_shows_what_leaves_and_when(services: Services, mailings: Mailings) -> None:
    services.answer(RETENTION, plan())
    services.answer(f"/v1/mailings/{MAILING}", {"name": "Spring"})

    out = mailings("retention", "plan", "--before", BEFORE).out

    lines = [line.split() for line in out.splitlines()]
    assert ["runs", "due", "2"] in lines
    assert ["messages", "due", "6,000"] in lines
    assert {RUN, "Spring", "3,000", "2026-04-01"} <= set(out.split())
    assert services.asked[0].parameters == {"before": "2026-01-01T00:00:00+03:00", "limit": "20"}


def test_runs_leave_some_at_a_time_until_none_is_due(
    services: Services, mailings: Mailings
) -> None:
    services.answer(RETENTION, plan(), done(100, 30), done(30, 0))

    result = mailings("retention", "run", "--yes", "-o", "json")

    assert result.code == Exit.OK
    assert result.json == {
        "archived_runs": 130,
        "archived_messages": 13_000,
        "due_runs": 0,
        "due_messages": 0,
    }
    assert [each.body for each in services.asked[1:]] == [b'{"before":null}'] * 2


def test_what_senders_have_is_said_to_be_left(services: Services, mailings: Mailings) -> None:
    services.answer(RETENTION, plan(), done(1, 1), done(0, 1))

    result = mailings("retention", "run", "--yes", "--before", BEFORE)

    assert result.code == Exit.OK
    assert "senders have some" in result.err
    assert b"2026-01-01T00:00:00+03:00" in services.asked[1].body


def test_nothing_leaves_without_being_asked(services: Services, mailings: Mailings) -> None:
    services.answer(RETENTION, plan())

    result = mailings("retention", "run")

    assert (result.code, len(services.asked)) == (Exit.USAGE, 1)
    assert "2 runs leave, with 6,000 messages" in result.err
    assert "--yes" in result.err


def test_where_runs_are_kept_for_ever_an_instant_must_be_named(
    services: Services, mailings: Mailings
) -> None:
    services.answer(RETENTION, plan(retention=None, due_runs=0))

    result = mailings("retention", "run", "--yes")

    assert (result.code, len(services.asked)) == (Exit.CONFLICT, 1)
    assert "--before" in result.err


def test_where_nothing_is_due_nothing_is_asked_for(services: Services, mailings: Mailings) -> None:
    services.answer(RETENTION, plan(due_runs=0))

    result = mailings("retention", "run")

    assert (result.code, len(services.asked)) == (Exit.OK, 1)
    assert ["archived", "runs", "0"] in [line.split() for line in result.out.splitlines()]


@pytest.mark.parametrize(
    ("name", "more", "wanted"),
    [
        ("run.ndjson", (), "ndjson"),
        ("run.CSV", (), "csv"),
        ("run", (), "ndjson"),
        ("run.csv", ("--format", "ndjson"), "ndjson"),
    ],
)
def test_an_export_is_a_complete_file(
    services: Services,
    mailings: Mailings,
    tmp_path: Path,
    name: str,
    more: tuple[str, ...],
    wanted: str,
) -> None:
    services.stream(EXPORT, LINES)

    result = mailings("runs", "export", RUN, "--output", str(tmp_path / name), *more)

    assert result.code == Exit.OK
    assert "34 bytes" in result.err
    assert (tmp_path / name).read_bytes() == LINES
    assert names(tmp_path) == [name]
    assert services.asked[0].parameters == {"format": wanted}


def test_without_a_file_an_export_goes_to_standard_output(
    services: Services, mailings: Mailings
) -> None:
    services.stream(EXPORT, LINES)

    result = mailings("runs", "export", RUN)

    assert (result.code, result.out.encode()) == (Exit.OK, LINES)


def test_an_export_overwrites_no_file(
    services: Services, mailings: Mailings, tmp_path: Path
) -> None:
    services.stream(EXPORT, LINES)
    path = tmp_path / "run.csv"
    path.write_text("mine")

    result = mailings("runs", "export", RUN, "--output", str(path))

    assert (result.code, path.read_text(), services.asked) == (Exit.CONFLICT, "mine", [])
    assert "is not overwritten" in result.err


def test_a_file_that_came_meanwhile_is_not_overwritten_either(
    services: Services, mailings: Mailings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.stream(EXPORT, LINES)
    path = tmp_path / "run.csv"
    sync = os.fsync

    def sync_beside_another(file: int) -> None:
        sync(file)
        path.write_text("mine")

    monkeypatch.setattr(os, "fsync", sync_beside_another)
    result = mailings("runs", "export", RUN, "--output", str(path))

    assert (result.code, path.read_text()) == (Exit.CONFLICT, "mine")
    assert names(tmp_path) == ["run.csv"]


def test_an_export_that_breaks_off_leaves_no_file(
    services: Services, mailings: Mailings, tmp_path: Path
) -> None:
    services.stream(EXPORT, LINES, missing=1)
    services.answer(f"/v1/runs/{RUN}", {"state": "finished"})

    result = mailings("runs", "export", RUN, "--output", str(tmp_path / "run.csv"))

    assert (result.code, names(tmp_path)) == (Exit.UNAVAILABLE, [])
    assert "broke off" in result.err
    assert "No file was written." in result.err


def test_an_export_says_that_its_run_was_archived_meanwhile(
    services: Services, mailings: Mailings
) -> None:
    services.stream(EXPORT, LINES, missing=1)
    services.answer(f"/v1/runs/{RUN}", {"state": "archived"})

    result = mailings("runs", "export", RUN)

    assert result.code == Exit.NOT_FOUND
    assert "was archived meanwhile" in result.err
    assert "is not all of it" in result.err


def test_what_is_gone_cannot_be_exported(
    services: Services, mailings: Mailings, tmp_path: Path
) -> None:
    since = "2026-01-01T12:00:00Z"
    services.refuse(EXPORT, 410, type="MessagesDeleted", title="Deleted.", since=since)

    result = mailings("runs", "export", RUN, "--output", str(tmp_path / "run.csv"))

    assert (result.code, names(tmp_path)) == (Exit.NOT_FOUND, [])
    assert "since 2026-01-01 12:00:00" in result.err


def test_a_folder_that_is_not_there_is_named(
    services: Services, mailings: Mailings, tmp_path: Path
) -> None:
    services.stream(EXPORT, LINES)

    result = mailings("runs", "export", RUN, "--output", str(tmp_path / "no" / "run.csv"))

    assert result.code == Exit.ERROR
    assert "cannot be written: No such file or directory" in result.err


def test_an_archived_run_is_shown_with_its_figures(services: Services, mailings: Mailings) -> None:
    totals = {"delivered": 9_800, "failed": 200}
    archived_at = "2026-04-01T12:00:00Z"
    run = {"run_id": RUN, "state": "archived", "archived_at": archived_at, "totals": totals}
    services.answer(f"/v1/runs/{RUN}", run)

    lines = [line.split() for line in mailings("runs", "show", RUN).out.splitlines()]

    assert ["archived", "2026-04-01", "12:00:00", "UTC"] in lines
    assert ["totals", "delivered", "9,800,", "failed", "200"] in lines


def test_an_export_of_messages_goes_on_behind_the_last_one_that_arrived(
    services: Services, mailings: Mailings
) -> None:
    first, rest = LINES.splitlines(keepends=True)
    services.answers[EXPORT] = [
        Answer(200, first + rest[:5], missing=1),
        Answer(200, rest),
    ]

    result = mailings("runs", "export", RUN, "--status", "failed")

    assert (result.code, result.out.encode()) == (Exit.OK, LINES)
    assert [each.parameters for each in services.asked] == [
        {"format": "ndjson", "status": "failed"},
        {"format": "ndjson", "status": "failed", "after": "1"},
    ]
