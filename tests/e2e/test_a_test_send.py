"""A test send of a mailing reaches a bare contact, by HTTP and as a mail, and nobody counts it."""

from shared.testing import eventually
from tests.e2e.outside import Json, Platform, in_seconds, new_tag

# Nothing else can look like these.
PHONE, EMAIL, NAME = "79995558241", "canary@columba.example", "Canary Columba"
CANARIES = (b"9995558241", b"columba", b"Columba")


async def tried(platform: Platform, mailing: Json, to: Json) -> Json:
    """Send a saved mailing as a test; return what became of it."""
    content = {name: mailing[name] for name in ("gateway", "body", "subject", "html", "sender")}
    body = content | {"mailing_id": mailing["mailing_id"], "to": to}
    url = platform.env["DISPATCHER_URL"] + "/v1/test-sends"
    answer = await platform.http.post(url, json=body)
    assert answer.status_code == 201, answer.text
    run_id = answer.json()["run_id"]

    async def is_final() -> Json | None:
        found = await platform.get("DISPATCHER_URL", f"/v1/test-sends/{run_id}")
        return found if found["is_final"] else None

    return await eventually(is_final, within=120)


async def test_a_mailing_is_tried_by_both_kinds_of_gateways_and_nobody_counts_it(
    platform: Platform,
) -> None:
    tag = new_tag()
    await platform.import_clients(3, tag=tag, first=9_170_000_000)
    later = {"starts_at": in_seconds(1800), "tag": tag}
    mails = {"gateway": "smtp", "subject": "To {{ full_name }}", "html": "<b>{{ full_name }}</b>"}
    sms = await platform.create_mailing(**later)
    mail = await platform.create_mailing(**later, **mails)
    before = await platform.get("STATS_URL", "/v1/totals")

    by_http = await tried(platform, sms, {"phone": PHONE, "full_name": NAME})
    by_mail = await tried(platform, mail, {"email": EMAIL, "full_name": NAME})

    for found, code in ((by_http, 200), (by_mail, 250)):
        assert (found["status"], found["client_id"]) == ("delivered", None)
        [answer] = [each for each in found["attempts_log"] if each["kind"] == "answer"]
        assert (answer["outcome"], answer["status_code"]) == ("accepted", code)
    assert (await platform.accepted())[by_http["message_id"]] == 1
    sent = await platform.get("MAIL_URL", "/mails", limit=1000)
    [shown] = [each for each in sent["items"] if EMAIL in str(each)]
    assert NAME in str(shown)
    # A real run behind them is counted, so what was published before it has been read.
    await platform.command(sms, "start")
    run = await platform.finished(sms)
    await platform.statistics_equal_the_ledger(run)
    after = await platform.get("STATS_URL", "/v1/totals")
    assert after["planned"] - before["planned"] == 3
    assert {each["run_id"] for each in (by_http, by_mail)}.isdisjoint(
        each["run_id"]
        for each in (await platform.get("DISPATCHER_URL", "/v1/runs", limit=1000))["items"]
    )
    for record in await platform.records():
        parts = (record.key or b"", record.value or b"", *(value for _, value in record.headers))
        assert not any(canary in part for canary in CANARIES for part in parts), record.topic
