"""Afterwards: what is done with what a mailing has left, while a process dies."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from shared.testing import eventually
from tests.chaos import books
from tests.chaos.crash_points import Case
from tests.chaos.evidence import Message
from tests.chaos.mailings import LAYOUT, MORE, WITHIN_S, Mailings
from tests.chaos.nemesis import be_well
from tests.chaos.rig import Rig

UNDETERMINED = """
    SELECT client_id FROM exceptions WHERE run_id = $1 AND state = 'undetermined'
"""
NOT_EMPTIED = {
    "dispatcher": "SELECT count(*) FROM runs WHERE state <> 'archived' OR emptied_at IS NULL",
    "stats": """
        SELECT count(*) FROM runs WHERE generation = (SELECT current FROM generations)
        AND archived_at IS NOT NULL AND NOT is_emptied
    """,
}

# Each erasure is done again, minute by minute: one of an earlier visit would end a process that is
# to die of its own, in the middle of the mailing before.
PUT_OFF = "UPDATE erasures SET next_at = clock_timestamp() + interval '1 hour'"


async def put_off_erasures(rig: Rig) -> None:
    """Let none of the erasures that are known be done again meanwhile."""
    await rig.rows("dispatcher", PUT_OFF)


async def erase(mailings: Mailings) -> None:
    """Register a client whom no mailing is for, and erase it; services may die meanwhile."""
    rig, headers = mailings.rig, {"Idempotency-Key": str(uuid4())}
    client = {"email": "erased@example.com"}
    made = await rig.ask("catalog", "POST", "/v1/clients", json=client, headers=headers)
    path = f"/v1/clients/{made['client_id']}"
    await rig.ask("catalog", "DELETE", path, params={"erase": "true"})
    left = await rig.rows(
        "catalog",
        "SELECT version FROM events WHERE stream = $1",
        f"client-{made['client_id']}",
    )
    assert [row["version"] for row in left] == [2]


async def resend(mailings: Mailings, mailing_id: UUID) -> None:
    """Send again what expired of a mailing."""
    run_id = await mailings.run_of(mailing_id)
    ends_at = datetime.now(UTC) + timedelta(minutes=10)
    body = {"statuses": ["expired"], "ends_at": ends_at.isoformat()}
    path, headers = f"/v1/runs/{run_id}/resend", {"Idempotency-Key": str(uuid4())}
    made = await mailings.rig.ask("dispatcher", "POST", path, json=body, headers=headers)
    assert made["clients"]


async def resolve(mailings: Mailings, case: Case) -> None:
    """Say what became of each message of a mailing that its gateway has answered badly."""
    rig, [gateway] = mailings.rig, case.gateways
    await rig.misbehave(gateway, garbage_share=0.2)
    try:
        mailing_id = await mailings.run_until_end(case, MORE, on_unknown="prefer_silence")
    finally:
        await be_well(rig, gateway, LAYOUT.latency_ms)
    run_id = await mailings.run_of(mailing_id)
    rows = await rig.rows("dispatcher", UNDETERMINED, run_id)
    assert rows
    taken = {each.key for each in books.gateways(rig)[gateway].requests if each.is_accepted}
    for row in rows:
        key = Message(run_id, row["client_id"], "undetermined").key
        outcome = "delivered" if key in taken else "failed"
        body = {"outcome": outcome, "reason": "its ledger"}
        await rig.ask("dispatcher", "POST", f"/v1/messages/{key}/resolve", json=body)


async def archive(mailings: Mailings) -> None:
    """Archive all that has ended, and wait until its rows are gone."""
    rig = mailings.rig
    await mailings.keep()
    body = {"before": (datetime.now(UTC) + timedelta(minutes=10)).isoformat()}

    async def are_emptied() -> bool:
        await rig.ask("dispatcher", "POST", "/v1/retention", json=body)
        rows = [await rig.rows(of, statement) for of, statement in NOT_EMPTIED.items()]
        return all(found and found[0][0] == 0 for found in rows)

    await eventually(are_emptied, within=WITHIN_S, every=0.5)
