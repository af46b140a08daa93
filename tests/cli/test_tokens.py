"""The tokens that the command line shows: whose, from where, and never where others can see it."""

from pathlib import Path

import pytest

from cli import Exit
from tests.cli.conftest import Mailings, Services, page

TOKEN = "c0ffee" * 8


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # where no `.env` of a developer is


def shown(services: Services) -> set[str | None]:
    return {each.authorization for each in services.asked}


def test_without_a_token_none_is_shown(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/mailings", page([]))

    assert mailings("mailings", "list").code == 0

    assert shown(services) == {None}


@pytest.mark.parametrize("name", ["MAILINGS_TOKEN", "CATALOG_API_TOKEN"])
@pytest.mark.parametrize("is_in_file", [True, False])
def test_a_token_that_is_set_is_shown(
    services: Services,
    mailings: Mailings,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    is_in_file: bool,
) -> None:
    services.answer("/v1/mailings", page([]))
    if is_in_file:
        Path(".env").write_text(f"{name}={TOKEN}")
    else:
        monkeypatch.setenv(name, TOKEN)

    result = mailings("mailings", "list")

    assert shown(services) == {f"Bearer {TOKEN}"}
    assert TOKEN not in result.out + result.err


def test_a_token_is_read_from_the_file_that_is_named(
    services: Services, mailings: Mailings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("MAILINGS_TOKEN_FILE", "token")
    services.answer("/v1/mailings", page([]))

    mailings("mailings", "list")

    assert shown(services) == {f"Bearer {TOKEN}"}


def test_the_token_of_a_service_is_shown_to_no_other_one(
    services: Services, mailings: Mailings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATS_API_TOKEN", TOKEN)
    services.answer("/v1/mailings", page([]))

    mailings("mailings", "list")

    assert shown(services) == {None}


@pytest.mark.parametrize("token", [" ", "c0 ffee", "c0ffee\u00e4"])
def test_what_cannot_be_sent_is_refused_without_being_shown(
    services: Services, mailings: Mailings, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("MAILINGS_TOKEN", token)

    result = mailings("mailings", "list")

    assert (result.code, result.out) == (Exit.USAGE, "")
    assert result.err.startswith("MAILINGS_TOKEN is no token")
    assert "c0" not in result.err
    assert services.asked == []


def test_a_file_that_is_not_there_is_named_by_its_setting(
    services: Services, mailings: Mailings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILINGS_TOKEN_FILE", "nowhere")

    assert mailings("mailings", "list").err.startswith("MAILINGS_TOKEN_FILE: ")
    assert services.asked == []


def test_who_is_refused_for_want_of_a_token_learns_where_to_put_it(
    services: Services, mailings: Mailings
) -> None:
    services.refuse("/v1/mailings", 401, title="This service wants its token.")

    result = mailings("mailings", "list")

    assert result.code == Exit.ERROR
    assert "MAILINGS_TOKEN_FILE" in result.err
    assert "CATALOG_API_TOKEN" in result.err
