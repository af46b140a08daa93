"""What no database can store is refused with a clear answer, wherever in a request it stands."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.dispatcher.test_replicas import http as described
from tests.dispatcher.world import World

NUL = "a\0b"

http = described


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/gateways/a%00b", None),
        ("POST", "/gateways/a%00b/pause", None),
        ("POST", "/test-sends", {"gateway": NUL, "body": "x", "to": {"phone": "79161234567"}}),
        ("POST", "/audience-previews", {"filter": {"tags": [NUL]}}),
        ("POST", "/audience-previews", {"gateway": NUL}),
    ],
)
async def test_a_nul_character_is_refused_and_breaks_nothing(
    http: AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await http.request(method, path, json=body)

    assert answer.status_code in (404, 422), answer.text


async def test_reasons_with_nul_are_refused(world: World, http: AsyncClient) -> None:
    run = await world.plan(1)
    await run.stop()
    await world.end()
    body = {"statuses": ["failed"], "reasons": [NUL], "dry_run": True}

    answer = await http.post(f"/runs/{run.run_id}/resend", json=body)

    assert answer.status_code in (409, 422), answer.text
