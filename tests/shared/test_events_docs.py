"""The events are documented for programs and for people, by every service."""

import json
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

from deploy import asyncapi
from shared.contracts import EVENTS, TOPICS
from shared.http import describe

PUBLIC = [kind.type_name() for kind in EVENTS]


@pytest.fixture
async def http() -> AsyncClient:
    app = describe("stats", [])
    return AsyncClient(transport=ASGITransport(app), base_url="http://test")


async def test_each_service_shows_the_document_that_is_committed(http: AsyncClient) -> None:
    shown = (await http.get("/asyncapi.json")).json()

    assert shown == json.loads(asyncapi.PATH.read_text())
    assert shown["channels"].keys() == TOPICS.keys()
    assert [*shown["components"]["messages"]] == PUBLIC


async def test_each_event_and_each_of_its_fields_stands_on_the_page(http: AsyncClient) -> None:
    page = (await http.get("/docs/events")).text

    for kind in EVENTS:
        begin = page.index(f'id="{kind.type_name()}"')
        own = page[begin : page.index("</table>", begin)]
        assert all(f"<code>{field}</code>" in own for field in kind.__struct_fields__)


async def test_the_page_runs_nothing_and_has_its_style(http: AsyncClient) -> None:
    page, style = await http.get("/docs/events"), await http.get("/docs/events/events.css")

    assert "<script" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert style.headers["Content-Type"].startswith("text/css")


def test_a_document_that_is_not_what_the_code_says_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "asyncapi.json"
    monkeypatch.setattr(asyncapi, "PATH", path)
    monkeypatch.setattr("sys.argv", ["asyncapi", "--check"])
    path.write_text(asyncapi.text().replace("RunBegun", "RunEnded", 1))

    with pytest.raises(SystemExit, match=r"run python -m deploy\.asyncapi"):
        asyncapi.main()
