"""Each command in `docs/imports.md` is understood as it stands there."""

import re
import shlex
from pathlib import Path

import pytest

from cli import Exit
from tests.cli.conftest import Mailings, Services, page

TEXT = (Path(__file__).parents[2] / "docs" / "imports.md").read_text()
[BLOCK] = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ID = "01a223e7-6a60-70b3-918e-ee3db44241bc"
VIEW = {
    **dict.fromkeys(("rows", "created", "changed", "unchanged", "rejected", "bytes"), 0),
    "import_id": ID,
    "status": "cancelled",
}


@pytest.mark.parametrize("command", BLOCK.splitlines())
def test_a_command_does_what_it_is_shown_for(
    services: Services,
    mailings: Mailings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("clients.csv", "clients.xlsx", "old.csv.gz", "news.csv"):
        (tmp_path / name).write_text("phone\n")
    services.answer("/v1/imports", VIEW, status=201)
    if command.endswith("imports list"):
        services.answer("/v1/imports", page([]))
    services.answer(f"/v1/imports/{ID}/cancel", VIEW)
    services.stream(f"/v1/imports/{ID}/rejections/export", b"reason,reason_code,line,phone\r\n")
    services.answer("/v1/clients", page([]))
    services.stream("/v1/clients/export", b"client_id,created_at\r\n")

    program, *arguments = shlex.split(command)

    assert program == "./mailings"
    assert mailings(*arguments).code == Exit.OK
