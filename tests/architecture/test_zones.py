"""Time zones come from the release, whatever a machine has: one module makes them."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("services", "shared", "cli", "deploy", "bench")
ONLY = "shared/schedule/zones.py"


def makes_zones(path: Path) -> bool:
    """Return whether a module calls `ZoneInfo`, which prefers the machine's files."""
    return any(
        isinstance(node, ast.Call)
        and "ZoneInfo" in ast.unparse(node.func)
        and "from_file" not in ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_no_module_takes_a_zone_of_the_machine() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if makes_zones(path)
    }

    assert found == set()
    assert "ZoneInfo.from_file" in (ROOT / ONLY).read_text()
