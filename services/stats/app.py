"""The composition root: the only place where stats is put together."""

import resource
from asyncio import TaskGroup

from services.stats.handlers.broadcasting import Broadcast
from services.stats.handlers.reading import CONNECTIONS, PublicReads
from services.stats.routes import routers
from services.stats.settings import Settings
from services.stats.subscriptions import (
    CONSUMER,
    MAY_BE_CUT,
    mender,
    subscriptions,
    subscriptions_of,
)
from services.stats.workers.emptying import Emptier, empty_archived_runs
from services.stats.workers.live import Hub, watch_figures
from services.stats.workers.measuring import sample_freshness
from services.stats.workers.proving import Prover, prove_runs
from services.stats.workers.rebuilding import Rebuild, report
from shared import database, http, kafka, loop, schema, telemetry
from shared.measuring import measure
from shared.pruning import prune_letters


async def run(settings: Settings) -> None:
    """Serve HTTP and listen to Kafka until a signal.

    The listener connects by itself, so HTTP answers while Kafka cannot be reached.
    """
    _configure(settings)
    async with (
        database.connect(settings.database_url, is_rebuildable=True) as pool,
        database.connect(settings.database_url, size=CONNECTIONS) as public_pool,
        TaskGroup() as tasks,
    ):
        reads = _public_reads(public_pool, settings)
        clock = database.business_clock(pool)
        callers = http.Callers(settings.hosts, settings.api_token)
        app = http.create_app("stats", routers, pool, clock, None, callers=callers)
        app.state.public_reads = reads
        http.describe_settings(app, settings)
        servers = settings.kafka_servers
        loops = [
            kafka.listen(
                pool,
                servers,
                CONSUMER,
                subscriptions(),
                may_be_cut=MAY_BE_CUT,
                gathers_first=True,
            ),
            prove_runs(Prover(pool, servers, CONSUMER, subscriptions_of, mender)),
            empty_archived_runs(Emptier(pool)),
            prune_letters(pool, settings.letter_retention),
            measure({"main": pool, "public": public_pool}, [sample_freshness]),
            watch_figures(Hub(reads)),
        ]
        kept = kafka.wait_until_kept(servers, settings.run_retention)
        running = tasks.create_task(schema.run_when_migrated("stats", pool, loops, once=kept))
        await http.serve(
            app,
            host=settings.http_host,
            port=settings.http_port,
            drain=settings.http_drain,
            at_end=reads.broadcast.close,
        )
        running.cancel()


def _public_reads(pool: database.Pool, settings: Settings) -> PublicReads:
    _raise_descriptor_limit()
    broadcast = Broadcast(settings.live_watchers, settings.live_watchers_of_address)
    return PublicReads(pool, broadcast, shows_names=settings.public_names)


def _raise_descriptor_limit() -> None:
    """Let the process have as many connections as it may: each that watches keeps one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def rebuild(settings: Settings, *, as_json: bool) -> None:
    """Fill all tables anew from the log, report the progress, and end.

    Raises:
        SystemExit: It could not be done; everything is as it was.
    """
    _configure(settings)
    async with database.connect(settings.database_url, is_rebuildable=True) as pool:
        servers = settings.kafka_servers
        worker = Rebuild(pool, servers, CONSUMER, subscriptions, MAY_BE_CUT)
        await report(worker, as_json=as_json)


def _configure(settings: Settings) -> None:
    telemetry.configure("stats", settings.log_format, settings.trace_export)
    loop.collect_garbage_rarely()
