"""Every crash point of the code has a name of its own, and is visited."""

import ast
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.chaos.crash_points import CASES, IN_SHORT, steps

ROOT = Path(__file__).parents[2]
AT_LEAST = 40


def names() -> Counter[str]:
    """Return the names in all calls of `crash_point`, which are written where they stand."""
    found: Counter[str] = Counter()
    for folder in ("services", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "crash_point":
                    assert isinstance(node.args[0], ast.Constant), path
                    found[str(node.args[0].value)] += 1
    return found


def test_no_two_crash_points_have_the_same_name() -> None:
    assert len(names()) >= AT_LEAST
    assert {name: count for name, count in names().items() if count > 1} == {}


def test_every_crash_point_is_visited_and_no_other() -> None:
    assert {each.point for each in CASES} == set(names())


def test_each_visit_is_one_of_its_own() -> None:
    visits = Counter((each.part, each.point) for each in CASES)

    assert {visit: count for visit, count in visits.items() if count > 1} == {}
    assert [each for step in steps(CASES) for each in step] != []
    assert Counter(each for step in steps(CASES) for each in step) == Counter(CASES)
    assert 0 < len(IN_SHORT) < len(CASES)


def test_processes_that_die_during_the_same_mailings_are_different_ones() -> None:
    for step in steps(CASES):
        assert len({each.part for each in step}) == len(step)


PROGRAM = """
from shared.crash import crash_point
for number in range(3):
    crash_point("elsewhere")
    crash_point("here", when=number)
    print(number, flush=True)
"""


def ended(crash_at: str | None) -> tuple[int, str]:
    """Return how a program ended that passes a crash point thrice, and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment |= {} if crash_at is None else {"CRASH_AT": crash_at}
    done = subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=False
    )
    return done.returncode, done.stdout.decode().replace("\n", "")


def test_a_process_dies_at_the_pass_that_it_was_told() -> None:
    assert ended(None) == (0, "012")
    assert ended("here") == (-signal.SIGKILL, "0")
    assert ended("here:2") == (-signal.SIGKILL, "01")
    assert ended("here:3") == (0, "012")
    assert ended("nowhere") == (0, "012")
