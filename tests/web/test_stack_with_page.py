"""The stack with the page: its doors are open first, and nothing fails if they are not."""

from pathlib import Path

import httpx
import pytest

from cli.stack import usual_parts
from deploy.local import doors
from deploy.local.doors import DOORS
from deploy.local.stack import ALL, WITH_PAGE, Stack


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home in which a build is beside the point: it fails at once."""
    monkeypatch.setenv("MAILINGS_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    return tmp_path


async def test_the_doors_are_open_while_all_else_is_away(home: Path) -> None:
    said: list[str] = []
    stack = Stack(home, parts=DOORS, report=said.append, ephemeral=True)
    await stack.start()
    try:
        assert list(stack.home.addresses()) == ["WEB_URL", "ADMIN_URL"]
        assert said[0] == f"the page: {stack.env['WEB_URL']}"
        async with httpx.AsyncClient(trust_env=False) as client:
            page = await client.get(stack.env["WEB_URL"])
            figures = await client.get(f"{stack.env['WEB_URL']}/public/v1/mailings")
        assert "Mailings" in page.text
        assert figures.json()["type"] == "Unavailable"
    finally:
        await stack.stop()
    assert stack.pid("web") is None


async def test_doors_that_cannot_be_opened_stop_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "CADDY", home / "nowhere")
    said: list[str] = []
    stack = Stack(home, parts=DOORS, report=said.append, ephemeral=True)
    await stack.start()
    await stack.stop()
    assert any("The page cannot be shown; all else works" in line for line in said)


def test_web_off_leaves_the_page_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usual_parts() == WITH_PAGE
    monkeypatch.setenv("WEB", "off")
    assert usual_parts() == ALL
