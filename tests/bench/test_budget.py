"""The budget: which step of a message's way a stack belongs to."""

import sysconfig
from pathlib import Path

import pytest

from bench import budget
from bench.budget import OTHER, by_function, by_step, step_of

ROOT = Path(__file__).parents[2]
LIBRARIES = Path(sysconfig.get_path("purelib"))
SOURCES = {
    str(path): path.read_text()
    for folder in ("shared", "services")
    for path in ROOT.joinpath(folder).rglob("*.py")
}
PARTS = sorted({part for steps in budget.STEPS.values() for part in steps})

STEPS = {"sending.py:Sender.claim": "claim", "relay.py:": "relay"}


def test_the_innermost_known_function_gives_a_stack_its_step() -> None:
    stack = (
        "asyncpg/pool.py:acquire",
        "shared/outbox/relay.py:publish_some",
        "x/sending.py:Sender.claim",
    )

    assert step_of(stack, STEPS) == "relay"


@pytest.mark.parametrize("part", PARTS)
def test_every_step_is_known_by_code_that_there_is(part: str) -> None:
    path, _, function = part.partition(":")
    name = function.rpartition(".")[2]
    found = [source for at, source in SOURCES.items() if path in at and f"def {name}" in source]

    assert found or LIBRARIES.joinpath(path).is_dir()


def test_what_no_step_knows_is_the_rest() -> None:
    assert step_of(("asyncio/runners.py:Runner.run",), STEPS) == OTHER
    assert step_of((), STEPS) == OTHER


def test_shares_of_steps_are_of_all_samples_and_the_largest_comes_first() -> None:
    samples = [(1, ("a/relay.py:x",)), (2, ("a/sending.py:Sender.claim",)), (1, ("b.py:y",))]

    assert by_step(samples, STEPS) == [("claim", 0.5), ("relay", 0.25), (OTHER, 0.25)]


def test_a_function_has_the_samples_in_which_it_is_innermost() -> None:
    samples = [(3, ("a.py:leaf", "a.py:root")), (1, ("a.py:root",))]

    assert by_function(samples) == [("a.py:leaf", 0.75), ("a.py:root", 0.25)]
