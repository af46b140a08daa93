"""The commands about gateways."""

from pathlib import Path
from typing import Any

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services

GATEWAYS = "/v1/gateways"
TOML = """
[gateways.sms]
kind = "http"
url = "https://sms.example/messages"
rate = 100

[gateways.mail]
kind = "smtp"
url = "smtps://mail.example"
sender = "Shop <news@shop.example>"
"""
YAML = """
gateways:
  sms: {kind: http, url: "https://sms.example/messages", rate: 100}
"""
SMS = {"kind": "http", "url": "https://sms.example/messages", "rate": 100}


def gateway(name: str = "sms", version: int = 1, **fields: Any) -> Json:
    return {
        "name": name,
        "kind": "http",
        "contact": "phone",
        "description": SMS,
        "is_paused": False,
        "problem": None,
        "version": version,
        "idempotent": False,
        "in_flight": 3,
        "free": 61,
        "created_at": "2026-01-01T12:00:00Z",
        "changed_at": "2026-01-01T12:00:00Z",
    } | fields


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateways.toml"
    path.write_text(TOML)
    return path


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "ready"),
        ({"is_paused": True}, "paused"),
        ({"problem": "the variable SMS_TOKEN of a secret is not there"}, "misconfigured"),
    ],
)
def test_gateways_are_listed_with_their_state(
    services: Services, mailings: Mailings, fields: Json, state: str
) -> None:
    services.answer(GATEWAYS, {"items": [gateway(**fields)], "next_cursor": None})

    out = mailings("gateways", "list").out

    assert {"sms", "http", "phone", state, "3", "61", "100"} <= set(out.split())


def test_a_gateway_is_shown_with_its_description(services: Services, mailings: Mailings) -> None:
    services.answer(f"{GATEWAYS}/sms", gateway())

    out = mailings("gateways", "show", "sms").out

    assert "url: https://sms.example/messages" in out


USED: Json = {
    "in_flight": 7,
    "free": 121,
    "answers": {"accepted": 1_000, "refused": 2, "not_processed": 3, "unknown": 4},
    "p50_s": 0.12,
    "p95_s": 0.4,
    "last_failure": {"at": "2026-01-01T12:00:00Z", "reason": "status_503", "status_code": 503},
}
UNUSED: Json = {
    "in_flight": 0,
    "free": 0,
    "answers": dict.fromkeys(USED["answers"], 0),
    "p50_s": None,
    "p95_s": None,
    "last_failure": None,
}
AS_REPORTED = {"replica_id": "1", "reported_at": "2026-01-01T12:00:00Z", "is_stale": False}


def test_a_gateway_is_shown_as_each_replica_uses_it(
    services: Services, mailings: Mailings
) -> None:
    replicas = [
        USED | AS_REPORTED | {"replica": "dispatcher-0"},
        UNUSED | AS_REPORTED | {"replica": "dispatcher-1"},
        UNUSED | AS_REPORTED | {"replica": "dispatcher-2", "is_stale": True},
    ]
    services.answer(f"{GATEWAYS}/sms", gateway(together=USED, replicas=replicas))

    out = " ".join(mailings("gateways", "show", "sms").out.split())

    assert "1,000 accepted, 2 refused, 3 not processed, 4 unknown" in out
    assert "2026-01-01 12:00:00 UTC: status_503 (503)" in out
    assert "dispatcher-0: 7 in flight, 121 free, 1,009 answers in 5 min, within 0.12 s" in out
    assert "dispatcher-1: 0 in flight, 0 free, 0 answers in 5 min, nothing was answered" in out
    assert "dispatcher-2: reports nothing since 2026-01-01 12:00:00 UTC" in out


def test_files_are_applied_and_what_changes_is_shown(
    services: Services, mailings: Mailings, file: Path
) -> None:
    before = gateway(description={"kind": "http", "url": "https://old.example/"})
    known = [gateway(version=2), gateway("mail")]
    services.answer(GATEWAYS, {"items": [before]}, {"items": []}, {"items": known})
    services.answer(f"{GATEWAYS}/sms", gateway(version=2))
    services.answer(f"{GATEWAYS}/mail", gateway("mail"))

    out = mailings("gateways", "apply", "-f", str(file)).out

    lines = [line.split() for line in out.splitlines()]
    assert ["sms", "changed", "rate,", "url"] in lines
    assert ["mail", "new"] in [line[:2] for line in lines]
    assert [each.path for each in services.asked if each.method == "PUT"] == [
        f"{GATEWAYS}/sms",
        f"{GATEWAYS}/mail",
    ]


def test_a_dry_run_changes_nothing(services: Services, mailings: Mailings, file: Path) -> None:
    services.answer(GATEWAYS, {"items": [gateway()]})

    out = mailings("gateways", "apply", "--file", str(file), "--dry-run").out

    lines = [line.split()[:2] for line in out.splitlines()]
    assert ["sms", "same"] in lines
    assert ["mail", "new"] in lines
    assert {each.method for each in services.asked} == {"GET"}


def test_yaml_is_read_as_well(services: Services, mailings: Mailings, tmp_path: Path) -> None:
    path = tmp_path / "gateways.yaml"
    path.write_text(YAML)
    services.answer(GATEWAYS, {"items": [gateway()]})

    assert "same" in mailings("gateways", "apply", "-f", str(path), "--dry-run").out


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("a.toml", "[gateways", "not valid TOML"),
        ("a.yaml", "a: [", "not valid YAML"),
        ("a.toml", "[other]\n", "`gateways` and nothing else"),
        ("a.yaml", "- 1\n", "`gateways` and nothing else"),
        ("a.yaml", "gateways: {sms: 1}\n", "`gateways` and nothing else"),
        ("a.yaml", "gateways: {}\nmore: 1\n", "`gateways` and nothing else"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_before_anything_changes(
    services: Services, mailings: Mailings, tmp_path: Path, name: str, text: str, wrong: str
) -> None:
    (tmp_path / name).write_text(text)

    failed = mailings("gateways", "apply", "-f", str(tmp_path / name))

    assert failed.code == Exit.USAGE
    assert wrong in " ".join(failed.err.split())
    assert services.asked == []


def test_a_gateway_that_is_in_two_files_is_refused(
    services: Services, mailings: Mailings, file: Path
) -> None:
    failed = mailings("gateways", "apply", "-f", str(file), "-f", str(file))

    assert failed.code == Exit.USAGE
    assert "described twice" in failed.err
    assert services.asked == []


def test_a_catalog_that_does_not_hear_of_it_is_said(
    services: Services, mailings: Mailings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.gateways.KNOWN_WITHIN_S", 0.0)
    services.answer(GATEWAYS, {"items": []})
    services.answer(f"{GATEWAYS}/sms", gateway())
    services.answer(f"{GATEWAYS}/mail", gateway("mail"))

    failed = mailings("gateways", "apply", "-f", str(file))

    assert failed.code == Exit.UNAVAILABLE
    assert "does not know mail, sms yet" in failed.err


@pytest.mark.parametrize("what", ["pause", "resume"])
def test_a_gateway_is_paused_and_resumed(
    services: Services, mailings: Mailings, what: str
) -> None:
    services.answer(f"{GATEWAYS}/sms/{what}", gateway(is_paused=what == "pause"))

    mailings("gateways", what, "sms")

    assert [each.method for each in services.asked] == ["POST"]


@pytest.mark.parametrize(("outcome", "code"), [("accepted", Exit.OK), ("unknown", Exit.ERROR)])
def test_a_gateway_is_tried_and_the_exit_code_says_whether_it_took_the_message(
    services: Services, mailings: Mailings, outcome: str, code: Exit
) -> None:
    services.answer(f"{GATEWAYS}/sms/test", {"outcome": outcome, "answer": "so it is"})

    tried = mailings("gateways", "test", "sms", "--phone", "79161234567")

    assert tried.code == code
    assert "so it is" in tried.out
    assert b'"phone":"79161234567"' in services.asked[0].body


def test_a_gateway_is_deleted(services: Services, mailings: Mailings) -> None:
    services.answer(f"{GATEWAYS}/sms", {})

    mailings("gateways", "delete", "sms")

    assert [each.method for each in services.asked] == ["DELETE"]
