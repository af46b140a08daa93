"""The four APIs take whatever a fuzzer makes of their documents: no 5xx, and no answer besides.

Schemathesis asks what documents show as examples, what chance makes within and beyond their
limits, and stories in which one request names what another has made. What it makes follows from
the documents alone.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.env_example import SERVICES
from deploy.local.stack import ALL, Stack
from tests.e2e.conftest import SOON
from tests.stacks import PreparedStack

EXAMPLES = 4  # by chance, of each operation, and stories
WITHIN_S = 240.0
ENDLESS = "watch_public_mailings"  # a stream, which tests of its own read
# A wrong version may be refused before the rest is read; a body that is no JSON is any text.
# Our rules go further than documents can; what is deleted is not tried again; nobody signs in.
SETTINGS = """
[checks]
positive_data_acceptance.enabled = false
use_after_free.enabled = false
ensure_resource_availability.enabled = false
ignored_auth.enabled = false

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "409", "410", "412", "413", "415", "422"]

[[operations]]
include-operation-id = "import_suppressions"
checks.negative_data_rejection.enabled = false
"""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a stack of its own: what is left of it is not worth looking at."""
    said: list[str] = []
    home = tmp_path_factory.mktemp("fuzzed")
    whole = PreparedStack(home, SOON, ALL, ("--idempotent",), said.append, ephemeral=True)
    asyncio.run(whole.start())
    try:
        yield whole
    finally:
        asyncio.run(whole.stop())


@pytest.mark.parametrize("service", SERVICES)
async def test_whatever_is_asked_is_answered_as_the_document_says(
    service: str, fuzzed: Stack, tmp_path: Path
) -> None:
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    command = (
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run"),
        f"{fuzzed.env[f'{service.upper()}_URL']}/openapi.json",
        *("--phases", "examples,fuzzing,stateful", "--mode", "all"),
        *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-shrink"),
        *("--exclude-operation-id", ENDLESS, "--request-timeout", "20", "--no-color"),
        "--continue-on-failure",
    )
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(WITHIN_S):
        out, _ = await process.communicate()

    assert process.returncode == 0, out.decode()
