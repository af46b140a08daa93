"""What operators see of a fault: where it happened, and nothing of whom it happened to."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

# In a process of its own: it is set up once.
FAULTY = """
import logging, sys
import structlog
from shared import telemetry

def fail(phone):
    raise RuntimeError("a fault")

telemetry.configure("test", sys.argv[1])
try:
    fail("7916" + "1234567")
except RuntimeError:
    structlog.get_logger().exception("ours")
    logging.getLogger("uvicorn.error").exception("of a library")
"""


async def said(log_format: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FAULTY, log_format),
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, told = await process.communicate()
    return told.decode()


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_a_fault_is_told_without_the_values_that_it_was_about(log_format: str) -> None:
    told = await said(log_format)

    assert "79161234567" not in told
    assert told.count("a fault") == 2


async def test_a_fault_is_told_with_its_place_wherever_it_was_caught() -> None:
    lines = [json.loads(line) for line in (await said("json")).splitlines()]

    assert [line["event"] for line in lines] == ["ours", "of a library"]
    for line in lines:
        [fault] = line["exception"]
        assert [frame["name"] for frame in fault["frames"]] == ["<module>", "fail"]
