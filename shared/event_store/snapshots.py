"""Snapshots: the states of long streams, so that a command reads no more than their last events.

A snapshot follows from its events alone and may be deleted at any time. One that was written by
another release, for which a state is of another shape, is passed over and written anew.
"""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import Text, cast, select, text
from sqlalchemy.dialects.postgresql import insert

from shared.database import Connection
from shared.decider import Decider, Known
from shared.tables import snapshots

# By the versions that were read: another one may have kept a later state meanwhile.
LATER_EVENTS = text("""
    SELECT events.stream, events.version, events.type, CAST(events.data AS text) FROM events
    JOIN unnest(CAST(:streams AS text[]), CAST(:versions AS int[])) AS known (stream, version)
        ON events.stream = known.stream AND events.version > known.version
    ORDER BY events.stream, events.version
""")


async def load_states(
    db: Connection, streams: Collection[str], decider: Decider[Any, Any, Any]
) -> dict[str, Known[Any]]:
    """Return the state and version of each of `streams` that exists; keep those of long ones."""
    kept = await _read(db, streams, decider)
    states = dict(kept)
    named = {kind.type_name(): kind for kind in decider.events}
    for stream, version, name, data in await db.execute(
        LATER_EVENTS,
        {
            "streams": list(streams),
            "versions": [kept[each].version if each in kept else 0 for each in streams],
        },
    ):
        known = states.get(stream) or Known(decider.initial, 0)
        event = named[name].read(data)
        states[stream] = Known(decider.evolve(known.state, event), version)
    if decider.snapshots is not None:
        every = decider.snapshots.every
        grown = {
            stream: known
            for stream, known in states.items()
            if known.version - kept.get(stream, Known(None, 0)).version >= every
        }
        await _write(db, grown, decider.snapshots.shape)
    return states


async def _read(
    db: Connection, streams: Collection[str], decider: Decider[Any, Any, Any]
) -> dict[str, Known[Any]]:
    if decider.snapshots is None:
        return {}
    found = select(snapshots.c.stream, snapshots.c.version, cast(snapshots.c.data, Text)).where(
        snapshots.c.stream.in_(streams), snapshots.c.shape == decider.snapshots.shape
    )
    kind, states = type(decider.initial), {}
    for stream, version, data in await db.execute(found):
        with suppress(msgspec.MsgspecError):  # the events have it as well
            states[stream] = Known(msgspec.json.decode(data, type=kind), version)
    return states


async def _write(db: Connection, states: dict[str, Known[Any]], shape: int) -> None:
    """Keep the states, unless a later one is kept already."""
    rows = [
        {
            "stream": stream,
            "version": known.version,
            "shape": shape,
            "data": msgspec.to_builtins(known.state),
        }
        for stream, known in sorted(states.items())
    ]
    if not rows:
        return
    added = insert(snapshots)
    newer = {name: added.excluded[name] for name in ("version", "shape", "data")}
    is_other = snapshots.c.shape != added.excluded.shape
    is_older = snapshots.c.version <= added.excluded.version  # or one that could not be read
    await db.execute(
        added.on_conflict_do_update(
            index_elements=["stream"], set_=newer, where=is_older | is_other
        ),
        rows,
    )
