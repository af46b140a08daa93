"""The series: how many messages of a run reached their status, and when."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from cli import Exit, Failure
from cli.api import Api
from cli.render import Grid, Json, grid, instant

ROWS = 12  # of the table, at most
BAR = 20  # characters of the longest


async def series_of(api: Api, mailing_id: UUID | str, run_id: UUID | str | None) -> Json | None:
    """Return the series of a run, by default of the mailing's newest; None: there is none (now).

    That of an archived run is deleted, and statistics of an older release have none.
    """
    path = f"/public/v1/mailings/{mailing_id}/series"
    try:
        return await api.get("stats", path, {"run_id": run_id})
    except Failure as failure:
        if failure.code is Exit.NOT_FOUND:
            return None
        raise


def series_table(series: Json) -> Grid | None:
    """Return a series in a few rows, each with a bar; None: no message has come so far yet."""
    counts = {name: each for name, each in series["by_status"].items() if any(each)}
    if not counts:
        return None
    rows = list(_rows(series, counts))
    most = max(sum(numbers) for _, numbers in rows)
    shown = (
        [instant(at.isoformat()), *numbers, "█" * round(BAR * sum(numbers) / most)]
        for at, numbers in rows
    )
    return grid(("from", *counts, ""), shown)


def _rows(series: Json, counts: dict[str, list[int]]) -> Iterator[tuple[datetime, list[int]]]:
    """Yield when each row begins, and its counts; also rows in which nothing happened."""
    at = [datetime.fromisoformat(each) for each in series["at"]]
    step = timedelta(seconds=series["step_s"])
    steps = (at[-1] - at[0]) // step + 1
    length = step * -(-steps // ROWS)
    places = [(each - at[0]) // length for each in at]
    for row in range(places[-1] + 1):
        own = [number for number, place in enumerate(places) if place == row]
        yield at[0] + row * length, [sum(each[n] for n in own) for each in counts.values()]
