"""Personal data is in the values of `catalog.clients`, and nowhere else that others can read."""

from pathlib import Path

from deploy.local.stack import Stack
from shared import contracts
from shared.contracts.catalog import CLIENTS
from shared.contracts.dispatcher import CONTACTS
from shared.testing import eventually
from tests.e2e.echo import FAILED, NONSENSE, REFUSED
from tests.e2e.outside import FromKafka, Platform, new_tag

# Nothing else can look like these, nor like a part of them.
PHONES = ["79995557130", REFUSED, FAILED, NONSENSE]
NO_PHONE = "+7 (999) 555-71-39-00"
NAME, OTHER_NAME = "Canary Serinus", "Canary Atlantic"
EMAIL, COMMENT = "canary@serinus.example", "canary sings at dawn"
CANARIES = (b"9995557", b"anary", b"serinus")

TEMPLATE = "{{ full_name }}, {{ phone }}, {{ email }}: {{ comment }}"
HEADER = "phone,email,full_name,comment,tags"


async def test_personal_data_is_in_values_of_clients_only_whatever_a_gateway_repeats(
    fragile: Stack, fragile_platform: Platform
) -> None:
    platform, tag = fragile_platform, new_tag()
    await know_clients(platform, tag)
    await make_mistakes(platform)
    await suppress(platform)

    mailing = await platform.create_mailing(tag=tag, body=TEMPLATE, subject="To {{ full_name }}")
    run = await platform.finished(mailing)
    ledger = await platform.statistics_equal_the_ledger(run)
    removed = await forget_one_client(platform)
    attempts = await platform.attempts(run, "kind = 'answer'")
    answers = {each["answer"] for each in attempts}
    names = [each["gateway_message_id"] for each in attempts if each["gateway_message_id"]]

    assert ledger.by_status == {"delivered": 3, "failed": 1}
    assert len(answers) == ledger.attempts == 6
    assert all(canaries_in(said.encode()) for said in [*answers, *names]), "it repeats all"
    assert len(names) == ledger.by_status["delivered"]
    found, topics = set(), set()
    for record in await records_up_to(removed, platform):
        topics.add(record.topic)
        headers = b" ".join(name.encode() + b" " + value for name, value in record.headers)
        parts = {"key": record.key, "headers": headers, "value": record.value}
        found |= {
            (record.topic, part, canary)
            for part, data in parts.items()
            for canary in canaries_in(data or b"")
        }
    assert topics >= set(contracts.TOPICS) - {CONTACTS.name}  # nothing has bounced
    assert {(topic, part) for topic, part, _ in found} == {(CLIENTS.name, "value")}
    assert {canary for *_, canary in found} == set(CANARIES)
    assert too_much_in(fragile.home.logs) == []


def canaries_in(data: bytes) -> list[bytes]:
    return [canary for canary in CANARIES if canary in data]


async def know_clients(platform: Platform, tag: str) -> None:
    """Let there be clients in all ways there are: one by one, by files, and changed."""
    rows = [f"{phone},{EMAIL},{NAME},{COMMENT},{tag}" for phone in PHONES[1:]]
    rows.append(f"{NO_PHONE},{EMAIL},{NAME},{COMMENT},{tag}")
    await imported(platform, "text/csv", "\n".join([HEADER, *rows]))
    await imported(platform, "application/x-ndjson", f'{{"phone": "{NO_PHONE}"}}')
    path, client = "/v1/clients", {"phone": PHONES[0], "email": EMAIL, "full_name": NAME}
    answer = await platform.http.post(
        platform.env["CATALOG_URL"] + path,
        json={**client, "comment": COMMENT, "tags": [tag]},
        headers={"Idempotency-Key": f"{PHONES[0]} {NAME}"},
    )
    client_id = answer.json()["client_id"]
    changed = await platform.http.patch(
        f"{platform.env['CATALOG_URL']}{path}/{client_id}", json={"full_name": OTHER_NAME}
    )
    assert (answer.status_code, changed.status_code) == (201, 200)


async def imported(platform: Platform, kind: str, body: str) -> None:
    answer = await platform.http.post(
        platform.env["CATALOG_URL"] + "/v1/imports",
        content=body.encode(),
        headers={"content-type": kind},
    )
    assert answer.status_code == 201
    assert answer.json()["rejected"] == 1


async def make_mistakes(platform: Platform) -> None:
    """Ask for what is refused: refusals are logged, by us or by the stores."""
    clients = platform.env["CATALOG_URL"] + "/v1/clients"
    refused = [
        await platform.http.post(clients, json={"phone": PHONES[0]}),
        await platform.http.post(clients, json={"phone": NO_PHONE, "full_name": NAME}),
        await platform.http.post(clients, json={"phone": PHONES[0], NAME: EMAIL}),
        await platform.http.post(clients, content=f'{{"phone": "{PHONES[0]}'.encode()),
        await platform.http.get(clients, params={"phone": PHONES[0], NAME: EMAIL}),
        await platform.http.get(f"{clients}/{PHONES[0]}"),
    ]
    assert [each.status_code for each in refused] == [409, 422, 422, 415, 422, 422]


async def suppress(platform: Platform) -> None:
    """Suppress the e-mail, which this mailing does not go to, one by one and by a file."""
    path = f"{platform.env['CATALOG_URL']}/v1/suppressions"
    answers = [
        await platform.http.post(path, json={"email": EMAIL, "topic": "news"}),
        await platform.http.post(
            f"{path}/import", content=EMAIL.encode(), headers={"content-type": "text/csv"}
        ),
        await platform.http.get(path, params={"email": EMAIL}),
    ]
    assert [each.status_code for each in answers] == [200, 200, 200]
    assert len(answers[-1].json()["items"]) == 2


async def forget_one_client(platform: Platform) -> str:
    found = await platform.get("CATALOG_URL", "/v1/clients", phone=PHONES[0])
    client_id: str = found["items"][0]["client_id"]
    path = f"{platform.env['CATALOG_URL']}/v1/clients/{client_id}"
    assert (await platform.http.delete(path)).status_code == 204
    return client_id


async def records_up_to(removed: str, platform: Platform) -> list[FromKafka]:
    """Return all records, when the tombstone of the client is among them."""

    async def all_are_there() -> list[FromKafka] | None:
        records = await platform.records()
        tombstones = {each.key for each in records if each.value is None}
        return records if removed.encode() in tombstones else None

    return await eventually(all_are_there, within=120)


def too_much_in(logs: Path) -> list[tuple[str, list[bytes]]]:
    """Return the logs with personal data in them, and what it is."""
    found = [(log.name, canaries_in(log.read_bytes())) for log in sorted(logs.iterdir())]
    return [(log, canaries) for log, canaries in found if canaries]
