"""The commands about runs."""

import json

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services, page

RUN = "0d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"
MAILING = "1d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"


def run() -> Json:
    times = dict.fromkeys(("starts_at", "ends_at", "created_at"), "2026-01-01T12:00:00Z")
    amounts = {"planned": 3, "open": 0, "finished_at": None}
    known = {"run_id": RUN, "mailing_id": MAILING, "gateway": "http", "state": "sending"}
    return {**known, **amounts, **times}


def test_runs_are_listed_with_the_names_of_their_mailings(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/runs", page([run()]))
    services.answer(f"/v1/mailings/{MAILING}", {"name": "Spring"})

    result = mailings("runs", "list", "--mailing", MAILING)

    assert {RUN, "Spring", "sending"} <= set(result.out.split())
    assert services.asked[0].parameters == {"mailing_id": MAILING, "limit": "50"}


def test_a_run_is_shown(services: Services, mailings: Mailings) -> None:
    services.answer(f"/v1/runs/{RUN}", run())

    lines = [line.split() for line in mailings("runs", "show", RUN).out.splitlines()]

    assert ["run_id", RUN] in lines
    assert ["created", "2026-01-01", "12:00:00", "UTC"] in lines


def test_a_run_that_was_resent_is_shown_with_what_both_add_up_to(
    services: Services, mailings: Mailings
) -> None:
    union = {
        "first_run_id": RUN,
        "runs": 2,
        "messages": {"planned": 5, "by_status": {"delivered": 4, "failed": 1, "expired": 0}},
        "recipients": {"clients": 4, "by_status": {"delivered": 4, "failed": 0}},
    }
    services.answer(f"/v1/runs/{RUN}", run(), {"resent_as": [MAILING], "union": union})

    lines = [" ".join(each.split()) for each in mailings("runs", "show", RUN).out.splitlines()]

    assert f"resent as {MAILING}" in lines
    assert "messages of 2 runs 5: delivered 4, failed 1" in lines
    assert "clients of 2 runs 4: delivered 4" in lines


def test_an_unknown_run_is_an_error_with_advice(services: Services, mailings: Mailings) -> None:
    services.refuse(f"/v1/runs/{RUN}", 404, title="No run has this identifier.")

    result = mailings("runs", "show", RUN)

    assert (result.code, "./mailings runs list" in result.err) == (Exit.NOT_FOUND, True)


MAILINGS_SWITCH = {"of": "mailing", "since": "2026-01-01T12:00:00Z", "by": None}
OWN_SWITCH = {"of": "run", "since": "2026-01-01T13:00:00Z", "by": "anna"}


def test_a_run_shows_both_switches_with_who_and_since_when(
    services: Services, mailings: Mailings
) -> None:
    services.answer(f"/v1/runs/{RUN}", run() | {"paused": [MAILINGS_SWITCH, OWN_SWITCH]})

    out = mailings("runs", "show", RUN).out

    assert "by its mailing since 2026-01-01 12:00:00 UTC, by itself since" in out
    assert "by itself since 2026-01-01 13:00:00 UTC by anna" in out


@pytest.mark.parametrize("move", ["pause", "resume", "stop"])
def test_a_run_is_moved_at_the_dispatcher_by_who_is_named_or_logged_in(
    services: Services, mailings: Mailings, monkeypatch: pytest.MonkeyPatch, move: str
) -> None:
    monkeypatch.setenv("LOGNAME", "bo")
    services.answer(f"/v1/runs/{RUN}/{move}", run() | {"paused": [], "stopped": []})

    named, plain = mailings("runs", move, RUN, "--by", "anna"), mailings("runs", move, RUN)

    assert (named.code, plain.code, plain.err) == (Exit.OK, Exit.OK, "")
    assert [json.loads(each.body) for each in services.asked] == [{"by": "anna"}, {"by": "bo"}]


def test_who_resumes_a_run_is_told_that_its_mailing_is_paused_still(
    services: Services, mailings: Mailings
) -> None:
    services.answer(f"/v1/runs/{RUN}/resume", run() | {"paused": [MAILINGS_SWITCH]})

    err = mailings("runs", "resume", RUN).err

    assert "still paused by its mailing since 2026-01-01 12:00:00 UTC" in err
    assert f"./mailings mailings resume {MAILING}" in err


def test_an_account_without_a_name_moves_a_run_all_the_same(
    services: Services, mailings: Mailings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError(10_001)

    monkeypatch.setattr("getpass.getuser", nameless)
    services.answer(f"/v1/runs/{RUN}/pause", run())

    assert mailings("runs", "pause", RUN).code == Exit.OK
    assert json.loads(services.asked[0].body) == {"by": None}


RESEND = ("runs", "resend", RUN, "--status", "failed", "--status", "expired", "--by", "anna")


def test_a_dry_run_of_a_resend_counts(services: Services, mailings: Mailings) -> None:
    counted = {"resent_from": RUN, "clients": 12, "unreachable": 2, "run": None}
    services.answer(f"/v1/runs/{RUN}/resend", counted)

    result = mailings(*RESEND, "--reason", "status_500", "--dry-run")

    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines == ["would go to 12", "of them without contact 2"]
    assert json.loads(services.asked[0].body) == {
        "statuses": ["failed", "expired"],
        "reasons": ["status_500"],
        "by": "anna",
        "dry_run": True,
    }


@pytest.mark.parametrize("window", [("--until", "2027-01-01T10:00Z"), ("--for", "2h")])
def test_a_resend_has_a_window_of_its_own_and_shows_its_run(
    services: Services, mailings: Mailings, window: tuple[str, str]
) -> None:
    made = run() | {"run_id": MAILING, "resent_from": RUN}
    services.answer(f"/v1/runs/{RUN}/resend", {"resent_from": RUN, "clients": 12, "run": made})

    shown, quiet = mailings(*RESEND, *window), mailings(*RESEND, *window, "--quiet")

    lines = [line.split() for line in shown.out.splitlines()]
    assert ["resent_from", RUN] in lines
    assert quiet.out.strip() == MAILING
    asked = json.loads(services.asked[0].body)
    assert (asked["dry_run"], asked["starts_at"]) == (False, None)
    assert asked["ends_at"] is not None


@pytest.mark.parametrize("window", [(), ("--until", "2027-01-01T10:00Z", "--for", "2h")])
def test_a_resend_without_one_end_is_a_mistake_of_usage(
    services: Services, mailings: Mailings, window: tuple[str, ...]
) -> None:
    assert mailings(*RESEND, *window).code == Exit.USAGE
    assert services.asked == []


def reason(status: str, reason: str | None, count: int, code: int | None = None) -> Json:
    example = f"{status[:1]}{count:042}"
    about = {"status": status, "reason": reason, "status_code": code, "count": count}
    return {**about, "example_message_id": example}


def test_reasons_are_added_up_over_all_pages(services: Services, mailings: Mailings) -> None:
    delivered, failed = reason("delivered", "accepted", 5, 200), reason("failed", "no_phone", 9)
    services.answer(
        f"/v1/runs/{RUN}/reasons",
        page([delivered, failed], "more"),
        page([reason("delivered", "accepted", 7, 200), reason("delivered", "created", 1, 201)]),
    )

    lines = [line.split() for line in mailings("runs", "reasons", RUN).out.splitlines()]

    assert lines == [
        ["status", "reason", "code", "count", "message_id"],
        ["delivered", "accepted", "200", "12", delivered["example_message_id"]],
        ["failed", "no_phone", "-", "9", failed["example_message_id"]],
        ["delivered", "created", "201", "1", reason("delivered", "c", 1)["example_message_id"]],
    ]
    assert [each.parameters for each in services.asked] == [{}, {"cursor": "more"}]


def test_reasons_are_there_for_programs(services: Services, mailings: Mailings) -> None:
    services.answer(f"/v1/runs/{RUN}/reasons", page([reason("planned", None, 3)]))

    found = mailings("runs", "reasons", RUN, "--output", "json").json

    assert found == [reason("planned", None, 3)]


def test_a_run_without_messages_has_no_reasons(services: Services, mailings: Mailings) -> None:
    services.answer(f"/v1/runs/{RUN}/reasons", page([]))

    assert "no messages in this run" in mailings("runs", "reasons", RUN).err


def test_reasons_of_an_archived_run_are_gone(services: Services, mailings: Mailings) -> None:
    title = "The run is archived: its figures stay, its messages are deleted."
    services.refuse(f"/v1/runs/{RUN}/reasons", 410, title=title)

    result = mailings("runs", "reasons", RUN)

    assert (result.code, title in result.err) == (Exit.NOT_FOUND, True)


def test_the_version_is_printed(mailings: Mailings) -> None:
    result = mailings("--version")

    assert (result.code, result.out.split()[0]) == (Exit.OK, "mailings")


def test_the_log_of_a_part_that_does_not_exist_is_a_mistake_of_usage(mailings: Mailings) -> None:
    assert mailings("logs", "nope").code == Exit.USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ("mailings", "list", "--id", "nope"),
        ("runs", "pause", "0d6a5c1b"),
        ("runs", "show", "nope"),
        ("imports", "show", "nope"),
        ("messages", "list", "--run", "nope"),
        ("messages", "list", "--client", "nope"),
    ],
)
def test_what_is_no_identifier_is_said_to_be_none_in_plain_words(
    mailings: Mailings, arguments: tuple[str, ...]
) -> None:
    result = mailings(*arguments)

    assert result.code == Exit.USAGE
    said = " ".join(result.err.replace("│", " ").split())
    assert "is not an identifier such as" in said
    assert "UUID" not in said
