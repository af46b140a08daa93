"""Disturbing: what is done while messages go out and a process dies."""

import asyncio
import signal
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.testing import eventually
from tests.chaos.crash_points import Case, During
from tests.chaos.mailings import FEW, LAYOUT, Mailings
from tests.chaos.nemesis import be_well
from tests.chaos.rig import CONNECTIONS

# What is done lasts so long while messages go out: nothing else is waited for.
HELD_S, OUTAGE_S = 1.0, 2.0
POSTPONED_S = 8.0  # until the start: so long that the scheduler knows of it before
FIRED = """
    SELECT count(*) FROM schedules
    WHERE mailing_id = ANY($1::uuid[]) AND (next_fire_at IS NULL) = $2
"""


async def disturb(mailings: Mailings, case: Case, mailing_id: UUID) -> None:
    """Do to a mailing that is sent, or to its gateway, what the case says."""
    rig, [gateway] = mailings.rig, case.gateways
    match case.during:
        case During.PAUSE:
            run_id = await mailings.run_of(mailing_id)
            for verb in ("pause", "resume"):
                path = f"/v1/runs/{run_id}/{verb}"
                await rig.ask("dispatcher", "POST", path, json={"by": "a test"})
                await asyncio.sleep(HELD_S)
        case During.OUTAGE:
            await rig.misbehave(gateway, fail_share=1)
            await asyncio.sleep(OUTAGE_S)
            await be_well(rig, gateway, LAYOUT.latency_ms)
        case _:
            known = await rig.described(gateway)
            is_limit = case.during is During.LIMIT
            changes = {"rate": 500} if is_limit else {"max_connections": CONNECTIONS - 1}
            for description in (known | changes, known):
                await rig.describe(gateway, description)
                await asyncio.sleep(HELD_S)


async def postpone(mailings: Mailings, case: Case) -> None:
    """Move the start of mailings while they are proposed, which the catalog hears later."""
    rig = mailings.rig
    created = await mailings.create(case, FEW, in_s=POSTPONED_S)
    begun = time.monotonic()

    async def are(*, fired: bool) -> bool:
        rows = await rig.rows("scheduler", FIRED, created, fired)
        return bool(rows) and rows[0][0] == len(created)

    await eventually(lambda: are(fired=False), within=POSTPONED_S)
    await asyncio.sleep(begun + POSTPONED_S - 1.5 - time.monotonic())
    rig.signal("kafka", signal.SIGSTOP)
    try:
        starts_at = (datetime.now(UTC) + timedelta(seconds=POSTPONED_S)).isoformat()
        for each in created:
            path = f"/v1/mailings/{each}"
            await rig.ask("catalog", "PATCH", path, json={"starts_at": starts_at})
        await eventually(lambda: are(fired=True), within=120)
    finally:
        rig.signal("kafka", signal.SIGCONT)
