"""How audiences are typed: what the options make of a filter, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
CREATE = ("mailings", "create", "--name", "Spring", "--body", "Hello", "--for", "2h", "-q")


@pytest.fixture
def catalog(services: Services) -> Services:
    services.answer("/v1/mailings", {"mailing_id": ID}, status=201)
    return services


def sent(services: Services) -> Any:
    return json.loads(services.asked[-1].body)["filter"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--with-tag", "a", "--with-tag", "b"], {"include": {"all_tags": ["a", "b"]}}),
        (["--in-zone", "UTC"], {"include": {"time_zones": ["UTC"]}}),
        (
            ["--has", "phone", "--has", "email"],
            {"include": {"has_phone": True, "has_email": True}},
        ),
        (["--one-per-contact"], {"one_per_contact": True}),
        (["--without-tag", "a", "--tag", "b"], {"exclude": {"tags": ["a"]}, "tags": ["b"]}),
    ],
    ids=["all tags", "zone", "contacts", "one each", "without a tag"],
)
def test_options_make_a_filter(
    catalog: Services, mailings: Mailings, options: list[str], wanted: Json
) -> None:
    assert mailings(*CREATE, *options).code == Exit.OK

    assert sent(catalog) == {"tags": [], "operator_codes": [], **wanted}


def test_clients_come_from_files_by_id_or_phone(
    catalog: Services, mailings: Mailings, tmp_path: Path
) -> None:
    some, others = tmp_path / "some.txt", tmp_path / "others.txt"
    some.write_text(f"\ufeff79161234567\n\n{ID}\r\n")
    others.write_text("79161234568\n")

    mailings(
        *CREATE, "--clients", str(some), "--except-clients", str(others), "--without-tag", "a"
    )

    found = sent(catalog)
    assert found["include"] == {"client_ids": [ID], "phones": ["79161234567"]}
    assert found["exclude"] == {"or": [{"tags": ["a"]}, {"phones": ["79161234568"]}]}


def test_phones_of_nobody_are_said(catalog: Services, mailings: Mailings, tmp_path: Path) -> None:
    catalog.answer(
        "/v1/mailings",
        {"mailing_id": ID, "unknown_phones": ["/filter/include/phones/1"]},
        status=201,
    )
    (tmp_path / "some.txt").write_text("79161234567\n79161234568\n")

    result = mailings(*CREATE, "--clients", str(tmp_path / "some.txt"))

    assert "1 phones are no client's: 79161234568" in " ".join(result.err.split())


def test_a_whole_filter_comes_from_a_file(
    catalog: Services, mailings: Mailings, tmp_path: Path
) -> None:
    file, wanted = tmp_path / "filter.json", {"include": {"or": [{"tags": ["a"]}]}}
    file.write_text(json.dumps(wanted))

    assert mailings(*CREATE, "--filter", str(file)).code == Exit.OK

    assert sent(catalog) == {"tags": [], "operator_codes": [], **wanted}
    assert mailings(*CREATE, "--filter", str(file), "--tag", "b").code == Exit.USAGE


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--clients", "79161234567\n8916\n", "line 2"),
        ("--clients", "\n", "names nobody"),
        ("--filter", "{", "no JSON"),
        ("--filter", "[]", "has no filter"),
        ("--filter", "{}", "has no filter"),
    ],
)
def test_a_file_that_is_none_is_refused(
    catalog: Services, mailings: Mailings, tmp_path: Path, option: str, text: str, said: str
) -> None:
    (tmp_path / "file").write_text(text)

    result = mailings(*CREATE, option, str(tmp_path / "file"))

    assert result.code == Exit.USAGE
    assert said in " ".join(result.err.replace("│", "").split())
    assert not catalog.asked


def test_an_audience_is_previewed(services: Services, mailings: Mailings) -> None:
    found = {
        "selected": 1_200,
        "is_whole": True,
        "messages": 1_199,
        "unknown_phones": [],
        "left_out": [{"reason": "no_phone", "clients": 1}],
        "next_cursor": None,
        "clients": [
            {
                "client_id": ID,
                "contact": "7916*****67",
                "operator_code": "916",
                "time_zone": None,
                "tags": ["vip"],
                "left_out": None,
            }
        ],
    }
    services.answer("/v1/audience-previews", found)

    shown = mailings("audience", "preview", "--tag", "vip", "--gateway", "sms", "--limit", "1")

    assert json.loads(services.asked[-1].body) == {"filter": {"tags": ["vip"]}, "gateway": "sms"}
    assert services.asked[-1].parameters == {"limit": "1"}
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert {"selected 1,200", "left out: no phone 1"} <= set(lines)
    assert mailings("audience", "preview", "-o", "json").json == found


SAVED = {
    "audience_id": ID,
    "name": "Regulars",
    "filter": {"tags": ["vip"], "operator_codes": []},
    "version": 1,
    "created_at": "2026-01-01T12:00:00Z",
    "changed_at": "2026-01-01T12:00:00Z",
}


def test_an_audience_is_saved_under_a_new_name_or_instead_of_what_it_was(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/audiences", {"items": [], "next_cursor": None}, SAVED)
    services.answer(f"/v1/audiences/{ID}", SAVED)

    first = mailings("audience", "save", "Regulars", "--tag", "vip")
    posted = services.asked[-1]
    services.answer("/v1/audiences", {"items": [SAVED], "next_cursor": None})
    second = mailings("audience", "save", "Regulars", "--without-tag", "staff", "-o", "json")
    patched = services.asked[-1]

    assert ("name", "Regulars") in [tuple(line.split()) for line in first.out.splitlines()]
    assert json.loads(posted.body) == {"name": "Regulars", "filter": {"tags": ["vip"]}}
    assert (patched.method, second.json) == ("PATCH", SAVED)
    assert json.loads(patched.body)["filter"] == {
        "tags": [],
        "operator_codes": [],
        "include": None,
        "one_per_contact": False,
        "exclude": {"tags": ["staff"]},
    }


def test_audiences_are_listed_shown_and_deleted_by_name(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/audiences", {"items": [SAVED], "next_cursor": None})
    services.answer(f"/v1/audiences/{ID}", SAVED)

    assert mailings("audience", "list", "-q").out == f"{ID}\n"
    assert mailings("audience", "show", "Regulars", "-o", "json").json == SAVED
    assert mailings("audience", "delete", "Regulars").code == Exit.OK
    assert (services.asked[-1].method, services.asked[-1].path) == (
        "DELETE",
        f"/v1/audiences/{ID}",
    )
    services.answer("/v1/audiences", {"items": [], "next_cursor": None})
    assert mailings("audience", "show", "Nobody").code == Exit.NOT_FOUND


def test_a_mailing_is_for_a_saved_audience(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/mailings", {"mailing_id": ID}, status=201)

    assert mailings(*CREATE, "--audience", "Regulars").code == Exit.OK

    body = json.loads(services.asked[-1].body)
    assert body["audience"] == "Regulars"
    assert "filter" not in body
    assert mailings(*CREATE, "--audience", "Regulars", "--tag", "a").code == Exit.USAGE


@pytest.mark.parametrize(
    ("options", "sent_as"),
    [
        (["--audience", "Regulars"], {"audience": "Regulars"}),
        (["--audience", ""], {"audience": None}),
        (["--audience", "", "--tag", "a"], {"audience": None, "filter": {"tags": ["a"]}}),
    ],
    ids=["another", "none", "a filter instead"],
)
def test_the_audience_of_a_mailing_is_changed(
    services: Services, mailings: Mailings, options: list[str], sent_as: Json
) -> None:
    services.refuse(f"/v1/mailings/{ID}", 404)

    mailings("mailings", "edit", ID, *options)

    assert json.loads(services.asked[-1].body) == sent_as
    assert mailings("mailings", "edit", ID, "--audience", "x", "--to-all").code == Exit.USAGE


def test_a_saved_audience_is_previewed(services: Services, mailings: Mailings) -> None:
    services.answer(f"/v1/audiences/{ID}", SAVED)
    services.refuse("/v1/audience-previews", 404)

    mailings("audience", "preview", "--audience", ID)

    assert json.loads(services.asked[-1].body)["filter"] == SAVED["filter"]
    assert mailings("audience", "preview", "--audience", ID, "--tag", "a").code == Exit.USAGE
