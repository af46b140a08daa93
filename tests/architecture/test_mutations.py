"""The mutations fit the code as it is, and what runs them says what came of each."""

import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.mutants import (
    ROOT,
    Bench,
    Mutation,
    NotThere,
    Verdict,
    copy_tree,
    judge_all,
    read_mutations,
    summary,
)

AT_LEAST = 150
FOLDERS = {
    "services/catalog",
    "services/scheduler",
    "services/dispatcher",
    "services/stats",
    "shared",
}

CODE = "def least(a, b):\n    return min(a, b)\n\n\ndef is_even(n):\n    return n % 2 == 0\n"
TEST = """
from code_under_test import least

def test_the_smaller_one_is_the_least():
    assert least(1, 2) == 1
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a tree of one module and one test, copied as the real one is."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "code_under_test.py").write_text(CODE)
    (root / "test_code.py").write_text(TEST)
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    subprocess.run(["git", "init", "--quiet", root], check=True)  # noqa: S603, S607
    copy_tree(root, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
async def bench(tree: Path) -> AsyncIterator[Bench]:
    bench = Bench(tree, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})  # they take seconds
    yield bench
    await bench.close()


def mutation(old: str, new: str, *, equal: str = "") -> Mutation:
    return Mutation(
        file="code_under_test.py",
        old=old,
        new=new,
        breaks="a promise",
        tests=["test_code.py"],
        equal=equal,
    )


@pytest.mark.parametrize("each", read_mutations(), ids=lambda each: f"{each.file}: {each.breaks}")
def test_what_a_mutation_replaces_stands_in_its_file_once(each: Mutation) -> None:
    each.apply((ROOT / each.file).read_text())

    for test in each.tests:
        assert (ROOT / test.partition("::")[0]).exists(), test


def test_there_are_mutations_of_every_service() -> None:
    mutations = read_mutations()
    counts = Counter(folder for each in mutations for folder in FOLDERS if folder in each.file)

    assert len(mutations) >= AT_LEAST
    assert counts.keys() == FOLDERS
    assert len({(each.file, each.old, each.new) for each in mutations}) == len(mutations)


@pytest.mark.parametrize(
    ("tried", "verdict"),
    [
        (mutation("min(a, b)", "max(a, b)"), Verdict.CAUGHT),
        (mutation("n % 2 == 0", "True"), Verdict.SURVIVED),
        (mutation("min(a, b)", "min(b, a)", equal="of two, in any order"), Verdict.EQUAL),
        (mutation("min(a, b)", "max(a, b)", equal="so they say"), Verdict.NOT_EQUAL),
        (mutation("def least(a, b):", "def least(a, b:"), Verdict.BROKEN),
    ],
    ids=lambda each: each.value if isinstance(each, Verdict) else "",
)
async def test_a_mutation_is_judged_by_its_tests(
    bench: Bench, tried: Mutation, verdict: Verdict
) -> None:
    assert await bench.judge(tried) is verdict
    assert (bench.tree / tried.file).read_text() == CODE, "it is taken back"


@pytest.mark.parametrize(
    ("tried", "verdict"),
    [
        (mutation("min(a, b)", "max(a, b)"), Verdict.CAUGHT),
        (mutation("n % 2 == 0", "True"), Verdict.BROKEN),
    ],
    ids=["failed", "passed"],
)
async def test_a_test_that_failed_saw_the_change_though_pytest_broke_off_afterwards(
    bench: Bench, tried: Mutation, verdict: Verdict
) -> None:
    (bench.tree / "conftest.py").write_text("def pytest_unconfigure():\n    raise RuntimeError\n")

    assert await bench.judge(tried) is verdict


@pytest.mark.parametrize("old", ["no such line", "a, b", "min(a, b)"])
def test_a_mutation_that_does_not_fit_its_file_is_an_error(old: str) -> None:
    with pytest.raises(NotThere):
        mutation(old, "min(a, b)").apply(CODE)


async def test_a_mutation_that_no_test_notices_is_shown(bench: Bench) -> None:
    mutations = [mutation("min(a, b)", "max(a, b)"), mutation("n % 2 == 0", "True")]

    verdicts = await judge_all(mutations, [bench])

    assert verdicts == {0: Verdict.CAUGHT, 1: Verdict.SURVIVED}
    shown = summary(mutations, verdicts)
    assert shown.startswith("survived: code_under_test.py: a promise\n- n % 2 == 0\n+ True")
    assert shown.endswith("1 caught, 1 survived, 0 equal, 0 not_equal, 0 broken")
