"""The limits of the house: a module fits on a few screens."""

from pathlib import Path

import pytest

from deploy.sdk import modules

ROOT = Path(__file__).parents[2]
LINES = 300
MADE = modules()  # by a program: as long as the documents that they are made out of
FOLDERS = ("shared", "services", "cli", "deploy", "bench", "sdk")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_is_longer_than_the_limit(folder: str) -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in (ROOT / folder).rglob("*.py")
        if ".venv" not in path.parts and path not in MADE
    }

    assert sizes
    assert {path: size for path, size in sizes.items() if size > LINES} == {}
