"""Recipients: clients of families, each with the states of all its messages there, and the counts.

A family is a run and its resends; whoever is here holds the lock of all families.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.stats.domain.figures import superseded
from services.stats.projections.batch import Batch
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection, sql

_encode = msgspec.json.Encoder().encode
_states = msgspec.json.Decoder(dict[str, str])


class Message(NamedTuple):
    """A message; its chunk, if it is known."""

    run: int
    client: int
    chunk: int | None


@dataclass(slots=True)
class Family:
    """A family, and which of its messages something happened to, by client."""

    first: UUID
    resends: set[int] = field(default_factory=set)
    touched: dict[int, dict[int, Message]] = field(default_factory=dict)

    def touch(self, message: Message) -> None:
        """Take that something happened to a message."""
        of_client = self.touched.setdefault(message.client, {})
        known = of_client.get(message.run)
        if known is None or known.chunk is None:
            of_client[message.run] = message


async def count_touched(
    db: Connection,
    generation: int,
    members: Sequence[Any],
    batch: Batch,
    again: Collection[int],
) -> None:
    """Count anew what the batch has changed of families, whose runs are `members`.

    Of runs that are to be counted `again` it is all. What is archived is for good.
    """
    of_run = _families(members)
    if not of_run:
        return
    for message in _messages(batch, of_run.keys()):
        of_run[message.run].touch(message)
    for message in await _all_messages(db, generation, of_run.keys() & set(again)):
        of_run[message.run].touch(message)
    delta: Counter[tuple[str, str]] = Counter()
    for family in {id(each): each for each in of_run.values()}.values():
        delta.update(await _change_recipients(db, generation, family))
    await _add(db, generation, delta)


def _families(members: Sequence[Any]) -> dict[int, Family]:
    """Return the family of each run, but for those whose first run is archived."""
    for_good = {
        each.first_run_id for each in members if each.is_for_good and each.resent_from is None
    }
    families: dict[UUID, Family] = {}
    of_run: dict[int, Family] = {}
    for each in members:
        if each.first_run_id not in for_good:
            family = families.setdefault(each.first_run_id, Family(each.first_run_id))
            of_run[each.run_id.int] = family
            if each.resent_from is not None:
                family.resends.add(each.run_id.int)
    return of_run


def _messages(batch: Batch, runs: Collection[int]) -> Iterator[Message]:
    """Yield the messages of these runs to which the batch does something."""
    for (run, client), event in batch.messages.items():
        if run in runs:
            yield Message(run, client, event.chunk)
    of_blocks = ((*key[:2], block.client_ids) for key, block in batch.blocks.items())
    of_chunks = ((*key, plan.client_ids) for key, plan in batch.chunks.items())
    for run, chunk, client_ids in chain(of_blocks, of_chunks):
        if run in runs:
            yield from (Message(run, client_id.int, chunk) for client_id in client_ids)


CHUNKS = text("""
    SELECT run_id, chunk, client_ids FROM chunks
    WHERE generation = :generation AND run_id = ANY(CAST(:run_ids AS uuid[]))
""")


async def _all_messages(
    db: Connection, generation: int, runs: Collection[int]
) -> Sequence[Message]:
    if not runs:
        return ()
    values = {"generation": generation, "run_ids": [ids.from_number(run) for run in runs]}
    return [
        Message(run_id.int, client_id.int, chunk)
        for run_id, chunk, client_ids in await db.execute(CHUNKS, values)
        for client_id in client_ids
    ]


RECIPIENTS = text("""
    SELECT client_id, CAST(states AS text) FROM recipients
    WHERE generation = :generation AND run_id = :run_id
        AND client_id = ANY(CAST(:client_ids AS uuid[]))
""")
# Of a first run no chunk is known, and none needed: what was resent of it was in no block.
STATES = text("""
    SELECT number - 1, coalesce(m.state, CASE WHEN EXISTS (
        SELECT FROM blocks b
        WHERE b.generation = :generation AND b.run_id = wanted.run_id AND b.chunk = wanted.chunk
            AND wanted.client_id = ANY(b.client_ids)
    ) THEN 'delivered' ELSE 'planned' END)
    FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:chunks AS int[])
    ) WITH ORDINALITY AS wanted (run_id, client_id, chunk, number)
    LEFT JOIN messages m ON m.generation = :generation AND m.run_id = wanted.run_id
        AND m.client_id = wanted.client_id
""")
STORE = text("""
    INSERT INTO recipients (generation, run_id, client_id, states)
    SELECT :generation, :run_id, client_id, CAST(states AS jsonb)
    FROM unnest(CAST(:client_ids AS uuid[]), CAST(:states AS text[])) AS own (client_id, states)
    ON CONFLICT ON CONSTRAINT recipients_pkey DO UPDATE SET states = excluded.states
""")


async def _change_recipients(
    db: Connection, generation: int, family: Family
) -> Counter[tuple[str, str]]:
    """Store where messages of a family are now; return how the counts change, by run and state."""
    changes: Counter[tuple[str, str]] = Counter()
    if not family.touched:
        return changes
    own = {"generation": generation, "run_id": family.first}
    client_ids = [ids.from_number(client) for client in family.touched]
    rows = await db.execute(RECIPIENTS, own | {"client_ids": client_ids})
    before = {client_id.int: _states.decode(states) for client_id, states in rows}
    wanted = list(_wanted(family, before))
    if not wanted:
        return changes
    after = await _states_of(db, generation, wanted, before)
    for client, states in after.items():
        changes.subtract(superseded(before.get(client, {})))
        changes.update(superseded(states))
    stored = {
        "client_ids": [ids.from_number(client) for client in after],
        "states": [_encode(states).decode() for states in after.values()],
    }
    await db.execute(STORE, own | stored)
    return changes


def _wanted(family: Family, known: Mapping[int, object]) -> Iterator[Message]:
    """Yield the messages whose states are to be read.

    Of clients to whom nothing was resent none are; when something is resent to one for the first
    time, that of the first run is as well.
    """
    first = family.first.int
    for client, messages in family.touched.items():
        if client not in known:
            if family.resends.isdisjoint(messages):
                continue
            if first not in messages:
                yield Message(first, client, None)
        yield from messages.values()


async def _states_of(
    db: Connection,
    generation: int,
    wanted: Sequence[Message],
    before: Mapping[int, Mapping[str, str]],
) -> dict[int, dict[str, str]]:
    """Return by client the states by run, with those of `wanted` as the tables have them."""
    values = {
        "generation": generation,
        "run_ids": [ids.from_number(each.run) for each in wanted],
        "client_ids": [ids.from_number(each.client) for each in wanted],
        "chunks": [each.chunk for each in wanted],
    }
    after: dict[int, dict[str, str]] = {}
    for number, state in await db.execute(STATES, values):
        run, client, _ = wanted[number]
        states = after.get(client)
        if states is None:
            states = after[client] = dict(before.get(client, {}))
        states[str(UUID(int=run))] = state
    return after


ADD = sql(
    """
    UPDATE resends SET {changes}
    FROM unnest(CAST(:run_ids AS uuid[]), {arrays}) AS changed (run_id, {states})
    WHERE generation = :generation AND resends.run_id = changed.run_id AND NOT is_for_good
    """,
    changes=", ".join(f"{state}_count = {state}_count + changed.{state}" for state in State),
    arrays=", ".join(f"CAST(:{state} AS int[])" for state in State),
    states=", ".join(State),
)


async def _add(db: Connection, generation: int, delta: Counter[tuple[str, str]]) -> None:
    runs = sorted({run for (run, _), number in delta.items() if number})
    if not runs:
        return
    values: dict[str, Any] = {"generation": generation, "run_ids": runs}
    for state in State:
        values[state.value] = [delta[run, state.value] for run in runs]
    await db.execute(ADD, values)
