"""The report: every figure beside its floor, as a table for people and as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bench.expansion import Expansion
from bench.idle import Idle
from bench.importing import Imported
from bench.mail.alone import Alone
from bench.pipeline import PROFILED, Pipeline
from bench.processes import cores
from bench.queries import Queries
from bench.rebuild import Rebuilt
from bench.small import WINDOW, Small
from cli.render import grid

# On two cores, everything on them, where the ceiling is about 58,000/s.
PIPELINE_PER_S, PIPELINE_RATIO = 10_000, 0.17
EXPANSION_PER_S = 50_000
IMPORT_PER_S = 20_000
LAG_S = 1.0
REBUILD_PER_S = 40_000
RSS_MB = 300
READ_MS, RECONCILED_S = 50, 10
GROWTH = 1.5  # of a read's 95th percentile with twice the history, if that is above the noise
NOISE_MS = 10
PLAIN_RATIO = 0.8
MAILS_PER_S, MAILS_ALONE_PER_S = 5_000, 10_800  # of 5 kB; alone: without the platform
KAFKA_MB, POSTGRES_MB = 60, 140  # for a million messages
PROJECTED_S = 15.0  # a thousand mailings of a hundred
IDLE_SHARE = 0.05  # of a core
FIRST_REQUEST_S = 0.5
SILENCE_S = 1.0


@dataclass
class Report:
    """What was measured; what was not is None."""

    imported: Imported | None = None
    pipeline: Pipeline | None = None
    plain: Pipeline | None = None  # at a gateway that recognizes no message
    expansion: Expansion | None = None
    rebuilt: Rebuilt | None = None
    small: list[Small] = field(default_factory=list)
    queries: Queries | None = None
    idle: Idle | None = None
    mail: Pipeline | None = None  # the same through a mail server
    mail_alone: Alone | None = None

    @property
    def is_sound(self) -> bool:
        """Whether no message was lost, and none was sent twice."""
        pipelines = (self.pipeline, self.plain, self.mail)
        sent = [each for each in (*pipelines, *self.small) if each is not None]
        is_lost = self.queries is not None and self.queries.lost
        return not is_lost and not any(each.lost or each.duplicated for each in sent)

    def write(self, folder: Path) -> None:
        """Write a file for each thing that was measured."""
        for name, content in self._files().items():
            (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")

    def _files(self) -> dict[str, dict[str, Any]]:
        files = {}
        if self.imported is not None:
            files["import"] = asdict(self.imported)
        if self.pipeline is not None:
            rate = self.expansion.rate_per_s if self.expansion else None
            more = {"cores": cores(), "expand_rate_per_s": rate}
            files["pipeline"] = asdict(self.pipeline) | more
        if self.plain is not None:
            files["plain"] = asdict(self.plain)
        if self.expansion is not None:
            files["expand"] = asdict(self.expansion)
        if self.rebuilt is not None:
            files["rebuild"] = asdict(self.rebuilt)
        return files | self._files_of_others()

    def _files_of_others(self) -> dict[str, dict[str, Any]]:
        files = {}
        for of in self.small:
            files["small" if of.clients == 1 else f"small_{of.clients}"] = asdict(of)
        if self.queries is not None:
            files["queries"] = asdict(self.queries)
        if self.idle is not None:
            files["idle"] = asdict(self.idle)
        if self.mail is not None and self.mail_alone is not None:
            files["mail"] = asdict(self.mail) | {"alone": asdict(self.mail_alone)}
        return files

    def table(self) -> RenderableType:
        """Return all of it as people read it."""
        rows = [*self._rows()]
        parts: list[RenderableType] = [grid(("", "measured", "floor", "met"), rows)]
        if self.imported is not None:
            parts += [Text(), spent("a row of the import", self.imported.cpu_us_per_row)]
            parts += [share(self.imported.machine)]
        for sent in (self.pipeline, self.mail):
            if sent is not None:
                parts += [Text(), spent("a message", sent.cpu_us_per_message)]
                parts += [share(sent.machine)]
        for small in self.small:
            parts += [Text(), spent("a mailing", small.cpu_ms_per_mailing, "ms")]
            parts += [share(small.machine)]
        if self.idle is not None:
            rows = [(name, f"{each:.2%}") for name, each in self.idle.cpu_share.items()]
            parts += [Text(), grid(("process", "of a core, idle"), rows)]
            parts += [share(self.idle.machine)]
        return Group(*parts)

    def profiled_us(self) -> dict[str, float]:
        """Return what each service that can be profiled has spent: on a row, or on a message."""
        whole = {}
        if self.imported is not None:
            whole["catalog"] = self.imported.cpu_us_per_row["catalog"]
        sent = self.pipeline or self.mail
        if sent is not None:
            whole |= {name: sent.cpu_us_per_message[name] for name in PROFILED}
        return whole

    def _rows(self) -> list[Sequence[object]]:
        rows: list[Sequence[object]] = []
        if self.imported is not None:
            rows.append(_rate("import, rows/s", self.imported.rate_per_s, IMPORT_PER_S))
        if self.pipeline is not None:
            rows += _pipeline_rows(self.pipeline)
            if self.plain is not None:
                rows += _plain_rows(self.plain, self.pipeline)
        if self.expansion is not None:
            rate = self.expansion.rate_per_s
            rows.append(_rate("expansion, messages/s", rate, EXPANSION_PER_S))
        if self.rebuilt is not None:
            rows.append(_rate("rebuild, messages/s", self.rebuilt.rate_per_s, REBUILD_PER_S))
        return rows + self._rows_of_others()

    def _rows_of_others(self) -> list[Sequence[object]]:
        rows: list[Sequence[object]] = []
        for small in self.small:
            rows += _small_rows(small)
        if self.queries is not None:
            rows += _queries_rows(self.queries)
        if self.idle is not None:
            rows += _idle_rows(self.idle)
        if self.mail is not None and self.mail_alone is not None:
            rows += _mail_rows(self.mail, self.mail_alone)
        return rows


def _rate(name: str, measured: float, floor: int) -> Sequence[object]:
    return name, f"{measured:,.0f}", f"{floor:,}", measured >= floor


def _stored(where: str, measured: float, most: int) -> Sequence[object]:
    return f"  a million in {where}", f"{measured:.0f} MB", f"{most} MB", measured <= most


def _pipeline_rows(of: Pipeline) -> list[Sequence[object]]:
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


def _plain_rows(of: Pipeline, idempotent: Pipeline) -> list[Sequence[object]]:
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


def _mail_rows(of: Pipeline, alone: Alone) -> list[Sequence[object]]:
    return [
        _rate("mails of 5 kB, mails/s", of.rate_per_s, MAILS_PER_S),
        ("  of the ceiling", f"{of.ratio:.3f}", None, None),
        ("  ceiling, mails/s", f"{of.ceiling_rate_per_s:,.0f}", None, None),
        _rate("  the gateway alone, mails/s", alone.rate_per_s, MAILS_ALONE_PER_S),
        ("    of the ceiling", f"{alone.rate_per_s / of.ceiling_rate_per_s:.3f}", None, None),
        ("    CPU of a mail", f"{alone.cpu_us_per_mail:.1f} us", None, None),
        ("    CPU of the ceiling's", f"{alone.ceiling_cpu_us:.1f} us", None, None),
        ("  lost, duplicated", f"{of.lost}, {of.duplicated}", "0, 0", not of.lost + of.duplicated),
    ]


def _small_rows(of: Small) -> list[Sequence[object]]:
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


def _queries_rows(of: Queries) -> list[Sequence[object]]:
    half, whole = of.stages
    rows: list[Sequence[object]] = []
    for name, read in whole.reads.items():
        before = half.reads[name].p95_ms if name in half.reads else read.p95_ms
        is_flat = read.p95_ms <= max(NOISE_MS, GROWTH * before)
        measured = f"{before:.1f}, then {read.p95_ms:.1f} ms"
        rows.append((name, measured, f"{READ_MS} ms", is_flat and read.p95_ms <= READ_MS))
    seconds = whole.reconciled_s
    is_quick = seconds <= RECONCILED_S and whole.reconciles
    rows.append(("reconcile everything", f"{seconds:.1f} s", f"{RECONCILED_S} s", is_quick))
    rows.append(("  lost", f"{of.lost}", "0", not of.lost))
    return rows


def _idle_rows(of: Idle) -> list[Sequence[object]]:
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


def spent(on: str, cpu: dict[str, float], unit: str = "us") -> RenderableType:
    """Return the CPU time spent on each of something, by process."""
    rows = [(name, f"{each:.1f}") for name, each in cpu.items()]
    rows.append(("all", f"{sum(cpu.values()):.1f}"))
    return grid(("process", f"CPU {unit} on {on}"), rows)


def share(machine: dict[str, float]) -> RenderableType:
    """Return what the rest of the machine did meanwhile; a busy one measures nothing."""
    idle, elsewhere = machine["idle"], machine["elsewhere"]
    line = f"the cores were {idle:.0%} idle, and {elsewhere:.0%} busy with something else"
    return Text(line, style="yellow" if elsewhere > BUSY else "dim")


BUSY = 0.1  # of all cores; beyond it the machine is not ours
