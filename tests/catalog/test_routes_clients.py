"""Clients over HTTP."""

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

ANNA = {"phone": "79161234567", "full_name": "Anna", "tags": ["vip", "spring"]}
UNKNOWN = UUID(int=9)


async def registered(http: AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await http.post("/clients", json=ANNA | fields)
    assert response.status_code == 201, response.text
    client: dict[str, Any] = response.json()
    return client


async def test_a_client_that_was_registered_is_shown_at_once(http: AsyncClient) -> None:
    response = await http.post("/clients", json=ANNA)

    client = response.json()
    assert (response.status_code, response.headers["etag"]) == (201, '"1"')
    assert response.headers["location"] == f"/v1/clients/{client['client_id']}"
    assert client == {
        "client_id": client["client_id"],
        "phone": "79161234567",
        "operator_code": "916",
        "tags": ["vip", "spring"],
        "time_zone": None,
        "email": None,
        "full_name": "Anna",
        "comment": None,
        "preferred_times": [],
        "external_id": None,
        "version": 1,
        "created_at": "2026-01-01T12:00:00Z",
        "changed_at": "2026-01-01T12:00:00Z",
    }
    shown = await http.get(f"/clients/{client['client_id']}")
    assert (shown.json(), shown.headers["etag"]) == (client, '"1"')


async def test_a_client_can_be_changed_by_those_who_saw_it_last(http: AsyncClient) -> None:
    client = await registered(http)
    path = f"/clients/{client['client_id']}"

    changed = await http.patch(path, json={"comment": "a"}, headers={"If-Match": '"1"'})
    late = await http.patch(path, json={"comment": "b"}, headers={"If-Match": '"1"'})

    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (late.status_code, late.json()["type"]) == (412, "StaleVersion")
    assert (await http.get(path)).json() == client | {"comment": "a", "version": 2}


async def test_a_change_empties_what_is_null_and_leaves_what_it_does_not_name(
    http: AsyncClient,
) -> None:
    client = await registered(http, comment="calls back")

    response = await http.patch(
        f"/clients/{client['client_id']}", json={"comment": None, "tags": None}
    )

    assert response.json() == client | {"comment": None, "tags": [], "version": 2}


async def test_a_change_of_the_type_merge_patch_is_taken(http: AsyncClient) -> None:
    client = await registered(http)

    response = await http.patch(
        f"/clients/{client['client_id']}",
        content='{"comment": "a"}',
        headers={"Content-Type": "application/merge-patch+json"},
    )

    assert response.status_code == 200


async def test_a_client_that_was_removed_is_gone(http: AsyncClient) -> None:
    client = await registered(http)
    path = f"/clients/{client['client_id']}"

    stale = await http.delete(path, headers={"If-Match": '"2", "none-of-ours"'})
    response = await http.delete(path, headers={"If-Match": '"1", "2"'})

    assert (stale.status_code, response.status_code, response.content) == (412, 204, b"")
    assert (await http.get(path)).status_code == 404
    assert (await http.patch(path, json={"comment": "a"})).status_code == 404
    assert (await http.get("/clients")).json()["items"] == []


async def test_the_phone_of_a_removed_client_can_be_registered_again(http: AsyncClient) -> None:
    client = await registered(http)
    await http.delete(f"/clients/{client['client_id']}")

    again = await registered(http)

    assert again["client_id"] != client["client_id"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_client_is_a_404(http: AsyncClient, method: str) -> None:
    body = {"comment": "a"} if method == "PATCH" else None

    response = await http.request(method, f"/clients/{UNKNOWN}", json=body)

    assert (response.status_code, response.json()["type"]) == (404, "ClientUnknown")


async def test_what_is_no_identifier_is_refused(http: AsyncClient) -> None:
    response = await http.get("/clients/anna")

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/client_id"


async def test_a_phone_that_another_client_has_is_refused(http: AsyncClient) -> None:
    await registered(http)
    boris = await registered(http, phone="79161234568")

    anew = await http.post("/clients", json=ANNA)
    changed = await http.patch(f"/clients/{boris['client_id']}", json={"phone": "79161234567"})

    assert (anew.status_code, anew.json()["type"]) == (409, "PhoneTaken")
    assert (changed.status_code, changed.json()["type"]) == (409, "PhoneTaken")
    assert len((await http.get("/clients")).json()["items"]) == 2


async def test_a_client_without_phone_may_have_company(http: AsyncClient) -> None:
    for number in range(2):
        await registered(http, phone=None, email=f"a{number}@example.com")

    assert len((await http.get("/clients")).json()["items"]) == 2


async def test_every_mistake_of_a_client_is_told_with_its_place(http: AsyncClient) -> None:
    response = await http.post("/clients", json={"phone": "8916", "time_zone": "Moscow"})

    assert (response.status_code, response.json()["type"]) == (422, "ClientInvalid")
    assert [place["pointer"] for place in response.json()["errors"]] == ["/phone", "/time_zone"]


# Idempotency-Key


async def test_a_request_that_is_repeated_with_its_key_registers_one_client(
    http: AsyncClient,
) -> None:
    answers = [
        await http.post("/clients", json=ANNA, headers={"Idempotency-Key": key})
        for key in ('"k1"', "k1")
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await http.get("/clients")).json()["items"]) == 1


async def test_a_key_with_another_client_is_refused(http: AsyncClient) -> None:
    await http.post("/clients", json=ANNA, headers={"Idempotency-Key": "k1"})

    response = await http.post(
        "/clients", json=ANNA | {"full_name": "Boris"}, headers={"Idempotency-Key": "k1"}
    )

    assert (response.status_code, response.json()["type"]) == (422, "ClientDiffers")


async def test_a_key_whose_client_was_deleted_is_refused(http: AsyncClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await http.post("/clients", json=ANNA, headers=key)
    await http.delete(f"/clients/{first.json()['client_id']}")

    response = await http.post("/clients", json=ANNA, headers=key)

    assert (response.status_code, response.json()["type"]) == (409, "ClientWasDeleted")
    assert (await http.get("/clients")).json()["items"] == []


# Lists


async def test_clients_are_found_by_what_they_have(http: AsyncClient) -> None:
    anna = await registered(http)
    boris = await registered(http, phone="79031234567", tags=["autumn", "vip"])

    async def found(**having: str) -> list[str]:
        page = (await http.get("/clients", params=having)).json()
        return [each["client_id"] for each in page["items"]]

    both = sorted([anna["client_id"], boris["client_id"]], reverse=True)
    assert await found() == both
    assert await found(tag="vip") == both
    assert await found(tag="autumn") == [boris["client_id"]]
    assert await found(operator_code="916") == [anna["client_id"]]
    assert await found(phone="79031234567") == [boris["client_id"]]
    assert await found(phone="79031234567", tag="spring") == []


async def test_pages_of_clients_follow_each_other(http: AsyncClient) -> None:
    clients = [await registered(http, phone=f"7916000000{n}") for n in range(5)]

    shown, cursor = [], None
    for _ in range(3):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/clients", params=params)).json()
        shown += [each["client_id"] for each in page["items"]]
        cursor = page["next_cursor"]

    assert shown == sorted((each["client_id"] for each in clients), reverse=True)
    assert cursor is None


@pytest.mark.parametrize("written", ["+7 (916) 123-45-67", "8 916 123-45-67", "9161234567"])
async def test_a_phone_is_taken_as_people_write_it(http: AsyncClient, written: str) -> None:
    anna = await registered(http, phone=written)
    other = await registered(http, phone="79160000000")

    found = await http.get("/clients", params={"phone": written})
    taken = await http.patch(f"/clients/{other['client_id']}", json={"phone": written})

    assert anna["phone"] == "79161234567"
    assert [each["client_id"] for each in found.json()["items"]] == [anna["client_id"]]
    assert (taken.status_code, taken.json()["type"]) == (409, "PhoneTaken")
