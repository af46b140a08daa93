"""The rows of the report: each figure beside its floor, and whether that is met."""

from collections.abc import Sequence
from statistics import median

from bench.fairness import Beside, Fairness
from bench.features import PLAIN, Feature
from bench.idle import Idle
from bench.limited import Limited, Twin
from bench.mail.alone import Alone
from bench.pausing import Pause, Pausing
from bench.pipeline import Pipeline
from bench.queries import Queries
from bench.small import WINDOW, Small

# On two cores, everything on them, where the ceiling is about 58,000/s.
PIPELINE_PER_S, PIPELINE_RATIO = 10_000, 0.17
EXPANSION_PER_S = 50_000
BY_FEATURE_PER_S = 50_000  # by clocks of clients
IMPORT_PER_S = 20_000
LAG_S = 1.0
REBUILD_PER_S = 40_000
RSS_MB = 300
READ_MS, SEVERAL_MS, RECONCILED_S = 50, 100, 10
GROWTH = 1.5  # of a read's 95th percentile with twice the history, if that is above the noise
NOISE_MS = 10
PLAIN_RATIO = 0.8
MAILS_PER_S, MAILS_ALONE_PER_S = 5_000, 10_800  # of 5 kB; alone: without the platform
KAFKA_MB, POSTGRES_MB = 60, 140  # for a million messages
PROJECTED_S = 15.0  # a thousand mailings of a hundred
IDLE_SHARE = 0.05  # of a core
FIRST_REQUEST_S = 0.5
SILENCE_S = 1.0
FEATURE_SHARE = 0.8  # of the rate without it
FEATURE_US = 8.0  # of CPU time more for each message
BESIDE_S = 5.0  # a mailing of ten messages beside a large one


def rate(name: str, measured: float, floor: int) -> Sequence[object]:
    """Return the row of a rate."""
    return name, f"{measured:,.0f}", f"{floor:,}", measured >= floor


def _stored(where: str, measured: float, most: int) -> Sequence[object]:
    return f"  a million in {where}", f"{measured:.0f} MB", f"{most} MB", measured <= most


def pipeline_rows(of: Pipeline) -> list[Sequence[object]]:
    """Return the rows of the pipeline."""
    is_fast = of.rate_per_s >= PIPELINE_PER_S or of.ratio >= PIPELINE_RATIO
    lag, most = of.stats_lag_p95_s, max(of.rss_mb, key=lambda name: of.rss_mb[name])
    return [
        ("pipeline, messages/s", f"{of.rate_per_s:,.0f}", f"{PIPELINE_PER_S:,}, or", is_fast),
        ("  of the ceiling", f"{of.ratio:.3f}", f"{PIPELINE_RATIO}", is_fast),
        ("  ceiling, requests/s", f"{of.ceiling_rate_per_s:,.0f}", None, None),
        ("  lost, duplicated", f"{of.lost}, {of.duplicated}", "0, 0", not of.lost + of.duplicated),
        (
            "  statistics behind, p95",
            None if lag is None else f"{lag:.2f} s",
            f"{LAG_S:g} s",
            None if lag is None else lag < LAG_S,
        ),
        _stored("Kafka", of.stored_per_million.kafka_mb, KAFKA_MB),
        _stored("PostgreSQL", of.stored_per_million.postgres_mb, POSTGRES_MB),
        (
            f"  memory, most: {most}",
            f"{of.rss_mb[most]:.0f} MB",
            f"{RSS_MB} MB",
            of.rss_mb[most] <= RSS_MB,
        ),
    ]


def plain_rows(of: Pipeline, idempotent: Pipeline) -> list[Sequence[object]]:
    """Return the rows of the pipeline at a plain gateway, beside the other."""
    ratio = of.rate_per_s / idempotent.rate_per_s
    return [
        ("  at a plain gateway, messages/s", f"{of.rate_per_s:,.0f}", None, None),
        ("    of that", f"{ratio:.2f}", f"{PLAIN_RATIO}", ratio >= PLAIN_RATIO),
        (
            "    lost, duplicated",
            f"{of.lost}, {of.duplicated}",
            "0, 0",
            not of.lost + of.duplicated,
        ),
    ]


def mail_rows(of: Pipeline, alone: Alone) -> list[Sequence[object]]:
    """Return the rows of mails, and of their gateway alone."""
    return [
        rate("mails of 5 kB, mails/s", of.rate_per_s, MAILS_PER_S),
        ("  of the ceiling", f"{of.ratio:.3f}", None, None),
        ("  ceiling, mails/s", f"{of.ceiling_rate_per_s:,.0f}", None, None),
        rate("  the gateway alone, mails/s", alone.rate_per_s, MAILS_ALONE_PER_S),
        ("    of the ceiling", f"{alone.rate_per_s / of.ceiling_rate_per_s:.3f}", None, None),
        ("    CPU of a mail", f"{alone.cpu_us_per_mail:.1f} us", None, None),
        ("    CPU of the ceiling's", f"{alone.ceiling_cpu_us:.1f} us", None, None),
        ("  lost, duplicated", f"{of.lost}, {of.duplicated}", "0, 0", not of.lost + of.duplicated),
    ]


def small_rows(of: Small) -> list[Sequence[object]]:
    """Return the rows of small mailings."""
    messages = of.mailings * of.clients
    is_complete = of.delivered == messages
    window_s = WINDOW.total_seconds()
    projected_s = None if of.clients == 1 else PROJECTED_S
    return [
        (f"mailings of {of.clients}, due at once", f"{of.mailings:,}", None, None),
        ("  delivered", f"{of.delivered:,}", f"{messages:,}", is_complete),
        ("  lost, duplicated", f"{of.lost}, {of.duplicated}", "0, 0", not of.lost + of.duplicated),
        ("  sent after", f"{of.sent_after_s:.1f} s", f"{window_s:.0f} s", is_complete),
        ("  finished after", f"{of.finished_after_s:.1f} s", None, None),
        (
            "  projected after",
            f"{of.projected_after_s:.1f} s",
            projected_s and f"{projected_s:g} s",
            projected_s and of.projected_after_s <= projected_s,
        ),
    ]


def queries_rows(of: Queries) -> list[Sequence[object]]:
    """Return the rows of reads."""
    half, whole = of.stages
    rows: list[Sequence[object]] = []
    for name, read in whole.reads.items():
        before = half.reads[name].p95_ms if name in half.reads else read.p95_ms
        is_flat = read.p95_ms <= max(NOISE_MS, GROWTH * before)
        measured = f"{before:.1f}, then {read.p95_ms:.1f} ms"
        most = _most_ms(name)
        rows.append((name, measured, f"{most} ms", is_flat and read.p95_ms <= most))
    seconds = whole.reconciled_s
    is_quick = seconds <= RECONCILED_S and whole.reconciles
    rows.append(("reconcile everything", f"{seconds:.1f} s", f"{RECONCILED_S} s", is_quick))
    rows.append(("  lost", f"{of.lost}", "0", not of.lost))
    return rows


def _most_ms(name: str) -> int:
    """Return the limit of a read: of clients by several words or tags it is a higher one."""
    path, _, filters = name.partition("?")
    is_of_several = path.startswith("catalog /v1/clients") and " " in filters
    return SEVERAL_MS if is_of_several else READ_MS


def idle_rows(of: Idle) -> list[Sequence[object]]:
    """Return the rows of a dispatcher with nothing to do."""
    p95, silence = of.first_request_p95_s, of.pause_to_silence_s
    return [
        (
            "idle, of a core: services and PostgreSQL",
            f"{of.services_and_postgres:.1%}",
            f"{IDLE_SHARE:.0%}",
            of.services_and_postgres <= IDLE_SHARE,
        ),
        (
            "  due to the first request, p95",
            f"{p95:.2f} s",
            f"{FIRST_REQUEST_S:g} s",
            p95 <= FIRST_REQUEST_S,
        ),
        ("  the same, p50", f"{of.first_request_p50_s:.2f} s", None, None),
        ("  pause to silence", f"{silence:.2f} s", f"{SILENCE_S:g} s", silence < SILENCE_S),
    ]


def fairness_rows(of: Fairness) -> list[Sequence[object]]:
    """Return the rows of small mailings beside a large one."""
    return [
        *_beside_rows(of.beside, "at full rate"),
        *_beside_rows(of.full, "the ready queue full"),
        *small_rows(of.many),
    ]


def _beside_rows(of: Beside, when: str) -> list[Sequence[object]]:
    most = max(of.seconds)
    return [
        (f"{of.messages} messages beside {of.large:,}, {when}", None, None, None),
        ("  finished after, p50", f"{of.median_s:.2f} s", None, None),
        ("  the same, most", f"{most:.2f} s", f"{BESIDE_S:g} s", most <= BESIDE_S),
    ]


def feature_rows(name: str, of: Feature) -> list[Sequence[object]]:
    """Return the rows of a feature beside what it is without it."""
    if name == PLAIN:
        return [
            ("sent without features, messages/s", f"{of.rate_per_s:,.0f}", None, None),
            ("  CPU of a message", f"{of.cpu_us_per_message:.1f} us", None, None),
        ]
    share, more = of.of_plain, of.more_cpu_us
    return [
        (f"{name}, messages/s", f"{of.rate_per_s:,.0f}", None, None),
        ("  of that without it", f"{share:.2f}", f"{FEATURE_SHARE}", share >= FEATURE_SHARE),
        ("  more CPU", f"{more:.1f} us", f"{FEATURE_US:g} us", more <= FEATURE_US),
        ("  chunks", f"{of.chunks:,}", None, None),
    ]


def pausing_rows(of: Pausing) -> list[Sequence[object]]:
    """Return the rows of pauses at full rate."""
    return [
        (f"pause to silence, {of.dispatchers} dispatchers", None, None, None),
        *_pause_rows("a mailing", of.mailing),
        *_pause_rows("a gateway", of.gateway),
        ("  lost, duplicated", f"{of.lost}, {of.duplicated}", "0, 0", not of.lost + of.duplicated),
    ]


def _pause_rows(what: str, pauses: Sequence[Pause]) -> list[Sequence[object]]:
    silent = [each.silent_after_s for each in pauses]
    rate_before, most = median(each.rate_before_per_s for each in pauses), max(silent)
    return [
        (f"  of {what}, most", f"{most:.2f} s", f"{SILENCE_S:g} s", most <= SILENCE_S),
        ("    the same, p50", f"{median(silent):.2f} s", None, None),
        ("    messages/s before", f"{rate_before:,.0f}", None, None),
    ]


def limited_rows(of: Limited) -> list[Sequence[object]]:
    """Return the rows of a rate limit, beside those without one."""
    return [
        *_twin_rows("without a limit", of.without),
        *_twin_rows(f"with one of {of.limit_per_s:,}/s", of.limited),
    ]


def _twin_rows(which: str, of: Twin) -> list[Sequence[object]]:
    return [
        (f"{which}, messages/s", f"{of.rate_per_s:,.0f}", None, None),
        ("  CPU of a message, dispatcher", f"{of.dispatcher_us:.1f} us", None, None),
        ("  the same, PostgreSQL", f"{of.postgres_us:.1f} us", None, None),
        ("  its turn, alone in a loop", f"{of.flow_us:.3f} us", None, None),
    ]
