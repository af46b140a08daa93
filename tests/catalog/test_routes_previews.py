"""Previews of mailings over HTTP."""

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.catalog.queries import previews
from tests.catalog.test_routes_mailings import SPRING, created

TEXT = {"body": "{{ full_name | default: 'friend' }}: {{ comment }} {{ tags | join: '+' }}"}
CLIENTS: list[dict[str, Any]] = [
    {"phone": "79161234567", "tags": ["vip"], "full_name": "Anna", "comment": "Привет"},
    {"phone": "79161234568", "tags": ["vip"], "full_name": "Boris"},
    {"email": "c@example.com", "tags": ["vip", "new"]},
    {"phone": "79161234569", "tags": ["new"], "full_name": "Dora"},
]
WHOM = {"filter": {"tags": ["vip"]}}


@pytest.fixture
async def ids(http: AsyncClient) -> list[str]:
    """Give the ids of the clients."""
    found = [(await http.post("/clients", json=each)).json() for each in CLIENTS]
    return [each["client_id"] for each in found]


async def previewed(http: AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_mailing_is_shown_as_a_client_gets_it(http: AsyncClient, ids: list[str]) -> None:
    mailing = await created(http, gateway="http", **TEXT, **WHOM)

    found = await previewed(http, f"/mailings/{mailing['mailing_id']}/preview", client_id=ids[0])

    assert found == {
        "starts_at": mailing["starts_at"],
        "ends_at": mailing["ends_at"],
        "clients": 3,
        "is_whole": True,
        "without_contact": 1,
        "missing": {"comment": 2, "full_name": 1, "tags": 0},
        "message": {
            "client_id": ids[0],
            "sender": None,
            "subject": None,
            "text": "Anna: Привет vip",
            "html": None,
            "sms": {"characters": 16, "alphabet": "ucs2", "segments": 1},
            "missing": [],
        },
    }


async def test_without_a_client_any_of_those_that_it_goes_to_is_shown(
    http: AsyncClient, ids: list[str]
) -> None:
    mailing = await created(http, **TEXT, filter={"tags": ["vip"], "operator_codes": ["916"]})

    found = await previewed(http, f"/mailings/{mailing['mailing_id']}/preview")

    assert found["clients"] == 2
    assert found["message"]["client_id"] in ids[:2]


async def test_to_nobody_a_message_of_nothing_is_shown(http: AsyncClient) -> None:
    mailing = await created(http, **TEXT)

    found = await previewed(http, f"/mailings/{mailing['mailing_id']}/preview")

    assert (found["clients"], found["missing"]["comment"]) == (0, 0)
    message = found["message"]
    assert (message["client_id"], message["text"]) == (None, "friend:  ")
    assert message["missing"] == ["comment", "full_name", "tags"]


async def test_given_values_are_shown_also_in_place_of_a_clients(
    http: AsyncClient, ids: list[str]
) -> None:
    mailing = await created(http, **TEXT)
    path = f"/mailings/{mailing['mailing_id']}/preview"
    values = {"comment": "hi", "tags": ["a", "b"]}

    alone = await previewed(http, path, values=values)
    both = await previewed(http, path, client_id=ids[0], values=values)

    assert (alone["message"]["client_id"], alone["message"]["text"]) == (None, "friend: hi a+b")
    assert (both["message"]["client_id"], both["message"]["text"]) == (ids[0], "Anna: hi a+b")


async def test_a_mail_that_is_not_saved_is_shown(http: AsyncClient, ids: list[str]) -> None:
    mail = {"gateway": "smtp", "subject": "{{ email }}", "html": "<b>{{ full_name }}</b>"}
    body = SPRING | WHOM | TEXT | mail | {"sender": "Shop <news@shop.example>"}

    found = await previewed(http, "/mailings/preview", **body, client_id=ids[2])

    assert (found["clients"], found["without_contact"], found["missing"]["email"]) == (3, 2, 2)
    assert found["message"] == {
        "client_id": ids[2],
        "sender": "Shop <news@shop.example>",
        "subject": "c@example.com",
        "text": "friend:  vip+new",
        "html": "<b></b>",
        "sms": None,
        "missing": ["comment", "full_name"],
    }
    assert (await http.get("/mailings")).json()["items"] == []


async def test_no_more_clients_are_counted_than_the_bound(
    http: AsyncClient, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "MOST", 2)
    path = "/mailings/preview"

    bounded = await previewed(http, path, **SPRING | WHOM)
    monkeypatch.setattr(previews, "MOST", len(ids) - 1)
    whole = await previewed(http, path, **SPRING | WHOM)

    assert (bounded["clients"], bounded["is_whole"]) == (2, False)
    assert (whole["clients"], whole["is_whole"]) == (3, True)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"client_id": str(UUID(int=1))}, 404, "ClientUnknown"),
        ({"client_id": "1"}, 422, None),
        ({"values": {"name": "Anna"}}, 422, None),
        ({"values": {"comment": "x" * 2_001}}, 422, None),
        ({"values": {"tags": ["x"] * 51}}, 422, None),
    ],
)
async def test_a_preview_to_nobody_who_could_be_is_refused(
    http: AsyncClient, body: dict[str, Any], status: int, kind: str | None
) -> None:
    mailing = await created(http)

    answer = await http.post(f"/mailings/{mailing['mailing_id']}/preview", json=body)

    assert answer.status_code == status
    assert kind in (None, answer.json()["type"])


async def test_a_mailing_that_is_not_there_has_no_preview(http: AsyncClient) -> None:
    answer = await http.post(f"/mailings/{UUID(int=1)}/preview", json={})

    assert (answer.status_code, answer.json()["type"]) == (404, "MailingUnknown")
