"""The proof: what the tables and the events of a dispatcher say must be one and the same story."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.message import OPEN
from shared import contracts, ids, outbox
from shared.contracts.dispatcher import (
    MessageAttempted,
    MessageEvent,
    MessageResolved,
    MessagesPlanned,
    RunArchived,
    RunCorrected,
    RunExpanded,
    RunFinished,
    State,
)
from shared.database import Pool, transaction
from shared.event import Event

KINDS = {kind.type_name().encode(): kind for kind in contracts.EVENTS}


class Where(NamedTuple):
    """Where a message is."""

    state: State
    attempts: int


PLANNED = Where(State.PLANNED, 0)


async def told(pool: Pool) -> list[Any]:
    """Return all events in the outbox, in order."""
    async with transaction(pool) as db:
        rows = await db.scalars(text("SELECT batches FROM outbox ORDER BY position"))
        return events_of(list(rows))


def read(name: bytes, value: bytes) -> Event:
    return KINDS[name].read(value)


def _lost_first(row: Any) -> bool:
    """Return what sorts the answer to an attempt behind its loss."""
    return bool(row.kind == "answer")


class Proof:
    """All tables and events as they are at one moment."""

    def __init__(self, tables: dict[str, list[Any]], events: list[Any]) -> None:
        assert not any(ids.is_test_send(each.run_id) for each in events if hasattr(each, "run_id"))
        for name in ("runs", "chunks", "exceptions", "attempts"):  # test sends are in no event
            tables[name] = [row for row in tables[name] if not ids.is_test_send(row.run_id)]
        self.archived = {row.run_id: row for row in tables["runs"] if row.state == "archived"}
        self.runs = {row.run_id: row for row in tables["runs"] if row.state != "archived"}
        self.rests = [  # rows of archived runs, which nobody reads any more
            row
            for name in ("chunks", "exceptions", "attempts")
            for row in tables[name]
            if row.run_id in self.archived
        ]
        for name in ("chunks", "exceptions", "attempts"):
            tables[name] = [row for row in tables[name] if row.run_id not in self.archived]
        self.chunks = {(row.run_id, row.chunk): row for row in tables["chunks"]}
        self.exceptions = {(row.run_id, row.client_id): row for row in tables["exceptions"]}
        self.senders = {row.sender_id for row in tables["senders"]}
        self.attempts: dict[tuple[UUID, UUID], list[Any]] = defaultdict(list)
        for row in tables["attempts"]:
            self.attempts[row.run_id, row.client_id].append(row)
        self.events = events
        self.of_message: dict[tuple[UUID, UUID], list[Any]] = defaultdict(list)
        for event in events:
            if isinstance(event, MessageEvent):
                self.of_message[event.run_id, event.client_id].append(event)
        self.messages = {
            (run_id, client_id): chunk
            for (run_id, chunk), row in self.chunks.items()
            for client_id in row.client_ids
        }

    def ledger(self) -> dict[tuple[UUID, UUID], Where]:
        """Return where each message is, by the tables."""
        return {key: self._where(key, chunk) for key, chunk in self.messages.items()}

    def _where(self, key: tuple[UUID, UUID], chunk: int) -> Where:
        ended = [row for row in self.attempts.get(key, ()) if row.kind != "start"]
        attempts = len({row.attempt for row in ended})
        row = self.exceptions.get(key)
        if row is not None:
            assert (row.chunk, row.attempts) == (chunk, attempts), (row, ended)
            assert row.attempt >= max((each.attempt for each in ended), default=0), row
            return Where(State(row.state), attempts)
        if any(each.outcome == "accepted" for each in ended):
            return Where(State.DELIVERED, attempts)
        assert not ended, "what was tried in vain is an exception"
        state = self.chunks[key[0], chunk].state
        return Where(State(state) if state in ("expired", "cancelled") else State.PLANNED, 0)

    def statistics(self) -> dict[tuple[UUID, UUID], Where]:
        """Return where each message is, by the events alone."""
        found = {}
        for event in self.events:
            if isinstance(event, MessagesPlanned):
                for client_id in event.client_ids:
                    found[event.run_id, client_id] = PLANNED
        for key, events in self.of_message.items():
            latest = max(events, key=lambda each: each.version)
            found[key] = Where(latest.state, latest.attempts)
        return found

    def check(self) -> None:
        where, told = self.ledger(), self.statistics()
        assert where == {key: at for key, at in told.items() if key[0] not in self.archived}
        self._check_archived(told)
        self._check_chunks(where)
        self._check_leases()
        self._check_certainty(where)
        self._check_stories()
        self._check_runs(where)

    def _check_chunks(self, where: dict[tuple[UUID, UUID], Where]) -> None:
        members = [
            (run_id, each) for (run_id, _), c in self.chunks.items() for each in c.client_ids
        ]
        assert len(members) == len(set(members)), "nobody is in two chunks of a run"
        for (run_id, _), row in self.chunks.items():
            still_open = sum(where[run_id, each].state in OPEN for each in row.client_ids)
            assert row.open_count == still_open, (row, still_open)
        assert self.exceptions.keys() | self.attempts.keys() <= self.messages.keys()

    def _check_leases(self) -> None:
        for row in self.chunks.values():
            assert (row.state == "leased") == (row.sender_id is not None), row
        leased = [row.sender_id for row in (*self.chunks.values(), *self.exceptions.values())]
        assert {each for each in leased if each is not None} <= self.senders, "a lost lease"
        for row in self.exceptions.values():
            assert row.sender_id is None or row.state == "retry", row
            assert (row.due_at is not None) == (row.state == "retry"), row
            assert row.contact is None or (row.state == "retry" and row.unknowns), row

    def _check_certainty(self, where: dict[tuple[UUID, UUID], Where]) -> None:
        for key, rows in self.attempts.items():
            outcomes = {row.attempt: row.outcome for row in sorted(rows, key=_lost_first)}
            by_hand = any(
                isinstance(each, MessageResolved) for each in self.of_message.get(key, ())
            )
            # A look-up speaks of the only attempt that may have arrived.
            unknowns = list(outcomes.values()).count("unknown")
            is_told = unknowns == 1 and any(row.reason == "refused_by_lookup" for row in rows)
            if unknowns and where[key].state not in OPEN and not (by_hand or is_told):
                assert where[key].state in (State.DELIVERED, State.UNDETERMINED), rows

    def _check_stories(self) -> None:
        for key, events in self.of_message.items():
            versions = [each.version for each in events]
            assert versions == sorted(versions), "versions only grow"
            for before, after in pairwise(events):
                assert after.attempts >= before.attempts, "attempts never shrink"
                if before.version == after.version:
                    assert (before.state, before.attempts) == (after.state, after.attempts)
                if isinstance(after, MessageResolved):
                    assert before.state is State.UNDETERMINED, (before, after)
                elif before.state not in OPEN:
                    assert after.state in (before.state, State.DELIVERED), (before, after)
            finals = Counter(type(e) for e in events if not isinstance(e, MessageAttempted))
            assert max(finals.values(), default=1) == 1, "no final state is told twice"
            if events[-1].state not in OPEN:
                assert events[-1].state in {
                    e.state for e in events if not isinstance(e, MessageAttempted)
                }, "a final state has its event"
            if key[0] in self.archived:
                continue
            tried = [
                (e.attempt, e.kind, e.started_at, e.at)
                for e in events
                if isinstance(e, MessageAttempted)
            ]
            rows = [
                (r.attempt, r.kind, r.started_at, r.ended_at)
                for r in self.attempts.get(key, ())
                if r.kind != "start"
            ]
            assert sorted(tried) == sorted(rows), "each attempt on record is told, once"
            assert len(set(rows)) == len(rows), "each is on record once, in a block or by itself"

    def _check_runs(self, where: dict[tuple[UUID, UUID], Where]) -> None:
        for run_id, run in self.runs.items():
            own = {chunk: row for (each, chunk), row in self.chunks.items() if each == run_id}
            assert sorted(own) == list(range(run.chunk_count)), "chunks have no gaps"
            assert run.planned_count == sum(len(row.client_ids) for row in own.values())
            planned = self._told(MessagesPlanned, run_id)
            assert [each.chunk for each in planned] == list(range(run.chunk_count))
            assert all(each.client_ids == own[each.chunk].client_ids for each in planned)
            expanded = self._told(RunExpanded, run_id)
            is_expanded = run.state in ("sending", "finished")
            assert [e.planned for e in expanded] == [run.planned_count] * is_expanded
            is_finished = run.state == "finished"
            assert len(self._told(RunFinished, run_id)) == is_finished
            if is_finished:
                self._check_totals(
                    run, Counter(w.state for k, w in where.items() if k[0] == run_id)
                )
            still_open = [key for key, w in where.items() if key[0] == run_id and w.state in OPEN]
            assert not (is_finished and still_open)

    def _check_totals(self, run: Any, states: Counter[State]) -> None:
        corrections = self._told(RunCorrected, run.run_id)
        assert [each.number for each in corrections] == list(range(1, run.correction_count + 1))
        newest = [*self._told(RunFinished, run.run_id), *corrections][-1]
        assert newest.totals == states, "the newest totals are the ledger's"

    def _check_archived(self, told: dict[tuple[UUID, UUID], Where]) -> None:
        """Check that the figures of archived runs are those of all events, and the last ones."""
        for run_id, run in self.archived.items():
            own = [where for key, where in told.items() if key[0] == run_id]
            [event] = self._told(RunArchived, run_id)
            assert event.totals == Counter(where.state for where in own)
            assert event.attempts == sum(where.attempts for where in own)
            assert (run.totals, run.attempt_count) == (event.totals, event.attempts)
            assert (run.archived_at, run.mailing_id) == (event.archived_at, event.mailing_id)
            assert event is [e for e in self.events if e.run_id == run_id][-1]
        full = {row.run_id for row in self.rests}
        assert full <= {key for key, run in self.archived.items() if run.emptied_at is None}

    def _told(self, kind: type[Any], run_id: UUID) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind) and e.run_id == run_id]


async def prove(pool: Pool) -> Counter[State]:
    """Check that everything adds up; return how many messages are in which state."""
    tables = {}
    async with transaction(pool) as db:
        await db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        for name in ("runs", "chunks", "exceptions", "senders"):
            tables[name] = list(await db.execute(text(f"SELECT * FROM {name}")))
        tables["attempts"] = list(await db.execute(text("SELECT * FROM all_attempts")))
        rows = list(await db.scalars(text("SELECT batches FROM outbox ORDER BY position")))
    proof = Proof(tables, events_of(rows))
    proof.check()
    return Counter(where.state for where in proof.ledger().values())


def events_of(rows: list[bytes]) -> list[Any]:
    """Return the events in rows of the outbox, also those of blocks; no two records are alike."""
    records = [r for row in rows for batch in outbox.read(row) for r in batch.records]
    identifiers = Counter(dict(record.headers)["ce_id"] for record in records)
    assert max(identifiers.values(), default=1) == 1, identifiers.most_common(3)
    events = [read(dict(record.headers)["ce_type"], record.value or b"") for record in records]
    return [single for event in events for single in singles_of(event)]


def singles_of(event: Event) -> list[Event]:
    return [single for _, _, single in event.unpack()] if event.packs else [event]
