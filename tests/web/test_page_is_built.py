"""The page's files: what they are kept by, and what is shown while there are none."""

import json
from pathlib import Path

import pytest

from deploy.local import page
from deploy.local.home import PROJECT

LOCK = PROJECT / "web" / "package-lock.json"


def test_the_lock_names_hashes_and_no_address_of_a_registry() -> None:
    packages = json.loads(LOCK.read_text())["packages"]
    fetched = {name: each for name, each in packages.items() if name}
    assert all(each.get("integrity", "").startswith("sha512-") for each in fetched.values())
    assert not [name for name, each in fetched.items() if "resolved" in each]


def test_every_package_is_pinned() -> None:
    named = json.loads((PROJECT / "web" / "package.json").read_text())
    versions = {**named["dependencies"], **named["devDependencies"], **named["overrides"]}
    assert all(version[0].isdigit() for version in versions.values())


def test_the_key_changes_with_the_source_and_not_with_what_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "SOURCE", tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.ts").write_text("1")
    first = page.key()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x.js").write_text("made")
    assert page.key() == first
    (tmp_path / "src" / "a.ts").write_text("2")
    assert page.key() != first


def test_while_there_is_no_page_one_says_so_and_then_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILINGS_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    shown = tmp_path / "page"
    builder = page.prepare(shown, tmp_path / "log")
    assert builder is not None
    assert "being built" in (shown / "public.html").read_text()
    builder.wait(within_s=90)
    text = (shown / "public.html").read_text()
    assert "could not be built" in text
    assert "make web" in text
    assert (shown / "admin.html").read_text() == text


def test_a_build_that_is_there_is_shown_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILINGS_HOME", str(tmp_path))
    built = tmp_path / "web" / page.key()
    built.mkdir(parents=True)
    (built / "public.html").write_text("the page")
    assert page.prepare(tmp_path / "shown", tmp_path / "log") is None
    assert (tmp_path / "shown" / "public.html").read_text() == "the page"
