"""The limits of the house: a module fits on a few screens."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = 300
FOLDERS = ("shared", "services", "cli", "deploy", "bench")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_is_longer_than_the_limit(folder: str) -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in (ROOT / folder).rglob("*.py")
        if ".venv" not in path.parts
    }

    assert sizes
    assert {path: size for path, size in sizes.items() if size > LINES} == {}
