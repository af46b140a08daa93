"""Each file in `docs/imports.md` leads to what stands behind it."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.catalog.domain.import_options import ImportOptions
from tests.proof.files import UglyFile
from tests.proof.imports import outcome

TEXT = (Path(__file__).parents[2] / "docs" / "imports.md").read_text()
EXAMPLES = re.findall(
    r"^```csv *([^\n]*)\n(.*?)^```\n\n```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL
)


def test_every_example_is_looked_at() -> None:
    assert len(EXAMPLES) == TEXT.count("```csv") == TEXT.count("```json") > 5


@pytest.mark.parametrize(("declared", "file", "expected"), EXAMPLES)
async def test_of_an_example_comes_what_stands_behind_it(
    declared: str, file: str, expected: str
) -> None:
    options: dict[str, Any] = dict(each.split("=") for each in declared.split())
    if key := options.pop("key", None):
        options["keys"] = [key]
    ugly = UglyFile("example", file.encode(), (), msgspec.convert(options, ImportOptions))

    came, _ = await outcome(ugly)

    assert json.loads(json.dumps(came)) == json.loads(expected)
