"""The composition root: the only place where the scheduler is put together."""

from asyncio import TaskGroup

from services.scheduler.handlers import sample_overdue
from services.scheduler.projections import project
from services.scheduler.routes import routers
from services.scheduler.settings import Settings
from services.scheduler.subscriptions import subscriptions
from services.scheduler.workers import fire_due_mailings
from shared import database, http, kafka, loop, schema, telemetry
from shared.alarm import Alarm
from shared.event_store.postgres import PostgresEventStore
from shared.measuring import measure, sample_outbox
from shared.outbox import relay
from shared.pruning import prune_letters


async def run(settings: Settings) -> None:
    """Serve HTTP, fire what is due, relay the outbox and listen to Kafka until a signal.

    Relay and listener connect by themselves, so HTTP answers while Kafka cannot be reached.
    """
    telemetry.configure("scheduler", settings.log_format, settings.trace_export)
    loop.collect_garbage_rarely()
    async with database.connect(settings.database_url) as pool, TaskGroup() as tasks:
        clock = database.business_clock(pool)
        store = PostgresEventStore("scheduler", pool, project)
        callers = http.Callers(settings.hosts, settings.api_token)
        app = http.create_app("scheduler", routers, pool, clock, store, callers=callers)
        http.describe_settings(app, settings)
        alarm = Alarm()  # rings when a plan may have changed
        loops = [
            fire_due_mailings(store, alarm, every=settings.poll_interval),
            relay.relay(
                pool,
                settings.kafka_servers,
                "scheduler",
                every=settings.outbox_poll_interval,
                lease=settings.relay_lease,
            ),
            kafka.listen(
                pool, settings.kafka_servers, "scheduler", subscriptions(store), alarm=alarm
            ),
            prune_letters(pool, settings.letter_retention),
            measure({"main": pool}, [sample_outbox, sample_overdue]),
        ]
        running = tasks.create_task(schema.run_when_migrated("scheduler", pool, loops))
        await http.serve(
            app, host=settings.http_host, port=settings.http_port, drain=settings.http_drain
        )
        running.cancel()
