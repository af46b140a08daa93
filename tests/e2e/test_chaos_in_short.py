"""A minute of chaos: what `make chaos` does for a quarter of an hour, and holds to the same."""

import json
from pathlib import Path

from tests.chaos.checker import broken, check
from tests.chaos.round import Plan, play
from tests.e2e.conftest import SOON

PLAN = Plan(seed=20_261, faults=8, within_s=40, scale=0.1, finish_within_s=180)


async def test_every_promise_holds_while_processes_are_killed_stopped_and_restarted(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    settings = {**SOON, "DISPATCHER_LEASE": "PT7S"}

    figures = check(await play(tmp_path, PLAN, settings, said.append))

    assert broken(figures) == [], json.dumps([figures, said], indent=1)
    assert figures["faults"] > 0
    assert figures["final_by_status"]["delivered"] > 0
