"""The composition root: the only place where the dispatcher is put together."""

import sys
from asyncio import TaskGroup
from functools import partial

from services.dispatcher import workers
from services.dispatcher.domain.attempt import Limits
from services.dispatcher.gateways.build import build
from services.dispatcher.handlers.adopting import LedgerGuard, adopt
from services.dispatcher.handlers.archiving import Retention
from services.dispatcher.handlers.gateways import Senders
from services.dispatcher.handlers.measuring import sample_ledger
from services.dispatcher.handlers.reaping import Reaper
from services.dispatcher.handlers.replicas import Replica
from services.dispatcher.queue.gateways import project
from services.dispatcher.routes import routers
from services.dispatcher.settings import Settings
from services.dispatcher.subscriptions import CONSUMER, CONTROLS, READERS, controls, subscriptions
from shared import database, http, kafka, loop, schema, telemetry
from shared.errors import Unavailable
from shared.event_store.postgres import PostgresEventStore
from shared.measuring import measure, sample_outbox
from shared.outbox import relay
from shared.pruning import prune_letters

# Connections of those that answer and listen, and of those that write the ledger: these wait
# while it is older than what it has published.
READERS_SIZE, WRITERS_SIZE = 8, 14


async def run(settings: Settings) -> None:
    """Serve HTTP, send what is due, relay the outbox and listen to Kafka until stopped.

    Relay and listeners connect by themselves, so HTTP answers while Kafka cannot be reached.
    """
    telemetry.configure("dispatcher", settings.log_format, settings.trace_export)
    loop.collect_garbage_rarely()
    servers = settings.kafka_servers
    guard = LedgerGuard(servers)
    async with (
        database.connect(settings.database_url, size=READERS_SIZE) as pool,
        database.connect(settings.database_url, size=WRITERS_SIZE, admit=guard.admit) as ledger,
        TaskGroup() as tasks,
    ):
        limits = Limits(
            timeout_s=settings.http_gateway_timeout.total_seconds(),
            lease_s=settings.lease.total_seconds(),
            backoff_base_s=settings.backoff_base.total_seconds(),
            backoff_cap_s=settings.backoff_cap.total_seconds(),
            caps=settings.caps,
        )
        poller = workers.WorkPoller(ledger)
        senders = Senders(
            ledger,
            limits,
            build,
            packs=settings.packed,
            traced_one_in=settings.traced_one_in,
            allows_private=settings.private_gateways,
            links=settings.links,
        )
        reaper = Reaper(ledger, limits, policies=senders.policies)
        clock = database.business_clock(pool)
        store = PostgresEventStore("dispatcher", ledger, project)
        app = http.create_app(
            "dispatcher",
            routers,
            pool,
            clock,
            store,
            callers=http.Callers(settings.hosts, settings.api_token),
        )
        http.describe_settings(app, settings)
        app.state.senders = senders
        app.state.platform_times = settings.platform_times
        app.state.retention = Retention(ledger, settings.run_retention)
        loops = [
            workers.serve_gateways(
                senders, poller, drain=settings.http_drain / 2, idle_renewal=settings.lease / 8
            ),
            workers.inherit_gateways(store, clock, settings.described_gateways),
            workers.advance_runs(
                ledger,
                kafka.EndOffsets(servers),
                READERS,
                senders.channels,
                poller,
                settings.platform_times,
            ),
            workers.report_gateways(Replica(pool, senders)),
            workers.reap_dead_senders(reaper, every=settings.lease / 8),
            relay.relay(
                ledger,
                servers,
                "dispatcher",
                every=settings.outbox_poll_interval,
                lease=settings.relay_lease,
            ),
            workers.check_ledger(guard, ledger),
            workers.prune_counts(ledger, settings.caps),
            workers.erase_clients(ledger),
            workers.archive_runs(app.state.retention),
            kafka.listen(pool, servers, CONSUMER, subscriptions()),
            kafka.listen(
                pool, servers, CONTROLS, controls(), without_group=True, alarm=poller.alarm
            ),
            prune_letters(ledger, settings.letter_retention),
            measure(
                {"main": pool, "ledger": ledger},
                [sample_outbox, partial(sample_ledger, senders.channels)],
            ),
        ]
        kept = kafka.wait_until_kept(servers, settings.run_retention)
        running = tasks.create_task(schema.run_when_migrated("dispatcher", pool, loops, once=kept))
        await http.serve(
            app, host=settings.http_host, port=settings.http_port, drain=settings.http_drain
        )
        running.cancel()


async def adopt_results(settings: Settings) -> None:
    """Read back what the log says of a ledger that was restored, and end.

    Raises:
        SystemExit: It could not be done; it goes on where it was when called again.
    """
    telemetry.configure("dispatcher", settings.log_format, settings.trace_export)
    servers = settings.kafka_servers
    async with database.connect(settings.database_url) as pool:
        others = [
            kafka.Listener(pool, servers, CONSUMER, subscriptions()),
            kafka.Listener(pool, servers, CONTROLS, controls(), without_group=True),
        ]
        try:
            records = await adopt(pool, servers, others)
        except kafka.PositionsLost as error:
            raise SystemExit(f"the log does not have all of it: {error}") from None
        except Unavailable as error:
            cause = error.__cause__
            raise SystemExit(f"not all is adopted yet: {type(cause).__name__}: {cause}") from None
    sys.stdout.write(f"adopted: {records:,} records are on record now\n")
