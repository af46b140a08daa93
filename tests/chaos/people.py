"""People: what is done for whom mailings are for, while a process dies; a mailing shows it."""

from contextlib import suppress
from uuid import uuid4

import httpx

from shared.testing import eventually
from tests.chaos.crash_points import Case
from tests.chaos.mailings import FEW, LAYOUT, MORE, WITHIN_S, Mailings
from tests.chaos.nemesis import be_well

SOON_S = 6.0  # until a mailing begins whose audience is changed before
PHONE = "79199999999"  # of nobody that the catalog knows
CLIENT_OF = "SELECT client_id FROM clients WHERE $1 = ANY(tags) ORDER BY client_id LIMIT 1"
SUPPRESSED = "SELECT FROM suppressions WHERE subject = $1"
BOUNCES = "SELECT count(*) FROM bounces"


async def import_and_send(mailings: Mailings, case: Case) -> None:
    """Import clients, send to them, and delete the import."""
    tag, made = await mailings.register(50)
    await mailings.run_until_end(case, tag)
    await mailings.rig.ask("catalog", "DELETE", f"/v1/imports/{made['import_id']}")


async def change_audience(mailings: Mailings, case: Case) -> None:
    """Change the audience of a mailing before it begins: it goes to whom it is for then."""
    rig, headers = mailings.rig, {"Idempotency-Key": str(uuid4())}
    saved = {"name": f"of {case.point}", "filter": {"tags": [FEW]}}
    made = await rig.ask("catalog", "POST", "/v1/audiences", json=saved, headers=headers)
    path = f"/v1/audiences/{made['audience_id']}"
    created = await mailings.create(case, MORE, in_s=SOON_S, audience=made["audience_id"])
    await rig.ask("catalog", "PATCH", path, json={"filter": {"tags": [MORE]}})
    await mailings.finished(created)
    await rig.ask("catalog", "DELETE", path)


async def suppress_and_lift(mailings: Mailings, case: Case) -> None:
    """Suppress a client: the next mailing does not go to it, and the one behind that does."""
    rig = mailings.rig
    tag, _ = await mailings.register()
    [row] = await rig.rows("catalog", CLIENT_OF, tag)
    client = {"client_id": str(row["client_id"])}
    made = await rig.ask("catalog", "POST", "/v1/suppressions", json=client)
    held = await mailings.statuses(await mailings.run_until_end(case, tag))

    async def is_lifted() -> bool:
        with suppress(httpx.TransportError):  # and who lifts it a second time is told so
            await rig.http.delete(f"{rig.url('catalog')}/v1/suppressions/{made['subject']}")
        return not await rig.rows("catalog", SUPPRESSED, made["subject"])

    await eventually(is_lifted, within=WITHIN_S)
    lifted = await mailings.statuses(await mailings.run_until_end(case, tag))
    assert (held, lifted) == ({"delivered": 2, "suppressed": 1}, {"delivered": 3})


async def bounce(mailings: Mailings, case: Case) -> None:
    """Let a gateway refuse contacts for good: the next mailing does not go to them."""
    rig, [gateway] = mailings.rig, case.gateways
    await mailings.run_until_end(case, FEW)
    tag, _ = await mailings.register()
    [before] = await rig.rows("catalog", BOUNCES)
    await rig.misbehave(gateway, refuse_share=1)
    try:
        refused = await mailings.statuses(await mailings.run_until_end(case, tag))
    finally:
        await be_well(rig, gateway, LAYOUT.latency_ms)

    async def are_suppressed() -> bool:
        subjects = "SELECT count(*) FROM suppressions WHERE source = 'gateway'"
        found = await rig.rows("catalog", subjects)
        return bool(found) and found[0][0] == before[0] + 3

    await eventually(are_suppressed, within=WITHIN_S)
    held = await mailings.statuses(await mailings.run_until_end(case, tag))
    [after] = await rig.rows("catalog", BOUNCES)
    assert (refused, held, after[0] - before[0]) == ({"failed": 3}, {"suppressed": 3}, 3)


async def reach_the_cap(mailings: Mailings, case: Case) -> None:
    """Send clients as much as they may have: the next mailing does not go to them."""
    tag, _ = await mailings.register()
    sent = [
        await mailings.statuses(
            await mailings.run_until_end(case, tag, message_class="transactional")
        )
        for _ in range(2)
    ]
    assert sent == [{"delivered": 3}, {"suppressed": 3}]


async def send_test(mailings: Mailings, case: Case) -> None:
    """Send a test to a bare contact, once, and erase the contact."""
    rig, [gateway] = mailings.rig, case.gateways
    body = {"gateway": gateway, "body": "Hello", "to": {"phone": PHONE}}
    headers = {"Idempotency-Key": str(uuid4())}
    made = await rig.ask("dispatcher", "POST", "/v1/test-sends", json=body, headers=headers)
    path, found = f"/v1/test-sends/{made['run_id']}", made

    async def is_final() -> bool:
        nonlocal found
        found = await rig.ask("dispatcher", "GET", path)
        return bool(found["is_final"])

    await eventually(is_final, within=WITHIN_S)
    await rig.ask("dispatcher", "DELETE", f"{path}/contact")
    left = await rig.rows("dispatcher", "SELECT FROM clients WHERE phone = $1", PHONE)
    requests = mailings.requests(gateway, found["message_id"])
    assert (found["status"], found["attempts"], requests, left) == ("delivered", 1, 1, [])
