"""Nothing stays of who is erased: in no table, no topic and no file of a whole stack."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.stack import Stack
from shared.contracts.catalog import CLIENTS
from shared.kafka.topics import configuration
from shared.testing import eventually
from tests.e2e.outside import Json, Platform, new_tag

PHONE, EMAIL = "79994441230", "finch@fringilla.example"
NAME, OTHER_NAME, COMMENT = "Finch Fringilla", "Finch Coelebs", "finch calls back"
HINTS = ("9994441230", "inch", "ringilla", "oelebs")
TEMPLATE = "{{ full_name }}, {{ phone }}, {{ email }}: {{ comment }}"
DATABASES = ("CATALOG", "SCHEDULER", "DISPATCHER", "STATS")

# The bytes of the stores themselves: what they mean is read from them, as tables and records.
OF_STORES = ("postgres", "kafka")


def names_person(text: str) -> bool:
    return any(hint in text for hint in HINTS)


async def tables_naming(platform: Platform) -> set[str]:
    """Return the tables of all services with a row that names the person."""
    found = set()
    for service in DATABASES:
        db = await asyncpg.connect(platform.env[f"{service}_DATABASE_URL"])
        try:
            names = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in names:
                if table == "outbox":  # until Kafka has it: the topics show that
                    continue
                rows = await db.fetch(f"SELECT CAST(to_jsonb(t) AS text) FROM {table} AS t")
                if any(names_person(row) for (row,) in rows):
                    found.add(f"{service.lower()}.{table}")
        finally:
            await db.close()
    return found


async def topics_naming(platform: Platform) -> set[str]:
    """Return the topics with a record that names the person, from the first offset there is."""
    return {
        record.topic
        for record in await platform.records()
        if names_person(repr((record.key, record.value, record.headers)))
    }


def files_of(home: Path) -> Iterator[Path]:
    for path in home.rglob("*"):
        of = path.relative_to(home).parts
        if path.is_file() and not any(part in OF_STORES for part in of[:-1]):
            yield path


def files_naming(home: Path) -> set[str]:
    """Return the files that name the person."""
    return {
        path.name for path in files_of(home) if names_person(path.read_bytes().decode("latin-1"))
    }


@asynccontextmanager
async def compacted_at_once(stack: Stack, servers: str) -> AsyncIterator[None]:
    """Let the topic of clients be compacted within seconds, and the catalog know of it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)

    async def set_to(configs: dict[str, str]) -> None:
        topic = ConfigResource(ConfigResourceType.TOPIC, CLIENTS.name, configs)
        await admin.alter_configs([topic])

    await admin.start()
    usual = configuration(CLIENTS)
    await set_to(usual | {"max.compaction.lag.ms": "1000"})
    await stack.end("catalog")
    await stack.begin("catalog", {"TOPIC_COMPACTION_LAG": "PT1S"})
    try:
        yield
    finally:
        await set_to(usual)
        await admin.close()
        await stack.end("catalog")
        await stack.begin("catalog")


async def is_everywhere(platform: Platform, tag: str, log: Path) -> str:
    """Let the person stand wherever a person may stand; return the client's identifier."""
    catalog = platform.env["CATALOG_URL"]
    own = {"phone": PHONE, "email": EMAIL, "full_name": NAME, "comment": COMMENT, "tags": [tag]}
    made = await platform.http.post(f"{catalog}/v1/clients", json=own)
    assert made.status_code == 201, made.text
    client_id: str = made.json()["client_id"]
    path = f"{catalog}/v1/clients/{client_id}"
    changed = await platform.http.patch(path, json={"full_name": OTHER_NAME})
    assert changed.status_code == 200
    await platform.import_csv(f"phone,full_name\n+7 (999) 444-12-3,{NAME}\n".encode())
    description = {"kind": "log", "path": str(log)}
    logged = await platform.http.put(
        f"{platform.env['DISPATCHER_URL']}/v1/gateways/paper", json=description
    )
    assert logged.is_success, logged.text
    to = {"phone": PHONE, "full_name": NAME}
    tried = await platform.http.post(
        f"{platform.env['DISPATCHER_URL']}/v1/test-sends",
        json={"gateway": "http", "body": TEMPLATE, "to": to},
    )
    assert tried.status_code == 201, tried.text
    for gateway in ("http", "paper"):

        async def created(gateway: str = gateway) -> Json | None:
            body = {"name": "to somebody", "body": TEMPLATE, "gateway": gateway}
            try:
                return await platform.create_mailing(tag=tag, **body)
            except AssertionError:  # the catalog does not know the gateway yet
                return None

        mailing = await eventually(created, within=120)
        run = await platform.finished(mailing)
        assert (await platform.ledger(run)).by_status == {"delivered": 1}
    return client_id


async def test_nothing_stays_of_who_is_erased_and_what_was_refused_holds(
    fragile: Stack, fragile_platform: Platform
) -> None:
    platform, tag = fragile_platform, new_tag()
    catalog = platform.env["CATALOG_URL"]
    async with compacted_at_once(fragile, platform.env["KAFKA_SERVERS"]):
        client_id = await is_everywhere(platform, tag, fragile.home.data / "lines.log")
        path = f"{catalog}/v1/clients/{client_id}"
        # For all of the person that there is, each store is asked first.
        assert await tables_naming(platform) >= {
            "catalog.clients",
            "catalog.events",
            "catalog.import_rejections",
            "dispatcher.clients",
            "dispatcher.attempts",
        }
        assert await topics_naming(platform) == {CLIENTS.name}
        assert files_naming(fragile.home.path) == {"lines.log"}
        unwanted = {"phone": PHONE}
        refused = await platform.http.post(f"{catalog}/v1/suppressions", json=unwanted)
        assert refused.status_code == 200, refused.text

        erased = await platform.http.delete(path, params={"erase": True})

        assert erased.status_code == 200, erased.text
        assert [each["kind"] for each in erased.json()["kept_suppressions"]] == ["phone"]

        async def is_in_no_table() -> bool:
            return not await tables_naming(platform) and not files_naming(fragile.home.path)

        await eventually(is_in_no_table, within=120)

        async def is_in_no_topic() -> bool:
            return not await topics_naming(platform)

        await eventually(is_in_no_topic, within=60)
    again = await platform.get("CATALOG_URL", "/v1/suppressions", phone=PHONE)
    assert len(again["items"]) == 1
