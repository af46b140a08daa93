"""Each example of `docs/audiences.md` is taken."""

import json
import re
import shlex
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cli import Exit
from services.catalog.domain.audience import checked
from services.catalog.domain.filter import in_filter
from services.catalog.routes.audiences import NewAudience
from services.catalog.routes.mailing_bodies import NewMailing, plan_from
from services.dispatcher.routes.audience_previews import PreviewedAudience
from shared.audience import checks
from shared.http.filters import ConditionBody, FilterBody, filter_from
from tests.cli.conftest import Mailings, Services

TEXT = (Path(__file__).parents[2] / "docs" / "audiences.md").read_text()
BLOCKS = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
LINES = [
    line.partition("  #")[0].removeprefix("./mailings ").strip()
    for line in re.search(r"```\n(\./mailings.*?)```", TEXT, re.DOTALL)[1].splitlines()  # type: ignore[index]
]
ID = UUID(int=7)
SAVED = {
    "audience_id": str(ID),
    "name": "Regulars",
    "filter": {"tags": [], "operator_codes": []},
    "version": 1,
    "created_at": "2026-01-01T12:00:00Z",
    "changed_at": "2026-01-01T12:00:00Z",
}
PREVIEWED = {
    "selected": 0,
    "is_whole": True,
    "messages": 0,
    "left_out": [],
    "unknown_phones": [],
    "clients": [],
    "next_cursor": None,
}
MAILING = {
    "starts_at": "2026-01-01T12:00:00Z",
    "ends_at": "2026-01-02T12:00:00Z",
    "clients": 0,
    "is_whole": True,
    "without_contact": 0,
    "missing": {},
    "message": None,
}


@pytest.mark.parametrize("example", BLOCKS, ids=range(len(BLOCKS)))
def test_an_example_is_taken(example: dict[str, Any]) -> None:
    phones = {"79161234567": ID}
    if "audience" in example:
        assert plan_from(NewMailing.model_validate(example), {}).name == example["name"]
    elif "name" in example:
        audience = NewAudience.model_validate(example)
        assert checked(audience.name, filter_from(audience.filter, {}))[0] == "Regulars"
    elif "gateway" in example:
        assert PreviewedAudience.model_validate(example).gateway == "smtp"
    else:
        wanted = filter_from(FilterBody.model_validate(example), phones)
        assert in_filter(wanted, "/filter") == []


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_docs_is_understood(
    services: Services, mailings: Mailings, line: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, phone in (("some", "79161234567"), ("others", "79161234568")):
        (tmp_path / f"{name}.txt").write_text(f"{phone}\n")
    services.answer("/v1/audiences", {"items": [SAVED], "next_cursor": None})
    services.answer(f"/v1/audiences/{ID}", SAVED)
    services.answer("/v1/audience-previews", PREVIEWED)
    services.answer("/v1/mailings/preview", MAILING)
    services.answer("/v1/mailings", {"mailing_id": str(ID)}, status=201)

    quiet = ["-q"] if line.startswith("mailings create") and "--dry-run" not in line else []

    assert mailings(*shlex.split(line), *quiet).code == Exit.OK


def test_the_docs_name_every_field_and_the_bounds() -> None:
    fields = {each.alias or name for name, each in ConditionBody.model_fields.items()}

    assert all(f"`{name}`" in TEXT for name in {*fields, *FilterBody.model_fields})
    for bound in (checks.IDS, checks.VALUES, checks.CONDITIONS):
        assert f"{bound:,}" in TEXT
    assert checks.DEPTH == 5
