"""Recurring mailings as they are typed: when, how to look at them, and runs by hand."""

import json
import subprocess
from pathlib import Path

import pytest
import typer

from cli import Exit
from cli.scheduling import ScheduleOptions, read_schedule
from tests.cli.conftest import Json, Mailings, Services
from tests.cli.test_mailings import CREATE, RUN, sent

ZONE = "Europe/Moscow"
PREVIEW: Json = {
    "words": {"en": ["Every day at 02:30 (Europe/Berlin)."], "ru": ["Каждый день в 02:30."]},
    "occurrences": [
        {
            "nominal": "2030-03-31T02:30[Europe/Berlin]",
            "at": "2030-03-31T01:00:00Z",
            "ends_at": "2030-04-01T01:00:00Z",
            "remark": "gap",
        }
    ],
    "is_whole": False,
    "tzdata": "2026f",
}


@pytest.mark.parametrize(
    ("typed", "entry"),
    [
        ("daily 09:00", {"kind": "daily", "at": "09:00"}),
        (" Daily  09:00 ", {"kind": "daily", "at": "09:00"}),
        ("weekly mon,fri 09:00", {"kind": "weekly", "days": ["monday", "friday"], "at": "09:00"}),
        ("weekly Tuesday 9:00", {"kind": "weekly", "days": ["tuesday"], "at": "9:00"}),
        ("monthly 15 09:00", {"kind": "monthly", "on": {"kind": "day", "day": 15}, "at": "09:00"}),
        ("monthly last 09:00", {"kind": "monthly", "on": {"kind": "last_day"}, "at": "09:00"}),
        (
            "monthly mon#2 09:00",
            {
                "kind": "monthly",
                "on": {"kind": "weekday", "weekday": "monday", "nth": 2},
                "at": "09:00",
            },
        ),
        (
            "monthly fri#last 09:00",
            {
                "kind": "monthly",
                "on": {"kind": "weekday", "weekday": "friday", "nth": "last"},
                "at": "09:00",
            },
        ),
        ("cron 0 9 * * 1-5", {"kind": "cron", "expression": "0 9 * * 1-5"}),
        ("once 2026-03-01T09:00", {"kind": "once", "at": "2026-03-01T09:00"}),
    ],
)
def test_a_schedule_is_typed_in_words(typed: str, entry: Json) -> None:
    assert read_schedule(ScheduleOptions(repeat=[typed], zone=ZONE)) == {
        "entries": [entry | {"zone": ZONE}]
    }


@pytest.mark.parametrize(
    "typed",
    [
        *("", "daily", "daily mon 09:00", "weekly 09:00", "weekly m 09:00", "weekly moon 09:00"),
        *("monthly 09:00", "monthly mon#6 09:00", "monthly x 09:00", "cron", "hourly", "once"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_there_is(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"monthly mon#1 09:00|such as mon or friday"):
        read_schedule(ScheduleOptions(repeat=[typed], zone=ZONE))


def test_a_schedule_needs_a_zone_and_a_zone_a_schedule() -> None:
    with pytest.raises(typer.BadParameter, match="--zone"):
        read_schedule(ScheduleOptions(repeat=["daily 09:00"]))
    with pytest.raises(typer.BadParameter, match="--repeat"):
        read_schedule(ScheduleOptions(zone=ZONE))
    assert read_schedule(ScheduleOptions()) is None


def test_a_recurring_mailing_is_created_with_all_that_was_said(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer("/v1/mailings", mailing, status=201)
    when = ("--repeat", "daily 09:00", "--repeat", "monthly last 18:00", "--zone", ZONE)
    rules = ("--run-window", "3h", "--overlap", "queue", "--missed", "run_all", "--catch-up", "1h")
    more = ("--count", "10", "--except", "2027-05-09")

    mailings(*CREATE, "--for", "90d", *when, *rules, *more)

    assert sent(services)["schedule"] == {
        "entries": [
            {"kind": "daily", "at": "09:00", "zone": ZONE},
            {"kind": "monthly", "on": {"kind": "last_day"}, "at": "18:00", "zone": ZONE},
        ],
        "window_s": 10_800,
        "overlap": "queue",
        "missed": "run_all",
        "catch_up_s": 3_600,
        "count": 10,
        "except_dates": ["2027-05-09"],
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"entries": [{"kind": "daily", "at": "09:00", "zone": "UTC"}]}',
        '[[entries]]\nkind = "daily"\nat = "09:00"\nzone = "UTC"\n',
    ],
)
def test_a_schedule_comes_from_a_file(
    services: Services, mailings: Mailings, mailing: Json, tmp_path: Path, text: str
) -> None:
    services.answer("/v1/mailings", mailing, status=201)
    file = tmp_path / "schedule"
    file.write_text(text)

    mailings(*CREATE, "--for", "90d", "--schedule", str(file), "--count", "3")

    entries = [{"kind": "daily", "at": "09:00", "zone": "UTC"}]
    assert sent(services)["schedule"] == {"entries": entries, "count": 3}


def test_a_part_of_a_schedule_is_changed(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing)

    mailings("mailings", "edit", mailing["mailing_id"], "--overlap", "allow")

    assert sent(services) == {"schedule": {"overlap": "allow"}}


def test_a_preview_says_what_changes_of_clocks_do(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/schedule-previews", PREVIEW)

    result = mailings("schedule", "preview", "--repeat", "daily 02:30", "--zone", "Europe/Berlin")

    assert result.code == Exit.OK
    for text in ("Every day at 02:30", "2030-03-31T02:30[Europe/Berlin]", "first moment", "2026f"):
        assert text in result.out


def test_a_preview_of_a_saved_mailing_has_its_schedule_and_window(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    schedule = {"entries": [{"kind": "daily", "at": "09:00", "zone": ZONE}]}
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing | {"schedule": schedule})
    services.answer("/v1/schedule-previews", PREVIEW)

    mailings("schedule", "preview", mailing["mailing_id"], "--limit", "5")

    window = {name: mailing[name] for name in ("starts_at", "ends_at")}
    assert sent(services) == {"schedule": schedule, "limit": 5} | window


def test_a_preview_says_what_the_schedule_leads_to(services: Services, mailings: Mailings) -> None:
    remark = {"code": "overlap", "detail": "the next occurrence does not run"}
    services.answer("/v1/schedule-previews", PREVIEW | {"remarks": [remark]})

    result = mailings("schedule", "preview", "--repeat", "daily 02:30", "--zone", "Europe/Berlin")

    assert "the next occurrence does not run" in result.err


def test_a_preview_of_a_mailing_by_each_clients_clock_has_that(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    schedule = {"entries": [{"kind": "daily", "at": "09:00", "zone": ZONE}]}
    times = {"schedule": schedule, "time_policy": {"kind": "recipient_local"}}
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing | times)
    services.answer("/v1/schedule-previews", PREVIEW)

    mailings("schedule", "preview", mailing["mailing_id"])

    assert sent(services)["time_policy"] == {"kind": "recipient_local"}


def test_a_schedule_is_explained_in_both_languages(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/schedule-previews", PREVIEW)
    when = ("--repeat", "daily 02:30", "--zone", "Europe/Berlin")

    assert "Every day" in mailings("schedule", "explain", *when).out
    assert "Каждый день" in mailings("schedule", "explain", *when, "--ru").out


# Runs by hand

BEGUN = {"run_id": RUN, "nominal": "2026-03-01T09:00[Europe/Moscow]"}


def _finished(services: Services, mailing: Json, statuses: Json) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}/runs", BEGUN, status=202)
    going_on = {"planned": 10, "ledger": None}
    ended = going_on | {"ledger": {"by_status": statuses}}
    services.answer(f"/v1/runs/{RUN}", going_on, ended)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ({"delivered": 10, "failed": 0}, Exit.OK),
        ({"delivered": 8, "suppressed": 2}, Exit.OK),
        ({"delivered": 7, "failed": 3}, Exit.ERROR),
        ({"expired": 7, "failed": 3}, Exit.ERROR),
    ],
)
def test_a_run_by_hand_exits_by_what_became_of_it(
    services: Services, mailings: Mailings, mailing: Json, statuses: Json, code: Exit
) -> None:
    _finished(services, mailing, statuses)

    result = mailings(
        "mailings", "run", mailing["mailing_id"], "--at", "2026-03-01T09:00", "--wait"
    )

    assert json.loads(services.asked[0].body) == {"nominal": "2026-03-01T09:00"}
    assert result.code == code
    assert ("3 failed" in result.err) == (code is Exit.ERROR)


def test_waiting_has_a_limit(services: Services, mailings: Mailings, mailing: Json) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}/runs", BEGUN, status=202)
    services.answer(f"/v1/runs/{RUN}", {"planned": 10, "ledger": None})

    result = mailings(
        "mailings", "run", mailing["mailing_id"], "--wait", "--timeout", "1s", "-o", "json"
    )

    assert result.code == Exit.ERROR
    assert "has not ended after 1 s; it goes on" in result.err


def test_a_dry_run_begins_nothing(services: Services, mailings: Mailings, mailing: Json) -> None:
    preview = {"clients": 3, "without_contact": 0, "starts_at": None, "ends_at": None}
    services.answer(f"/v1/mailings/{mailing['mailing_id']}/preview", preview)

    mailings("mailings", "run", mailing["mailing_id"], "--dry-run")

    assert [each.path for each in services.asked] == [
        f"/v1/mailings/{mailing['mailing_id']}/preview"
    ]


def test_a_run_is_begun_as_cron_does_it(services: Services, mailing: Json) -> None:
    """No PATH, no HOME, no terminal, another folder."""
    _finished(services, mailing, {"delivered": 10})
    command = Path(__file__).parents[2] / "mailings"
    done = subprocess.run(  # noqa: S603 - our own
        [command, "mailings", "run", mailing["mailing_id"], "--at", "2026-03-01T09:00", "--wait"],
        env={"CATALOG_URL": services.url, "STATS_URL": services.url},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (Exit.OK, "")
    assert "delivered" in done.stdout
