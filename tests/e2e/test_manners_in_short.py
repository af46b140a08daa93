"""A gateway that asks for patience gets it, one that fails is left alone: by all dispatchers."""

from pathlib import Path

from tests.chaos.manners import Manners, broken, measure

SHORT = Manners(pauses=2, retry_after_s=3, failing_s=10)


async def test_a_gateway_that_asks_to_wait_or_fails_gets_no_more_than_was_under_way(
    tmp_path: Path,
) -> None:
    said: list[str] = []

    figures = await measure(tmp_path, SHORT, said.append)

    assert broken(figures) == [], (figures, said)
    assert len(figures["pauses"]) >= SHORT.pauses
