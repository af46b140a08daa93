"""The watchdog: a process in which a loop hangs is ended, gracefully first, and never another."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared import liveness
from shared.watchdog import ENDS_AFTER_S, EVENT_LOOP, GRACE_S, HUNG, TICK_S, Watchdog, watching

ROOT = Path(__file__).parents[2]
DRAIN = timedelta(seconds=20)


class Ends:
    """What the watchdog has done, and when."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.done: list[tuple[str, float]] = []
        self.watchdog = Watchdog(
            DRAIN,
            end_gracefully=lambda: self.done.append(("gracefully", self.elapsed_s)),
            end_at_once=lambda: self.done.append(("at once", self.elapsed_s)),
        )

    def pass_by(self, seconds: float, tick_s: float = TICK_S) -> None:
        for _ in range(int(seconds / tick_s)):
            self.elapsed_s += tick_s
            self.watchdog.check(tick_s)


@pytest.fixture
def ends() -> Ends:
    return Ends()


async def test_a_process_whose_loop_hangs_is_ended_gracefully_and_if_that_hangs_at_once(
    ends: Ends,
) -> None:
    with liveness.running("stuck"):
        ends.pass_by(300)

    gracefully, at_once, *_ = ends.done
    assert gracefully[0] == "gracefully"
    assert gracefully[1] <= 60 + ENDS_AFTER_S
    assert at_once[0] == "at once"
    assert at_once[1] - gracefully[1] >= DRAIN.total_seconds() + GRACE_S


async def test_once_it_ends_it_is_seen_to_though_no_loop_is_left(ends: Ends) -> None:
    with liveness.running("stuck"):
        ends.pass_by(60 + ENDS_AFTER_S)
    assert [name for name, _ in ends.done] == ["gracefully"]

    ends.pass_by(DRAIN.total_seconds() + GRACE_S + 2 * TICK_S)

    assert ends.done[1][0] == "at once"


async def test_a_process_that_was_suspended_is_not_ended(ends: Ends) -> None:
    with liveness.running("suspended") as own:
        for _ in range(10):
            ends.pass_by(3_600, 3_600)
            own.beat()

    assert ends.done == []


async def test_a_loop_that_hangs_is_in_the_log_once_and_so_is_that_it_goes_on(ends: Ends) -> None:
    with capture_logs() as lines, liveness.running("stuck") as own:
        ends.pass_by(80)
        own.beat()
        ends.pass_by(TICK_S)

    assert [(line["event"], line["loop"]) for line in lines] == [
        ("loop.hung", "stuck"),
        ("loop.turns_again", "stuck"),
    ]
    assert ends.done == []


async def test_the_log_says_in_which_call_a_loop_hangs(ends: Ends) -> None:
    async def innermost() -> None:
        await asyncio.Event().wait()

    async def hang() -> None:
        with liveness.running("stuck"):
            await innermost()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    with capture_logs() as lines:
        ends.pass_by(60)
    task.cancel()

    [line] = lines
    assert [each.partition(":")[0].rpartition(".")[2] for each in line["at"]] == [
        "hang",
        "innermost",
        "wait",
    ]


async def test_an_event_loop_that_hangs_is_noticed_as_every_loop_is(ends: Ends) -> None:
    async with watching(DRAIN):
        await asyncio.sleep(0)
        ends.pass_by(60)  # in which it does not turn

        assert list(liveness.hung()) == [EVENT_LOOP]


SCRIPT = """
import asyncio, sys, time
from datetime import timedelta
from shared import liveness, watchdog

liveness.HANGS_AFTER_S = 0.2
watchdog.TICK_S, watchdog.ENDS_AFTER_S, watchdog.GRACE_S = 0.05, 0.2, 0.2

async def hang():
    with liveness.running("stuck"):
        if sys.argv[1] == "event loop":
            time.sleep(60)
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if sys.argv[1] == "gracefully":
                    raise

async def main():
    async with watchdog.watching(timedelta()):
        task = asyncio.create_task(hang())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(15, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            print("handed over")

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("how", "output", "code"),
    [("gracefully", "handed over\n", 0), ("not at all", "", HUNG), ("event loop", "", HUNG)],
)
def test_a_process_that_hangs_comes_to_an_end(how: str, output: str, code: int) -> None:
    done = subprocess.run(  # noqa: S603 - a script of ours
        [sys.executable, "-c", SCRIPT, how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert output in done.stdout
    assert "process.ending" in done.stdout
    assert done.returncode == code, done.stderr
