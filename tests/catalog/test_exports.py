"""What is exported can be imported again, mended or as it is."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.files.columns import armed, joined_tags, split_tags
from services.catalog.queries import export
from shared.exported import harmless

CSV, NDJSON = "text/csv", "application/x-ndjson"
ANNA = {
    "phone": "79161234567",
    "email": "anna@example.com",
    "full_name": "=Anna; \u042f\u043d\u0430",
    "comment": 'a "b"\nsecond, line',
    "tags": ["vip", "a,b", 'quo"te', "-x"],
    "time_zone": "Europe/Moscow",
    "preferred_times": [{"days": ["monday", "friday"], "at": "09:00"}],
    "external_id": "+1",
}
OTHERS: list[dict[str, Any]] = [
    {"email": "boris@example.com", "full_name": "Boris"},
    {"email": "boris@example.com", "full_name": "Another Boris", "external_id": "'=2"},
    {"phone": "79161234568", "operator_code": "999", "comment": "''-"},
]


async def imported(http: AsyncClient, body: bytes, content_type: str) -> dict[str, Any]:
    headers = {"Content-Type": content_type}
    result: dict[str, Any] = (await http.post("/imports", content=body, headers=headers)).json()
    return result


async def register(http: AsyncClient) -> None:
    for each in (ANNA, *OTHERS):
        assert (await http.post("/clients", json=each)).status_code == 201


@pytest.mark.parametrize("page", [1, 2, 1_000])
@pytest.mark.parametrize(("wanted", "content_type"), [("csv", CSV), ("ndjson", NDJSON)])
async def test_what_is_exported_changes_nothing_when_it_is_imported_again(
    http: AsyncClient, monkeypatch: pytest.MonkeyPatch, wanted: str, content_type: str, page: int
) -> None:
    monkeypatch.setattr(export, "PAGE", page)
    await register(http)

    exported = await http.get("/clients/export", params={"format": wanted})
    result = await imported(http, exported.content, content_type)

    assert exported.headers["content-type"].startswith(content_type)
    assert f'filename="clients.{wanted}"' in exported.headers["content-disposition"]
    assert (result["rows"], result["unchanged"], result["rejected"]) == (4, 4, 0)


@pytest.mark.parametrize(("wanted", "content_type"), [("csv", CSV), ("ndjson", NDJSON)])
async def test_who_has_gone_is_registered_again_as_it_was(
    http: AsyncClient, wanted: str, content_type: str
) -> None:
    await register(http)
    exported = await http.get("/clients/export", params={"format": wanted})
    before = (await http.get("/clients")).json()["items"]
    for each in before:
        await http.delete(f"/clients/{each['client_id']}")

    result = await imported(http, exported.content, content_type)

    own = ("client_id", "version", "created_at", "changed_at")
    now = (await http.get("/clients")).json()["items"]
    assert (result["created"], result["rejected"]) == (4, 0)
    for them in (before, now):
        them.sort(key=lambda each: (each["phone"] or "", each["external_id"] or ""))
        for each in them:
            for name in own:
                del each[name]
    assert now == before


async def test_an_export_has_those_who_are_asked_for(http: AsyncClient) -> None:
    await register(http)

    lines = (await http.get("/clients/export", params={"tag": "vip"})).text.splitlines()

    assert len(lines) == 1
    assert "79161234567" in lines[0]


async def test_an_export_goes_on_behind_the_last_line_that_arrived(http: AsyncClient) -> None:
    await register(http)
    whole = (await http.get("/clients/export")).text.splitlines()
    listed = (await http.get("/clients")).json()["items"]
    place = f"{listed[1]['created_at']},{listed[1]['client_id']}"
    cursor = urlsafe_b64encode(place.encode()).decode()

    rest = await http.get("/clients/export", params={"cursor": cursor})
    table = await http.get("/clients/export", params={"cursor": cursor, "format": "csv"})

    assert rest.text.splitlines() == whole[2:]
    assert "client_id" not in table.text
    assert (await http.get("/clients/export", params={"cursor": "?"})).status_code == 422


async def test_rejected_rows_are_mended_and_imported_again(http: AsyncClient) -> None:
    body = (
        "\u0422\u0435\u043b\u0435\u0444\u043e\u043d;\u0424\u0418\u041e;\u0422\u0435\u0433\u0438\n"
        "79161234567;Anna;vip\n"
        '8916;"=Boris; B";new\n'
        "79161234568;C\n"
        '79161234569;"D\n'
    ).encode("cp1251")
    result = await imported(http, body, CSV)

    path = f"/imports/{result['import_id']}/rejections/export"
    rejected = await http.get(path)
    lines = rejected.content.decode("utf-8-sig").split("\r\n")
    mended = rejected.text.replace("8916;", "8 916 123-45-60;").replace(";C", ";C;").encode()
    again = await imported(http, mended, CSV)
    apart = await http.get(path, params={"format": "ndjson"})

    assert lines[:4] == [
        "reason;reason_code;line;\u0422\u0435\u043b\u0435\u0444\u043e\u043d;\u0424\u0418\u041e;\u0422\u0435\u0433\u0438",
        'phone: 7 and ten digits, as in 79161234567;phone: phone;3;8916;"\'=Boris; B";new',
        "2 cells where the header has 3;cells 3;4;79161234568;C",
        'a quoted cell does not end;quotes;5;"79161234569;""D"',
    ]
    assert (again["created"], again["rejected"]) == (2, 1)
    found = (await http.get("/clients", params={"phone": "79161234560"})).json()["items"]
    assert found[0]["full_name"] == "=Boris; B"
    assert [each["row"] for each in map(json.loads, apart.text.splitlines())] == [2, 3, 4]


async def test_of_an_unknown_import_no_rows_are_exported(http: AsyncClient) -> None:
    path = "/imports/00000000-0000-0000-0000-000000000001/rejections/export"

    assert (await http.get(path)).status_code == 404


@given(st.text(max_size=20))
def test_what_is_made_harmless_comes_back_as_it_was(text: str) -> None:
    assert armed([harmless(text) or ""]) == [text]


@given(st.lists(st.text(min_size=1, max_size=5).filter(str.strip)))
def test_tags_in_one_cell_come_out_as_they_went_in(tags: list[str]) -> None:
    assert split_tags(joined_tags(tags)) == tuple(tags)
