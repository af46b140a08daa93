"""The commands about mailings."""

import io
import json
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cli import Exit
from cli.options import read_duration
from tests.cli.conftest import Answer, Json, Mailings, Services, page

CREATE = ("mailings", "create", "--name", "Spring", "--body", "Hello")


RUN = "0d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"


def sent(services: Services) -> Json:
    body: Json = json.loads(services.asked[-1].body)
    return body


def test_a_mailing_is_created_with_all_that_was_said(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer("/v1/mailings", mailing, status=201)
    window = ("--starts-at", "2027-01-01T10:00+03:00", "--for", "90m")
    whom = ("--tag", "vip", "--tag", "new", "--operator-code", "916")

    result = mailings(*CREATE, *window, *whom, "--subject", "Sale", "--gateway", "log")

    assert result.code == Exit.OK
    assert mailing["mailing_id"] in result.out
    assert sent(services) == {
        "name": "Spring",
        "body": "Hello",
        "subject": "Sale",
        "filter": {"tags": ["vip", "new"], "operator_codes": ["916"]},
        "starts_at": "2027-01-01T10:00:00+03:00",
        "ends_at": "2027-01-01T11:30:00+03:00",
        "gateway": "log",
    }


def test_html_comes_from_a_file_and_a_sender_as_it_is_typed(
    services: Services, mailings: Mailings, mailing: Json, tmp_path: Path
) -> None:
    services.answer("/v1/mailings", mailing, status=201)
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing)
    page = tmp_path / "page.html"
    page.write_text("<p>Привет</p>\n")
    mail = {"html": "<p>Привет</p>", "sender": "Shop <news@shop.example>"}
    typed = ("--html-file", str(page), "--sender", mail["sender"])

    mailings(*CREATE, "--for", "2h", *typed)
    created = sent(services)
    edit = ("mailings", "edit", mailing["mailing_id"])
    mailings(*edit, *typed)
    changed = sent(services)
    mailings(*edit, "--no-html", "--sender", "")

    assert (created.items() >= mail.items(), changed) == (True, mail)
    assert sent(services) == {"html": None, "sender": None}
    assert mailings(*edit, "--no-html", *typed).code == Exit.USAGE


def test_who_edits_a_mailing_reads_for_what_the_change_does_not_hold(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    remarks = [{"code": "next_run", "detail": "the next one has the change"}]
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing | {"remarks": remarks})

    edited = mailings("mailings", "edit", mailing["mailing_id"], "--body", "Hi")

    assert "Note: the next one has the change." in edited.err


def test_what_a_mail_shows_is_shown_and_copied(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    mail = {"html": "<p>Hello</p>", "sender": "Shop <news@shop.example>"}
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing | mail)
    services.answer("/v1/mailings", mailing, status=201)

    shown = mailings("mailings", "show", mailing["mailing_id"])
    mailings("mailings", "copy", mailing["mailing_id"], "--for", "1h")

    assert all(value in shown.out for value in mail.values())
    assert sent(services).items() >= mail.items()


def test_times_are_read_shown_changed_and_copied(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    path = f"/v1/mailings/{mailing['mailing_id']}"
    whole = {
        "kind": "recipient_local",
        "zone": "Europe/Moscow",
        "at": "2026-03-01T09:00",
        "already_passed": "skip",
        "no_zone": "skip",
        "otherwise": "mailing_zone",
    }
    times = {"time_policy": whole, "quiet_hours": {"begins": "21:00", "ends": "09:00"}}
    services.answer("/v1/mailings", mailing, status=201)
    services.answer(path, mailing | times)
    typed = (
        "--clock",
        "recipient",
        "--clock-zone",
        "Europe/Moscow",
        "--quiet-hours",
        "21:00-09:00",
    )
    rules = ("--local-time", "2026-03-01T09:00", "--if-passed", "skip", "--if-no-zone", "skip")
    edit = ("mailings", "edit", mailing["mailing_id"])

    mailings(*CREATE, "--for", "2d", *typed, *rules, "--if-none-preferred", "mailing_zone")
    created = sent(services)
    mailings(*edit, "--clock", "mailing", "--quiet-hours", "default")
    removed = sent(services)
    mailings(*edit, "--if-passed", "send_now", "--quiet-hours", "none")
    changed = sent(services)
    shown = mailings("mailings", "show", mailing["mailing_id"])
    mailings("mailings", "copy", mailing["mailing_id"], "--for", "1h")

    assert created.items() >= times.items()
    assert removed == {"time_policy": None, "quiet_hours": None}
    none = {"begins": "00:00", "ends": "00:00"}
    assert changed == {"time_policy": {"already_passed": "send_now"}, "quiet_hours": none}
    lines = {" ".join(line.split()) for line in shown.out.splitlines()}
    due = "due recipient_local at 2026-03-01T09:00 (Europe/Moscow)"
    assert {due, "if passed, no zone skip, skip", "quiet hours 21:00-09:00"} <= lines
    assert sent(services).items() >= times.items()


def test_hours_that_are_none_are_refused(mailings: Mailings) -> None:
    result = mailings(*CREATE, "--for", "2h", "--quiet-hours", "9pm")

    assert (result.code, "21:00-09:00" in result.err) == (2, True)


def test_priority_class_and_retries_are_said_shown_changed_and_copied(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    path = f"/v1/mailings/{mailing['mailing_id']}"
    said = {"priority": "urgent", "max_attempts": 3, "on_unknown": "prefer_silence"}
    said["message_class"] = "critical"
    services.answer("/v1/mailings", mailing, status=201)
    services.answer(path, mailing | said)
    typed: tuple[str, ...] = ("--priority", "urgent", "--max-attempts", "3")
    typed += ("--on-unknown", "prefer_silence", "--class", "critical")
    edit = ("mailings", "edit", mailing["mailing_id"])

    mailings(*CREATE, "--for", "2h", *typed)
    created = sent(services)
    mailings(*edit, *typed)
    changed = sent(services)
    mailings(*edit, "--max-attempts", "0", "--on-unknown", "as_gateway")
    as_before = sent(services)
    shown = mailings("mailings", "show", mailing["mailing_id"])
    mailings("mailings", "copy", mailing["mailing_id"], "--for", "1h")

    assert (created.items() >= said.items(), changed) == (True, said)
    assert as_before == {"max_attempts": None, "on_unknown": None}
    lines = {" ".join(line.split()) for line in shown.out.splitlines()}
    assert {"priority urgent", "class critical"} <= lines
    assert {"attempts at most 3", "if unknown prefer_silence"} <= lines
    assert sent(services).items() >= said.items()


def test_without_a_start_the_length_counts_from_now(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer("/v1/mailings", mailing, status=201)

    mailings(*CREATE, "--for", "2h")

    ends_at = datetime.fromisoformat(sent(services)["ends_at"])
    assert sent(services)["starts_at"] is None
    assert abs(ends_at - datetime.now(ends_at.tzinfo) - timedelta(hours=2)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "window",
    [
        (),
        ("--for", "2h", "--ends-at", "2027-01-01T10:00Z"),
        ("--ends-at", "2027-01-01T10:00"),
        ("--ends-at", "tomorrow"),
        ("--for", "2"),
        ("--for", "0s"),
        ("--for", "9999999999999d"),
        ("--for", "999999999d"),
    ],
)
def test_a_window_that_cannot_be_is_a_mistake_of_usage(
    services: Services, mailings: Mailings, window: tuple[str, ...]
) -> None:
    assert mailings(*CREATE, *window).code == Exit.USAGE
    assert services.asked == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("2h", 7_200),
        ("1d", 86_400),
        ("1h30m", 5_400),
        ("PT1H30M", 5_400),
        ("P1DT1S", 86_401),
    ],
)
def test_a_duration_is_read_as_people_and_as_iso_8601_write_it(text: str, seconds: int) -> None:
    assert read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("command", ["pause", "resume", "stop"])
def test_who_moves_the_switch_is_named(
    services: Services, mailings: Mailings, mailing: Json, command: str
) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}/{command}", mailing)

    mailings("mailings", command, mailing["mailing_id"], "--by", "anna")

    assert sent(services) == {"by": "anna"}


def test_a_mailing_shows_both_switches(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    switches = {
        "status": "paused",
        "paused_at": "2026-01-01T12:00:00Z",
        "paused_by": "anna",
        "paused_runs": [{"run_id": RUN, "since": "2026-01-01T13:00:00Z", "by": None}],
    }
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing | switches)

    out = mailings("mailings", "show", mailing["mailing_id"]).out

    assert "paused since 2026-01-01 12:00:00 UTC by anna" in out
    assert f"{RUN} paused since 2026-01-01 13:00:00 UTC" in out


def test_who_resumes_a_mailing_is_told_that_the_runs_own_switch_is_still_on(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    paused = {"run_id": RUN, "since": "2026-01-01T13:00:00Z", "by": "bo"}
    resumed = mailing | {"paused_runs": [paused]}
    services.answer(f"/v1/mailings/{mailing['mailing_id']}/resume", resumed)

    err = mailings("mailings", "resume", mailing["mailing_id"]).err

    assert "still paused since 2026-01-01 13:00:00 UTC by bo" in err
    assert f"./mailings runs resume {RUN}" in err


@pytest.mark.parametrize("command", ["start", "pause", "resume", "stop"])
def test_a_command_goes_to_its_path_and_shows_the_mailing(
    services: Services, mailings: Mailings, mailing: Json, command: str
) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}/{command}", mailing)

    result = mailings("mailings", command, mailing["mailing_id"], "-o", "json")

    assert result.json == mailing
    assert services.asked[0].method == "POST"


def test_an_interrupt_ends_the_watching_and_not_the_mailing(
    services: Services, mailings: Mailings, mailing: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> Answer:
        os.kill(os.getpid(), signal.SIGINT)
        return Answer(503, b"")  # the interrupt may be seen a moment later

    monkeypatch.setattr(services, "take", interrupt)
    # A shell lets what it starts in the background ignore interrupts, these tests as well.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = mailings("mailings", "watch", mailing["mailing_id"])
    finally:
        signal.signal(signal.SIGINT, before)

    assert result.code == 128 + signal.SIGINT
    assert f"`./mailings mailings stop {mailing['mailing_id']}`" in result.err


def test_mailings_are_listed_by_all_that_a_list_can_be_asked_for(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer("/v1/mailings", page([mailing]))
    asked = ("spring sale", "--gateway", "sms", "--status", "paused", "--id", RUN)

    assert mailing["name"] in mailings("mailings", "list", *asked).out
    shown = services.asked[0].parameters
    assert {name: shown[name] for name in ("q", "gateway", "status", "ids")} == {
        "q": "spring sale",
        "gateway": "sms",
        "status": "paused",
        "ids": RUN,
    }


def test_what_happened_to_a_mailing_is_shown_one_event_a_line(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    event = {
        "version": 2,
        "type": "MailingChanged",
        "recorded_at": "2026-01-01T12:00:00Z",
        "by": None,
        "nominal": None,
        "reason": None,
        "changes": [{"field": each, "before": "a", "after": "b"} for each in ("name", "body")],
    }
    services.answer(f"/v1/mailings/{mailing['mailing_id']}/events", page([event]))

    shown = mailings("mailings", "history", mailing["mailing_id"], "--limit", "500").out

    assert "MailingChanged" in shown
    assert "name, body" in shown
    assert services.asked[0].parameters["limit"] == "100"


def test_mailings_are_listed_by_status(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer("/v1/mailings", page([mailing]))

    result = mailings("mailings", "list", "--status", "running")

    assert mailing["mailing_id"] in result.out
    assert services.asked[0].parameters["status"] == "running"


def test_a_mailing_whose_run_was_missed_is_listed_as_missed(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    missed = {**mailing, "status": "finished", "missed_reason": "window_over"}
    services.answer("/v1/mailings", page([missed]))

    result = mailings("mailings", "list")

    assert "missed" in result.out
    assert "finished" not in result.out


PREVIEW = {
    "clients": 3,
    "without_contact": 1,
    "starts_at": "2026-01-01T12:00:00Z",
    "ends_at": "2026-01-01T14:00:00Z",
}


MESSAGE = {
    "client_id": "01a201e4-6c68-70f0-baaf-d5cbd070123b",
    "sender": None,
    "subject": "News",
    "text": "Hello Anna",
    "html": None,
    "sms": {"characters": 161, "alphabet": "gsm7", "segments": 2},
    "missing": ["comment"],
}
WHOLE = {"is_whole": True, "missing": {"comment": 2}, "message": MESSAGE}


def test_a_preview_shows_what_a_client_gets_and_what_others_lack(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}/preview", PREVIEW | WHOLE)

    of_any = mailings("mailings", "preview", mailing["mailing_id"])
    first = sent(services)
    of_one = mailings(
        "mailings",
        "preview",
        mailing["mailing_id"],
        "--client",
        MESSAGE["client_id"],
        "-o",
        "json",
    )

    lines = [" ".join(line.split()) for line in of_any.out.splitlines()]
    assert {
        *("would go to 3", "of them without contact 1", "of them without comment 2"),
        *("text Hello Anna", "subject News", "lacks comment"),
        "as SMS 2 of GSM 7-bit, 161 characters",
    } <= set(lines)
    assert (first, sent(services)) == ({"client_id": None}, {"client_id": MESSAGE["client_id"]})
    assert of_one.json == PREVIEW | WHOLE


AUDIENCE = {
    "selected": 3,
    "is_whole": True,
    "messages": 2,
    "left_out": [{"reason": "same_contact", "clients": 1}],
    "unknown_phones": [],
    "clients": [],
    "next_cursor": None,
}
WHEN: Json = {
    "words": {"en": ["every day at 09:00"], "ru": []},
    "occurrences": [
        {
            "nominal": "2026-03-01T09:00[Europe/Moscow]",
            "at": "2026-03-01T06:00:00Z",
            "ends_at": "2026-03-02T06:00:00Z",
            "remark": None,
        }
    ],
    "is_whole": True,
    "tzdata": "2026.6",
}


def test_a_dry_run_shows_to_how_many_it_would_go_and_creates_nothing(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/mailings/preview", PREVIEW)
    due = {
        "times": [{"at": "2026-03-01T06:00:00Z", "clients": 2}],
        "count": 1,
        "is_whole": True,
        "skipped": [{"reason": "no_zone", "clients": 1}],
    }
    services.answer("/v1/audience-previews", AUDIENCE | {"due": due})
    services.answer("/v1/schedule-previews", WHEN)
    daily = ("--repeat", "daily 09:00", "--zone", "Europe/Moscow")
    local = ("--clock", "recipient", "--if-no-zone", "skip")

    result = mailings(*CREATE, "--for", "2h", "--tag", "vip", "--dry-run", *daily, *local)

    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert {"would go to 3", "left out: same contact 1", "when every day at 09:00"} <= set(lines)
    assert [each.path for each in services.asked] == [
        *("/v1/mailings/preview", "/v1/schedule-previews", "/v1/audience-previews"),
    ]
    wanted = {"tags": ["vip"], "operator_codes": []}
    asked = [json.loads(each.body) for each in services.asked]
    assert [each.get("filter") for each in asked] == [wanted, None, wanted]
    assert {"at 2026-03-01 06:00:00 UTC 2", "left out: no zone 1"} <= set(lines)
    first = WHEN["occurrences"][0]
    assert asked[2]["times"] == {
        "time_policy": {"kind": "recipient_local", "no_zone": "skip"},
        "nominal": first["nominal"],
        "starts_at": first["at"],
        "ends_at": first["ends_at"],
    }


def test_a_dry_run_goes_on_without_a_dispatcher_and_says_so(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/mailings/preview", PREVIEW)
    services.answer("/v1/audience-previews", {"title": "Unavailable"}, status=503)

    result = mailings(*CREATE, "--for", "2h", "--dry-run", "-o", "json")

    assert result.json == {**PREVIEW, "audience": None, "schedule": None}
    assert "Who is left out is not known" in " ".join(result.err.split())


def test_a_dry_run_that_selects_nobody_says_how_to_find_out_why(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/mailings/preview", {**PREVIEW, "clients": 0})
    services.answer("/v1/audience-previews", {**AUDIENCE, "selected": 0, "messages": 0})

    result = mailings(*CREATE, "--for", "2h", "--dry-run")

    assert "selects nobody" in result.err
    assert "./mailings clients list" in result.err


def test_the_text_may_come_from_a_file_or_from_standard_input(
    services: Services,
    mailings: Mailings,
    mailing: Json,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services.answer("/v1/mailings", mailing, status=201)
    create = ("mailings", "create", "--name", "Spring", "--for", "2h", "--body-file")
    file = tmp_path / "body.txt"
    file.write_text("Grüße,\nWelt\n", "utf-8")

    mailings(*create, str(file))
    from_file = sent(services)["body"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Piped")))
    mailings(*create, "-")

    assert (from_file, sent(services)["body"]) == ("Grüße,\nWelt", "Piped")


def test_a_text_that_is_no_utf_8_or_comes_twice_or_never_is_a_mistake_of_usage(
    mailings: Mailings, tmp_path: Path
) -> None:
    file = tmp_path / "body.txt"
    file.write_bytes(b"\xff\xfe")
    create = ("mailings", "create", "--name", "Spring", "--for", "2h")

    assert mailings(*create, "--body-file", str(file)).code == Exit.USAGE
    assert mailings(*create, "--body-file", str(file), "--body", "x").code == Exit.USAGE
    assert mailings(*create).code == Exit.USAGE


def test_an_edit_sends_only_what_is_named(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing)
    edit = ("mailings", "edit", mailing["mailing_id"])

    mailings(*edit, "--subject", "", "--tag", "new")
    some = (services.asked[-1].method, sent(services))
    mailings(*edit, "--to-all")

    assert some == ("PATCH", {"subject": None, "filter": {"tags": ["new"]}})
    assert sent(services) == {"filter": None}
    assert mailings(*edit).code == Exit.USAGE


def test_a_copy_has_all_but_its_window_from_the_other(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", mailing)
    services.answer("/v1/mailings", mailing, status=201)

    result = mailings(
        "mailings", "copy", mailing["mailing_id"], "--name", "Again",
        "--starts-at", "2027-01-01T10:00Z", "--for", "1h", "-q",
    )  # fmt: skip

    assert result.out == f"{mailing['mailing_id']}\n"
    same = {name: mailing[name] for name in ("body", "subject", "filter", "gateway")}
    window = {"starts_at": "2027-01-01T10:00:00+00:00", "ends_at": "2027-01-01T11:00:00+00:00"}
    assert sent(services) == {"name": "Again", **same, **window}


def test_a_mailing_is_deleted(services: Services, mailings: Mailings, mailing: Json) -> None:
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", {})

    result = mailings("mailings", "delete", mailing["mailing_id"])

    assert (result.code, services.asked[-1].method) == (Exit.OK, "DELETE")
    shown = mailings("mailings", "delete", mailing["mailing_id"], "-o", "json").json
    assert shown == {"mailing_id": mailing["mailing_id"], "status": "deleted"}
