"""What no database can store is refused with a clear answer, wherever in a request it stands."""

from typing import Any

import pytest
from httpx import AsyncClient

NUL = "a\0b"
PLAN = {"name": "a", "body": "x", "ends_at": "2026-03-01T18:00:00Z"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/mailings", PLAN | {"audience": NUL}),
        ("POST", "/dead-letters/replay", {"reason": "x", "consumer": NUL}),
        ("POST", "/dead-letters/discard", {"reason": "x", "consumer": NUL}),
        ("DELETE", "/suppressions/a%00b", None),
        ("POST", "/mailings", PLAN | {"name": NUL}),
        ("POST", "/mailings", PLAN | {"filter": {"tags": [NUL]}}),
        ("POST", "/audiences", {"name": NUL, "filter": {}}),
        ("POST", "/clients", {"phone": "79161234567", "external_id": NUL}),
    ],
)
async def test_a_nul_character_is_refused_and_breaks_nothing(
    http: AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await http.request(method, path, json=body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["code"] in ("unstorable", "control_character", "tags")


async def test_events_are_chosen_by_any_key(http: AsyncClient) -> None:
    body = {"reason": "x", "key": NUL}

    assert (await http.post("/outbox/unpublished/replay", json=body)).json() == {"count": 0}
