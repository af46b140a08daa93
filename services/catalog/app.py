"""The composition root: the only place where the catalog is put together."""

import sys
from asyncio import TaskGroup
from collections.abc import Sequence
from functools import partial

from services.catalog.domain.client import client
from services.catalog.domain.mailing_state import in_stream
from services.catalog.domain.suppression import suppression
from services.catalog.handlers.bouncing import Bouncing
from services.catalog.handlers.import_writing import begin_counting
from services.catalog.handlers.reaping import Reaper
from services.catalog.handlers.republishing import republish_clients
from services.catalog.projections import project
from services.catalog.routes import routers
from services.catalog.routes.imports import admission
from services.catalog.settings import Settings
from services.catalog.subscriptions import subscriptions
from services.catalog.workers import (
    ERASE_EVERY,
    FOLLOW_EVERY,
    PRUNE_EVERY,
    end_lost_imports,
    finish_erasures,
    follow_client_changes,
    prune_ended_imports,
)
from shared import database, http, kafka, loop, schema, telemetry
from shared.contracts.catalog import CLIENTS, SUPPRESSIONS
from shared.database import Connection
from shared.event_store.postgres import PostgresEventStore
from shared.event_store.republish import republish_latest
from shared.measuring import measure, sample_outbox
from shared.outbox import Batch, relay
from shared.pruning import prune_letters


async def run(settings: Settings) -> None:
    """Serve HTTP, end lost imports, relay the outbox and listen to Kafka until a signal.

    Relay and listener connect by themselves, so HTTP answers while Kafka cannot be reached.
    """
    telemetry.configure("catalog", settings.log_format, settings.trace_export)
    loop.collect_garbage_rarely()
    async with database.connect(settings.database_url) as pool, TaskGroup() as tasks:
        clock = database.business_clock(pool)
        keys = settings.keys_of_contacts
        store = PostgresEventStore("catalog", pool, project, in_stream, keys.published)
        callers = http.Callers(settings.hosts, settings.api_token)
        app = http.create_app("catalog", routers, pool, clock, store, callers=callers)
        http.describe_settings(app, settings)
        app.state.import_limits = settings.import_limits
        app.state.contact_keys, app.state.links = keys, settings.links
        app.state.compaction_lag = settings.compaction_lag
        begin_counting()
        app.state.import_admission = admission(settings.imports_at_once)
        lease = settings.import_lease
        consumed = subscriptions(store, clock, Bouncing(store, keys, settings.bounces))
        loops = [
            end_lost_imports(Reaper(pool, lease), every=lease / 8),
            finish_erasures(store, every=ERASE_EVERY),
            prune_ended_imports(pool, settings.import_retention, every=PRUNE_EVERY),
            follow_client_changes(pool, every=FOLLOW_EVERY),
            relay.relay(
                pool,
                settings.kafka_servers,
                "catalog",
                every=settings.outbox_poll_interval,
                lease=settings.relay_lease,
                repair=partial(_repair, store),
            ),
            kafka.listen(pool, settings.kafka_servers, "catalog", consumed),
            prune_letters(pool, settings.letter_retention),
            measure({"main": pool}, [sample_outbox]),
        ]
        running = tasks.create_task(schema.run_when_migrated("catalog", pool, loops))
        await http.serve(
            app, host=settings.http_host, port=settings.http_port, drain=settings.http_drain
        )
        running.cancel()


async def republish(settings: Settings) -> None:
    """Publish all clients once more, with the hashes of their contacts, and end."""
    telemetry.configure("catalog", settings.log_format, settings.trace_export)
    async with database.connect(settings.database_url) as pool:
        published = settings.keys_of_contacts.published
        store = PostgresEventStore("catalog", pool, project, in_stream, published)
        count = 0
        async for count in republish_clients(store):
            sys.stdout.write(f"\r{count:,} clients")
    sys.stdout.write(f"\rpublished once more: {count:,} clients\n")


async def _repair(store: PostgresEventStore, db: Connection, batches: Sequence[Batch]) -> None:
    """Publish once more what another relay may have swapped, of each compacted topic."""
    await republish_latest(store, "client", CLIENTS, client.events, db, batches)
    await republish_latest(store, "suppression", SUPPRESSIONS, suppression.events, db, batches)
