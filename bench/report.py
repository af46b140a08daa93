"""The report: every figure beside its floor, as a table for people and as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bench.expansion import Expansion
from bench.fairness import Fairness
from bench.features import Feature
from bench.idle import Idle
from bench.importing import Imported
from bench.limited import Limited
from bench.mail.alone import Alone
from bench.page.measure import PageFigures
from bench.page.rows import page_rows
from bench.pausing import Pausing
from bench.pipeline import PROFILED, Pipeline
from bench.processes import cores
from bench.queries import Queries
from bench.rebuild import Rebuilt
from bench.rows import (
    BY_FEATURE_PER_S,
    EXPANSION_PER_S,
    IMPORT_PER_S,
    REBUILD_PER_S,
    fairness_rows,
    feature_rows,
    idle_rows,
    limited_rows,
    mail_rows,
    pausing_rows,
    pipeline_rows,
    plain_rows,
    queries_rows,
    rate,
    small_rows,
)
from bench.small import Small
from bench.watching.measure import Watching
from bench.watching.rows import watching_rows
from cli.render import grid


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
    fairness: Fairness | None = None
    features: dict[str, Feature] = field(default_factory=dict)
    pausing: Pausing | None = None
    limited: Limited | None = None
    watching: Watching | None = None
    page: PageFigures | None = None

    @property
    def is_sound(self) -> bool:
        """Whether no message was lost, and none was sent twice."""
        pipelines = (self.pipeline, self.plain, self.mail)
        many = self.fairness.many if self.fairness else None
        limited = self.limited.pipelines if self.limited else ()
        others = (*self.small, many, self.pausing, *limited)
        sent = [each for each in (*pipelines, *others) if each is not None]
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
            per_s = self.expansion.rate_per_s if self.expansion else None
            more = {"cores": cores(), "expand_rate_per_s": per_s}
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
        others: dict[str, Any] = {
            "queries": self.queries,
            "idle": self.idle,
            "fairness": self.fairness,
            "pausing": self.pausing,
            "limited": self.limited,
            "watchers": self.watching,
            "page": self.page,
        }
        files |= {name: asdict(each) for name, each in others.items() if each is not None}
        if self.features:
            files["features"] = {name: asdict(each) for name, each in self.features.items()}
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
        if self.pausing is not None:
            parts += [Text(), share(self.pausing.machine)]
        if self.watching is not None:
            parts += [Text(), share(self.watching.machine)]
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
            rows.append(rate("import, rows/s", self.imported.rate_per_s, IMPORT_PER_S))
        if self.pipeline is not None:
            rows += pipeline_rows(self.pipeline)
            if self.plain is not None:
                rows += plain_rows(self.plain, self.pipeline)
        if self.expansion is not None:
            rows.append(rate("expansion, messages/s", self.expansion.rate_per_s, EXPANSION_PER_S))
            rows += [
                rate(f"expansion, {name}", each.rate_per_s, BY_FEATURE_PER_S)
                for name, each in self.expansion.by_feature.items()
            ]
        if self.rebuilt is not None:
            rows.append(rate("rebuild, messages/s", self.rebuilt.rate_per_s, REBUILD_PER_S))
        return rows + self._rows_of_others()

    def _rows_of_others(self) -> list[Sequence[object]]:
        rows: list[Sequence[object]] = []
        for small in self.small:
            rows += small_rows(small)
        if self.queries is not None:
            rows += queries_rows(self.queries)
        if self.idle is not None:
            rows += idle_rows(self.idle)
        for name, feature in self.features.items():
            rows += feature_rows(name, feature)
        if self.mail is not None and self.mail_alone is not None:
            rows += mail_rows(self.mail, self.mail_alone)
        return rows + self._rows_of_gateways() + self._rows_of_page()

    def _rows_of_gateways(self) -> list[Sequence[object]]:
        rows: list[Sequence[object]] = []
        if self.fairness is not None:
            rows += fairness_rows(self.fairness)
        if self.pausing is not None:
            rows += pausing_rows(self.pausing)
        if self.limited is not None:
            rows += limited_rows(self.limited)
        return rows

    def _rows_of_page(self) -> list[Sequence[object]]:
        rows: list[Sequence[object]] = []
        if self.watching is not None:
            rows += watching_rows(self.watching)
        if self.page is not None:
            rows += page_rows(self.page)
        return rows


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
