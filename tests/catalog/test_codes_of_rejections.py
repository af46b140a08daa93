"""Each code of a rejected row is one that the API's document lists."""

import ast
from collections.abc import Iterator
from pathlib import Path

from deploy.local.home import PROJECT
from services.catalog.domain.imports import RejectionCode

CATALOG = PROJECT / "services" / "catalog"
# What looks at rows, and at the values in them.
READERS = (
    *(CATALOG / "files" / f"{name}.py" for name in ("columns", "csv_rows", "json_rows", "lines")),
    CATALOG / "handlers" / "import_plan.py",
    CATALOG / "domain" / "profile.py",
    CATALOG / "domain" / "text.py",
)
# What is wrong with a file as a whole: it is refused, and none of its rows is rejected.
OF_FILES = {
    "double_column",
    "empty",
    "missing_column",
    "no_header",
    "too_many_columns",
    "unknown_column",
}


def codes_in(module: Path) -> Iterator[str]:
    """Yield the codes of the mistakes that a module finds."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "FieldError":
            code = node.args[1]
            assert isinstance(code, ast.Constant), f"{module}:{node.lineno}"
            yield str(code.value)


def test_the_codes_of_rejected_rows_are_those_that_the_api_lists() -> None:
    found = {code for module in READERS for code in codes_in(module)}

    assert found - OF_FILES == set(RejectionCode)
