"""The commands about suppressions."""

import json
from pathlib import Path

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services, page

CLIENT = "01948a2c-0001-7000-8000-000000000001"
OWN: Json = {
    "subject": "Zm9yLWFubmEtYXQtaG9tZQ",
    "kind": "email",
    "topic": "news",
    "reason": "requested",
    "source": None,
    "since": "2026-01-01T12:00:00Z",
}
PATH = "/v1/suppressions"


@pytest.mark.parametrize(
    ("whom", "field"),
    [(CLIENT, "client_id"), ("79161234567", "phone"), ("anna@example.com", "email")],
)
def test_a_client_or_a_contact_is_suppressed_as_it_is_typed(
    services: Services, mailings: Mailings, whom: str, field: str
) -> None:
    services.answer(PATH, OWN)

    done = mailings("clients", "suppress", whom, "--topic", "news", "--source", "shop")

    assert (done.code, "news" in done.out) == (Exit.OK, True)
    body = json.loads(services.asked[0].body)
    wanted = {"topic": "news", "reason": "requested", "source": "shop"}
    assert body == {field: whom} | wanted


def test_what_is_neither_is_not_sent(services: Services, mailings: Mailings) -> None:
    assert mailings("clients", "suppress", "anna").code == Exit.USAGE
    assert services.asked == []


def test_all_that_is_suppressed_of_it_is_lifted(services: Services, mailings: Mailings) -> None:
    services.answer(PATH, page([OWN, OWN | {"topic": None}, OWN | {"subject": "other"}]))
    for subject in (OWN["subject"], "other"):
        services.answer(f"{PATH}/{subject}", {})

    done = mailings("clients", "unsuppress", "anna@example.com")

    assert done.code == Exit.OK
    lifted = [each.path for each in services.asked if each.method == "DELETE"]
    assert lifted == [f"{PATH}/{OWN['subject']}", f"{PATH}/other"]
    shown = mailings("clients", "unsuppress", "anna@example.com", "-o", "json").json
    assert shown == {"lifted": [OWN["subject"], "other"], "topic": None}


def test_of_a_contact_whose_client_is_suppressed_too_the_contact_alone_is_lifted(
    services: Services, mailings: Mailings
) -> None:
    client = OWN | {"subject": CLIENT, "kind": "client"}
    services.answer(PATH, page([OWN, client]))
    services.answer(f"{PATH}/{OWN['subject']}", {})

    assert mailings("clients", "unsuppress", "anna@example.com").code == Exit.OK
    lifted = [each.path for each in services.asked if each.method == "DELETE"]
    assert lifted == [f"{PATH}/{OWN['subject']}"]

    services.answer(PATH, page([client]))
    done = mailings("clients", "unsuppress", "anna@example.com")

    assert (done.code, CLIENT in done.err) == (Exit.NOT_FOUND, True)


def test_what_is_not_suppressed_cannot_be_lifted(services: Services, mailings: Mailings) -> None:
    services.answer(PATH, page([OWN]))

    assert mailings("clients", "unsuppress", CLIENT, "--topic", "offers").code == Exit.NOT_FOUND


def test_the_list_shows_what_is_asked_for(services: Services, mailings: Mailings) -> None:
    services.answer(PATH, page([OWN]))

    done = mailings("suppressions", "list", "--topic", "news", "--whom", "anna@example.com")

    assert OWN["subject"] in done.out
    assert services.asked[0].parameters["email"] == "anna@example.com"
    assert mailings("suppressions", "list", "-o", "json").json == [OWN]


def test_a_file_is_sent_as_it_is_and_names_the_lines_that_are_none(
    services: Services, mailings: Mailings, tmp_path: Path
) -> None:
    file = tmp_path / "refused.csv"
    file.write_text("anna@example.com\nnobody\n")
    counts = {"lines": 2, "suppressed": 1, "unchanged": 0, "refused": 1}
    refused = [{"line": 2, "column": "key_id", "code": "unknown_key", "detail": "no such key"}]
    services.answer(f"{PATH}/import", counts | {"refused_lines": refused})

    done = mailings("suppressions", "import", str(file), "--reason", "bounced")

    assert done.code == Exit.OK
    assert "refused.csv, line 2, key_id: no such key" in done.err
    assert services.asked[0].body == file.read_bytes()
    assert services.asked[0].parameters == {"reason": "bounced"}
