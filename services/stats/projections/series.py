"""The series: a run's messages by the second in which they reached the state that they are in.

Each message counts once, at its newest event. So the sum of a run's points is its counters, in
whatever order and batches events come, and a message that goes on is moved. There are rows for
seconds, minutes and hours in which something happened: whoever reads finds few of some size.

Whoever adds here has the run's row locked, as all who change it.
"""

from collections import Counter
from typing import Any

from services.stats.domain.series import STORED
from services.stats.projections.batch import Batch
from services.stats.tables import COUNTS
from shared.contracts.dispatcher import State
from shared.database import Connection, sql

COUNTED = tuple(state for state in State if state is not State.PLANNED)

ADD = sql(
    """
    INSERT INTO series (generation, run_id, step, at, {counts})
    SELECT CAST(:generation AS int), added.* FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:steps AS int[]), CAST(:at AS bigint[]), {arrays}
    ) AS added (run_id, step, at, {counts})
    ORDER BY run_id, step, at
    ON CONFLICT ON CONSTRAINT series_pkey DO UPDATE SET {added}
""",
    counts=", ".join(COUNTS),
    arrays=", ".join(f"CAST(:{state} AS int[])" for state in COUNTED),
    added=", ".join(f"{count} = series.{count} + excluded.{count}" for count in COUNTS),
)


async def add(db: Connection, generation: int, batch: Batch) -> None:
    """Add what a batch has counted; of archived runs there is nothing."""
    rows: dict[tuple[Any, int, int], Counter[State]] = {}  # by run, step and second
    for change in batch.runs.values():
        for (second, state), count in change.series.items():
            for step in STORED if count else ():
                of_row = rows.setdefault((change.run_id, step, second // step * step), Counter())
                of_row[state] += count
    if not rows:
        return
    values: dict[str, Any] = {
        "generation": generation,
        "run_ids": [run_id for run_id, _, _ in rows],
        "steps": [step for _, step, _ in rows],
        "at": [at for _, _, at in rows],
        **{state: [of_row[state] for of_row in rows.values()] for state in COUNTED},
    }
    await db.execute(ADD, values)
