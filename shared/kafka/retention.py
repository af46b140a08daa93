"""The retention of topics: what the broker deletes, compared with what is still needed.

Figures are made of the log again, so nothing may leave it before they need it no more: of
`dispatcher.messages` a run's records once the run is archived, of all other topics none.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from shared import contracts, liveness, stops
from shared.contracts.dispatcher import MESSAGES
from shared.errors import Unavailable
from shared.kafka.access import connection
from shared.kafka.cluster import STUCK
from shared.kafka.starting import start, stop
from shared.loop import Backoff, goes_on
from shared.setting_values import duration_text
from shared.topic import Topic

log = structlog.get_logger()

# Between a message's event and the end of its run, and between the time to the archive and the
# archive itself: as long as a window usually is, and a dispatcher may stand still.
MARGIN = timedelta(days=7)
MENDED_EVERY_S = 5.0  # between looks at whether somebody has changed the topics
PART = "topics"
FOR_EVER = -1


class Kept(NamedTuple):
    """What the broker deletes of a topic: a policy, an age and a size, of which -1 is none."""

    policy: str
    ms: int
    bytes: int


async def wait_until_kept(servers: str, run_retention: timedelta | None) -> None:
    """Return when the broker keeps every topic for as long as it is needed.

    Until then `/readyz` and the log say which does not, and what to do. Where we may not read the
    settings of topics, that is in the log, and nothing is checked.
    """
    backoff = Backoff("retention")
    with liveness.running("retention") as own:
        while goes_on():
            own.beat()
            try:
                found = await _read(servers)
            except Unavailable as error:
                await backoff.wait(error)
                continue
            reasons = refusals(found, run_retention)
            if not reasons:
                break
            stops.stopped(PART, "; ".join(reasons))
            await asyncio.sleep(MENDED_EVERY_S)
    stops.resumed(PART)
    backoff.succeeded()


def refusals(found: Mapping[str, Kept], run_retention: timedelta | None) -> list[str]:
    """Return a sentence, with what to do, for each topic that loses what is still needed."""
    reasons = (
        _refusal(topic, found[name], run_retention)
        for name, topic in contracts.TOPICS.items()
        if name in found
    )
    return [reason for reason in reasons if reason is not None]


def _refusal(topic: Topic, kept: Kept, run_retention: timedelta | None) -> str | None:
    deletes, compacts = "delete" in kept.policy, "compact" in kept.policy
    if compacts and not topic.is_compacted:
        return f"{topic.name} is compacted, which loses events: set its cleanup.policy to delete"
    is_cut = deletes and (kept.ms != FOR_EVER or kept.bytes != FOR_EVER)
    if not is_cut:
        return None
    if topic is not MESSAGES:
        return (
            f"{topic.name} is needed for ever, and the broker deletes of it: "
            "set its retention.ms and retention.bytes to -1"
        )
    return _refusal_of_messages(kept, run_retention)


def _refusal_of_messages(kept: Kept, run_retention: timedelta | None) -> str | None:
    name = MESSAGES.name
    if kept.bytes != FOR_EVER:
        return (
            f"{name} is deleted by size, whatever is archived by then: "
            "set its retention.bytes to -1"
        )
    if run_retention is None:
        return (
            f"{name} is deleted after {_text(kept.ms)}, and RUN_RETENTION is not set, so no "
            "run is archived before: set its retention.ms to -1, or RUN_RETENTION"
        )
    needed = run_retention + MARGIN
    if timedelta(milliseconds=kept.ms) >= needed:
        return None
    return (
        f"{name} is deleted after {_text(kept.ms)}, before its runs are archived: set its "
        f"retention.ms to {needed // timedelta(milliseconds=1)} at least, which is RUN_RETENTION "
        f"({duration_text(run_retention)}) and {duration_text(MARGIN)}"
    )


def _text(ms: int) -> str:
    return duration_text(timedelta(milliseconds=ms))


async def _read(servers: str) -> dict[str, Kept]:
    """Return what the broker deletes of our topics, of those that are there.

    Raises:
        Unavailable: Kafka cannot be reached.
    """
    client = AIOKafkaAdminClient(**connection(servers))
    try:
        async with asyncio.timeout(STUCK):
            await start(client)
            there = contracts.TOPICS.keys() & set(await client.list_topics())
            wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(there)]
            answers = await client.describe_configs(wanted) if wanted else []
    except (KafkaError, OSError) as error:
        raise Unavailable from error
    finally:
        await stop(client, client.close)
    return _kept(resource for answer in answers for resource in answer.resources)


def _kept(resources: Any) -> dict[str, Kept]:  # noqa: ANN401 - aiokafka has no types
    found = {}
    for code, _, _, name, entries in resources:
        if code:
            reason = for_code(code).__name__
            log.warning("kafka.retention_unknown", topic=name, reason=reason)
            continue
        values = {entry[0]: entry[1] for entry in entries}
        found[name] = Kept(
            values["cleanup.policy"], int(values["retention.ms"]), int(values["retention.bytes"])
        )
    return found
