"""When messages of a mailing would be due, before it is saved: how many clients at which time."""

from collections import Counter
from typing import Any

from pydantic import Field

from services.dispatcher.domain.due import Timing
from services.dispatcher.queries.audience import LeftOutView, Wanted
from services.dispatcher.queue.audience import SAME
from shared.contracts.dispatcher import SuppressedReason
from shared.database import Connection, fragment, sql
from shared.event import Instant
from shared.http import View

# Zones with preferred times that are looked at: these may be as many as clients.
GROUPS = 20_000
SHOWN = 200  # due times


class DueView(View):
    """How many clients would get it at a time."""

    at: Instant
    clients: int


class DueTimesView(View):
    """When a mailing would go to whom."""

    times: list[DueView] = Field(description="The first, in their order.")
    count: int = Field(description="Of all times at which something is due.")
    is_whole: bool = Field(description="False: clients have more zones and times than that.")
    skipped: list[LeftOutView] = Field(description="Who gets nothing by these rules, by reason.")


BY_CLOCK = """
    SELECT time_zone, preferred_times, count(*) FROM ({clients}) AS chosen
    GROUP BY time_zone, preferred_times LIMIT :groups
"""
CLIENTS = "SELECT time_zone, preferred_times FROM clients WHERE {has_contact} AND {chosen}"
FIRST_OF_EACH = """
    SELECT DISTINCT ON ({same}) time_zone, preferred_times FROM clients
    WHERE {has_contact} AND {chosen} ORDER BY {same}, client_id
"""


async def due_times(db: Connection, wanted: Wanted, timing: Timing) -> DueTimesView:
    """Return when the clients of an audience would get a mailing."""
    contact, audience = wanted.contact, wanted.audience
    pieces = {
        "has_contact": "true" if contact is None else f"{contact} IS NOT NULL",
        "chosen": audience.chosen,
    }
    of = sql(
        BY_CLOCK,
        clients=fragment(
            CLIENTS if wanted.doubled is None else FIRST_OF_EACH,
            same="" if wanted.doubled is None else SAME[wanted.doubled],
            **pieces,
        ),
    )
    rows = (await db.execute(of, {**audience.values, "groups": GROUPS + 1})).all()
    return _view(rows[:GROUPS], timing, is_whole=len(rows) <= GROUPS)


def _view(rows: Any, timing: Timing, *, is_whole: bool) -> DueTimesView:  # noqa: ANN401 - of BY_CLOCK
    at: Counter[Instant] = Counter()
    skipped: Counter[str] = Counter()
    for zone, preferred, number in rows:
        due = timing.due(zone, preferred)
        if isinstance(due, SuppressedReason):
            skipped[due] += number
        else:
            at[due] += number
    return DueTimesView(
        times=[DueView(at=each, clients=at[each]) for each in sorted(at)[:SHOWN]],
        count=len(at),
        is_whole=is_whole,
        skipped=[LeftOutView(reason=each, clients=skipped[each]) for each in sorted(skipped)],
    )
