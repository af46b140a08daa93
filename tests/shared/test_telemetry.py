"""What operators see of a fault: where it happened, and nothing of whom it happened to."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.errors import Unavailable
from shared.loop import Backoff
from shared.masking import masked

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


CRASH = """
import asyncio, sys, threading, warnings
import asyncpg, uvloop
from shared import telemetry

VALUE = "7916" + "1234567"

async def fail_soon():
    raise asyncpg.UniqueViolationError(
        "duplicate key value violates unique constraint \\"clients_phone\\""
        f"\\nDETAIL:  Key (phone)=({VALUE}) already exists."
    )

async def nobody_waits():
    task = asyncio.create_task(fail_soon())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

async def run():
    warnings.warn("a warning", stacklevel=1)
    await nobody_waits()
    import gc; gc.collect()
    thread = threading.Thread(target=lambda: {}[VALUE])
    thread.start()
    thread.join()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fail_soon())

telemetry.configure("test", sys.argv[1])
uvloop.run(run())
"""


async def crashed(log_format: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CRASH, log_format),
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, logged = await process.communicate()
    return process.returncode, logged.decode()


async def test_a_crash_is_a_line_of_the_log_as_all_others_are() -> None:
    code, logged = await crashed("json")

    lines = [json.loads(line) for line in logged.splitlines()]
    events = [line["event"].split("\n")[0] for line in lines]
    assert code == 1
    assert "a warning" in lines[0]["event"]
    assert events[1:] == [
        "Task exception was never retrieved",
        "process.crashed",  # a thread of it
        "process.crashed",
    ]
    [[inner]] = lines[-1]["exception"][0]["exceptions"]
    assert inner["exc_type"] == "UniqueViolationError"
    assert "clients_phone" in inner["exc_value"]


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_an_error_that_repeats_a_row_is_logged_without_it(log_format: str) -> None:
    _, logged = await crashed(log_format)

    assert logged.count("duplicate key value violates unique constraint") >= 2
    assert "KeyError" in logged
    assert "79161234567" not in logged


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a fault", "a fault"),
        ('invalid input syntax for type uuid: "Anna"', 'invalid input syntax for type uuid: "…"'),
        ("'+7 (916) 123-45-67'", "'…'"),
        ("no anna@example.org here", "no … here"),
        ("not null\nDETAIL:  Failing row contains (1, Anna, 79161234567).", "not null"),
        ('null in "full_name" of "import_chunks"', 'null in "full_name" of "import_chunks"'),
        ("took 30 s, port 5432", "took 30 s, port 5432"),
    ],
)
def test_what_may_be_a_value_of_a_row_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError("Key (phone)=(79161234567)"), "ConnectionError: Key (phone)=(…)"),
        (ConnectionRefusedError(111, "refused"), "ConnectionRefusedError: refused"),
        (ValueError("79161234567"), "ValueError"),
    ],
)
async def test_why_a_loop_waits_is_logged_without_values(error: Exception, reason: str) -> None:
    unavailable = Unavailable()
    unavailable.__cause__ = error

    with capture_logs() as lines:
        await Backoff("test").wait(unavailable)

    assert [line["reason"] for line in lines] == [reason]
