"""Some of the crash points that `make chaos` visits, where a death would cost most."""

from pathlib import Path

from tests.chaos.crash_points import IN_SHORT
from tests.chaos.crashing import visit


async def test_a_process_that_dies_between_two_writes_loses_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    said: list[str] = []

    visits = await visit(tmp_path, IN_SHORT, said.append)

    assert visits.wrong == []
    assert sorted(visits.visited) == sorted(each.name for each in IN_SHORT)
