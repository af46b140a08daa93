"""What goes wrong over HTTP, as sentences and exit codes."""

import pytest

from cli import Exit
from tests.cli.conftest import Answer, Mailings, Services

ID = "01a201e4-6c68-70f0-baaf-d5cbd070123b"
PATH = f"/v1/mailings/{ID}"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Exit.ERROR),
        (404, Exit.NOT_FOUND),
        (410, Exit.NOT_FOUND),
        (409, Exit.CONFLICT),
        (412, Exit.CONFLICT),
        (413, Exit.ERROR),
        (422, Exit.ERROR),
        (500, Exit.ERROR),
        (502, Exit.UNAVAILABLE),
        (503, Exit.UNAVAILABLE),
        (504, Exit.UNAVAILABLE),
    ],
)
def test_each_status_has_its_exit_code_its_title_and_what_to_do(
    services: Services, mailings: Mailings, status: int, code: Exit
) -> None:
    services.refuse(PATH, status, title="It is like this.")

    result = mailings("mailings", "show", ID)

    assert result.code == code
    assert result.err.startswith("It is like this.\n  What to do: ")
    assert result.out == ""


def test_a_conflict_names_the_command_that_shows_the_state(
    services: Services, mailings: Mailings
) -> None:
    services.refuse(f"{PATH}/pause", 409, title="It has finished.")

    said = mailings("mailings", "pause", ID).err

    assert f"`./mailings mailings show {ID}`" in said


def test_each_place_is_shown_with_its_pointer_and_its_detail(
    services: Services, mailings: Mailings
) -> None:
    places = [
        {"pointer": "/ends_at", "code": "window_over", "detail": "it has passed already"},
        {"pointer": "/name", "code": "length"},
        {"pointer": "", "code": "not_utf8"},
    ]
    services.refuse(PATH, 422, title="A mailing cannot be like this.", errors=places)

    lines = mailings("mailings", "show", ID).err.splitlines()

    assert lines[1:4] == [
        "  /ends_at: it has passed already",
        "  /name: length",
        "  the whole request: not_utf8",
    ]


def test_mistakes_that_are_not_shown_are_counted(services: Services, mailings: Mailings) -> None:
    places = [{"pointer": f"/{number}", "code": "odd"} for number in range(20)]
    services.refuse(PATH, 422, title="It cannot be.", errors=places, error_count=2_020)

    lines = mailings("mailings", "show", ID).err.splitlines()

    assert lines[20:22] == ["  /19: odd", "  and 2,000 more"]


def test_a_fault_of_a_service_names_its_log_and_its_trace(
    services: Services, mailings: Mailings
) -> None:
    services.refuse(PATH, 500, title="This is a fault of ours.", trace_id="abc123")

    said = mailings("mailings", "show", ID).err

    assert "./mailings logs catalog" in said
    assert "abc123" in said


def test_a_service_that_cannot_be_reached_is_named_with_its_address_and_how_to_start_it(
    monkeypatch: pytest.MonkeyPatch, mailings: Mailings
) -> None:
    monkeypatch.setenv("STATS_URL", "http://127.0.0.1:1")

    result = mailings("stats")

    assert result.code == Exit.UNAVAILABLE
    assert "http://127.0.0.1:1" in result.err
    assert "./mailings up" in result.err
    assert "STATS_URL" in result.err


def test_where_nothing_runs_and_no_address_is_set_that_is_said(
    monkeypatch: pytest.MonkeyPatch, mailings: Mailings
) -> None:
    monkeypatch.delenv("STATS_URL", raising=False)

    result = mailings("stats")

    assert result.code == Exit.UNAVAILABLE
    assert "./mailings up" in result.err


@pytest.mark.parametrize(
    "address", ["localhost:8001", "8001", "http://127.0.0.1:99999", "http://"]
)
def test_an_address_that_is_none_is_told_from_a_service_that_is_away(
    monkeypatch: pytest.MonkeyPatch, mailings: Mailings, address: str
) -> None:
    monkeypatch.setenv("STATS_URL", address)

    result = mailings("stats")

    assert result.code == Exit.USAGE
    assert f"STATS_URL is {address!r}" in result.err


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>It works!</html>", "text/html"),
        Answer(404, b"<html>no such page</html>", "text/html"),
        Answer(404, b'{"title": "Not Found"}', "application/problem+json"),
        Answer(400, b"[]"),
    ],
)
def test_an_answer_of_something_else_is_no_answer_of_the_service(
    services: Services, mailings: Mailings, answer: Answer
) -> None:
    services.answers["/v1/totals"] = [answer]

    result = mailings("stats")

    assert result.code == Exit.ERROR
    assert "not as the stats does" in result.err
    assert "STATS_URL" in result.err


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(
    services: Services, mailings: Mailings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    services.answer("/v1/mailings", {"items": [], "next_cursor": None})

    assert mailings("mailings", "list").code == Exit.OK


def test_what_an_error_says_cannot_command_the_terminal(
    services: Services, mailings: Mailings
) -> None:
    services.refuse(PATH, 409, title="\x1b[2Jno")

    assert "\x1b" not in mailings("mailings", "show", ID).err


def test_exit_codes_are_what_scripts_rely_on_and_the_help_names_them(mailings: Mailings) -> None:
    assert {each.name: each.value for each in Exit} == {
        "OK": 0,
        "ERROR": 1,
        "USAGE": 2,
        "NOT_FOUND": 3,
        "CONFLICT": 4,
        "UNAVAILABLE": 5,
    }

    told = " ".join(mailings("--help").out.split())

    assert told.endswith(
        "Exit codes: 0 done; 1 refused, or it failed; 2 not understood; 3 there is no such thing;"
        " 4 it cannot be done in this state; 5 nobody answers."
    )


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("stats",),
        ("clients", "import"),
        ("clients", "list"),
        ("mailings", "list"),
        ("mailings", "show"),
        ("mailings", "watch"),
        ("messages", "list"),
        ("messages", "show"),
    ],
    ids=" ".join,
)
def test_everything_that_reads_answers_as_a_table_or_as_json(
    mailings: Mailings, command: tuple[str, ...]
) -> None:
    told = mailings(*command, "--help").out

    assert "--output" in told
    assert "<table|json>" in told


def test_what_is_gone_says_since_when(services: Services, mailings: Mailings) -> None:
    services.refuse(PATH, 410, title="It is too old.", since="2026-06-01T09:00:00.123456Z")

    assert "It is gone since 2026-06-01 09:00:00 UTC." in mailings("mailings", "show", ID).err
