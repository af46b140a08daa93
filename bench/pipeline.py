"""The pipeline: a mailing to all clients, from its creation to the last figure about it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from bench.ceiling import Poster, ceiling
from bench.mail.ceiling import MailPoster
from bench.mail.content import BODY as MAIL_BODY
from bench.mail.content import SUBJECT
from bench.processes import Meter
from bench.rig import Rig
from bench.stored import Stored, stored
from bench.waiting import wait_for
from cli.render import Json
from cli.statistics.figures import mailing_figures, open_of

# As long as the ceiling's: the same bytes go to the same sink.
BODY = "Good day, {{ full_name }}, your order is ready"
WINDOW = timedelta(hours=6)
EVERY_S = 0.25
SLOWEST_PER_S = 200.0  # messages; below it we give up
CEILING_REQUESTS = 60_000  # a second or so
PROFILED = ("dispatcher", "stats")
CEILING_ROUNDS = 3  # before, and again after


@dataclass(frozen=True)
class Pipeline:
    """How fast a mailing went through everything, and at what cost."""

    gateway: str  # idempotent, or plain
    connections: int
    latency_ms: tuple[int, int]
    messages: int
    seconds: float
    rate_per_s: float
    ceiling_rate_per_s: float
    ratio: float
    lost: int
    duplicated: int
    stats_lag_p95_s: float | None
    rss_mb: dict[str, float]  # the most of each service
    cpu_us_per_message: dict[str, float]  # of everything that runs
    machine: dict[str, float]  # shares of all cores: idle, and busy elsewhere
    stored_per_million: Stored


@dataclass
class Watch:
    """Looks at a mailing's figures until they are complete, and at the processes meanwhile."""

    rig: Rig
    mailing_id: str
    meter: Meter
    lags_s: list[float] = field(default_factory=list)
    run: Json = field(default_factory=dict)

    async def is_over(self) -> bool:
        """Return whether all messages are final in the statistics; sample the processes."""
        self.meter.sample()
        found = await mailing_figures(self.rig.api, self.mailing_id)
        if found is None:
            return False
        if found["lag_s"] is not None:
            self.lags_s.append(found["lag_s"])
        if not found["runs"]:
            return False
        self.run = found["runs"][0]
        # That a run has finished is heard of on another topic than its last messages.
        return bool(
            self.run["is_finished"]
            and self.run["planned"] == self.rig.messages
            and open_of(self.run) == 0
        )


async def send_mailing(rig: Rig) -> Pipeline:
    """Send a mailing to all clients through the whole platform.

    Raises:
        Failure: It came to no end.
    """
    rates = await ceilings(rig)
    requests_before, distinct_before = await rig.accepted()
    stored_before = await stored(rig)
    meter = rig.meter()
    rig.toggle_profile(*PROFILED)
    begun = perf_counter()
    mailing = await create_mailing(rig, "pipeline", datetime.now(UTC))
    watch = Watch(rig, mailing["mailing_id"], meter)
    within_s = 60 + rig.messages / SLOWEST_PER_S
    await wait_for(watch.is_over, "the end of the mailing", within_s, EVERY_S)
    seconds = perf_counter() - begun
    machine = meter.machine()
    cpu_us = meter.cpu_us_per(rig.messages)
    rig.toggle_profile(*PROFILED)
    requests, distinct = await rig.accepted()
    rates += await ceilings(rig)
    rate, most = rig.messages / seconds, median(rates)
    run = await rig.api.get("dispatcher", f"/v1/runs/{watch.run['run_id']}")
    return Pipeline(
        gateway=rig.setup.gateway,
        connections=rig.setup.connections,
        latency_ms=rig.setup.latency_ms,
        messages=rig.messages,
        seconds=round(seconds, 3),
        rate_per_s=round(rate, 1),
        ceiling_rate_per_s=round(most, 1),
        ratio=round(rate / most, 4),
        lost=run["planned"] - (distinct - distinct_before),
        duplicated=(requests - requests_before) - (distinct - distinct_before),
        stats_lag_p95_s=percentile_95(watch.lags_s),
        rss_mb=rig.of_services(meter.rss_mb()),
        cpu_us_per_message=cpu_us,
        machine=machine,
        stored_per_million=(await stored(rig)).since(stored_before, rig.messages),
    )


async def create_mailing(
    rig: Rig,
    name: str,
    starts_at: datetime,
    *,
    tag: str | None = None,
    window: timedelta = WINDOW,
    **fields: object,
) -> Json:
    """Create a mailing to all clients, or to those with a tag."""
    plan: dict[str, Any] = {
        "name": name,
        "body": BODY,
        "gateway": "http",
        "filter": {"tags": [tag]} if tag else {},
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + window).isoformat(),
        **fields,
    }
    if rig.setup.is_mail:
        plan |= {"body": MAIL_BODY, "subject": SUBJECT, "gateway": "smtp"}
    return await rig.api.post("catalog", "/v1/mailings", plan)


async def ceilings(rig: Rig) -> list[float]:
    """Measure the ceiling a few times: requests per second of a bare client to the same sink."""
    is_mail = rig.setup.is_mail
    port, poster_of = (rig.smtp_port, MailPoster) if is_mail else (rig.sink_port, Poster)
    return [
        await ceiling(port, CEILING_REQUESTS, rig.setup.connections, poster_of)
        for _ in range(CEILING_ROUNDS)
    ]


def percentile_95(values: list[float]) -> float | None:
    """Return what 95 of 100 values do not pass; None when there are none."""
    if not values:
        return None
    if len(values) == 1:
        return round(values[0], 3)
    return round(quantiles(values, n=20, method="inclusive")[-1], 3)
