"""`python -m bench`: measure the real stack on this machine, each figure beside its floor."""

import argparse
import sys
from dataclasses import replace

import uvloop

from bench import budget
from bench.expansion import expand, expand_with_features
from bench.fairness import measure_fairness
from bench.features import CAP, measure_features
from bench.history import SMALL, Size
from bench.idle import IDLE_S, measure_idleness
from bench.importing import import_clients
from bench.limited import measure_limited
from bench.mail.alone import measure_alone
from bench.page.measure import measure_page
from bench.pausing import DISPATCHERS, measure_pausing
from bench.pipeline import send_mailing
from bench.queries import measure_queries
from bench.rebuild import rebuild
from bench.report import Report
from bench.rig import OUT, Rig, with_rig
from bench.setup import CONNECTIONS, Setup, latency
from bench.small import OF_A_HUNDRED, OF_ONE, send_small_mailings
from bench.watching.measure import measure_watching
from cli import Exit, Failure
from cli.render import console, note
from deploy.local.errors import StackError

FEATURES, PAUSING, LIMITED, QUERIES = "features", "pausing", "limited", "queries"
WITH_DOORS = ("watchers", "page")
ALONE = ("small", "idle", "fairness", FEATURES, PAUSING, LIMITED, *WITH_DOORS)
WHAT = (
    "import",
    "pipeline",
    "plain",
    "expand",
    "rebuild",
    "small",
    "idle",
    "mail",
    "fairness",
    FEATURES,
    PAUSING,
    LIMITED,
    *WITH_DOORS,
    QUERIES,
)


async def _measure(rig: Rig, only: str | None, report: Report) -> None:
    """Measure what is asked for, after what it needs: clients, and for a rebuild a log."""
    if only in WITH_DOORS:
        await _measure_with_doors(rig, only, report)
        return
    if only in ALONE:
        await _measure_alone(rig, only, report)
        return
    note(f"importing {rig.messages:,} clients", "dim")
    report.imported = await import_clients(rig)
    if only in (None, "pipeline", "plain", "rebuild"):
        note(f"sending {rig.messages:,} messages", "dim")
        report.pipeline = await send_mailing(rig)
    if only in (None, "rebuild"):
        note("rebuilding the statistics", "dim")
        report.rebuilt = await rebuild(rig)
    if only in (None, "pipeline", "expand"):
        note(f"planning {rig.messages:,} messages", "dim")
        measure = expand_with_features if only == "expand" else expand
        report.expansion = await measure(rig)


async def _measure_alone(rig: Rig, only: str, report: Report) -> None:
    """Measure what has clients of its own, or does with them what nothing else does."""
    if only == "small":  # with clients of its own, and no others to be looked through
        for kind in (OF_ONE, OF_A_HUNDRED):
            note(f"sending {kind.mailings:,} mailings, clients of each: {kind.clients}", "dim")
            report.small.append(await send_small_mailings(rig, kind))
    if only == "idle":
        note(f"pausing a mailing, then doing nothing for {IDLE_S:.0f} s", "dim")
        report.idle = await measure_idleness(rig)
    if only == "fairness":
        note(f"sending many small mailings, then some beside {rig.messages:,} messages", "dim")
        report.fairness = await measure_fairness(rig)
    if only == FEATURES:
        note(f"sending {rig.messages:,} messages again and again, with each feature", "dim")
        await import_clients(rig)
        report.features = await measure_features(rig)
    if only == PAUSING:
        note(f"pausing a mailing of {rig.messages:,} messages, and its gateway", "dim")
        report.pausing = await measure_pausing(rig)
    if only == LIMITED:
        note(f"sending {rig.messages:,} messages with a limit and without, by turns", "dim")
        report.limited = await measure_limited(rig)


async def _measure_with_doors(rig: Rig, only: str, report: Report) -> None:
    """Measure what those who look at the figures get, and cost."""
    if only == "watchers":
        note("letting many watch, alone and while messages are sent", "dim")
        report.watching = await measure_watching(rig)
    else:
        note("looking at the page for some minutes", "dim")
        report.page = await measure_page(rig)


async def _measure_plain(rig: Rig, report: Report) -> None:
    """Measure the same pipeline at a gateway that recognizes no message."""
    note(f"importing {rig.messages:,} clients for a plain gateway", "dim")
    await import_clients(rig)
    note(f"sending {rig.messages:,} messages", "dim")
    report.plain = await send_mailing(rig)


async def _measure_mail(rig: Rig, report: Report) -> None:
    """Measure the same pipeline through a mail server, after our gateway without a platform."""
    note("sending mails without the platform", "dim")
    report.mail_alone = await measure_alone(rig.smtp_port, rig.setup.connections)
    note(f"importing {rig.messages:,} clients with e-mails", "dim")
    await import_clients(rig)
    note(f"sending {rig.messages:,} mails", "dim")
    report.mail = await send_mailing(rig)


async def _measure_on(rig: Rig, asked: argparse.Namespace, report: Report) -> None:
    """Measure what is asked for of this stack."""
    if rig.setup.is_mail:
        await _measure_mail(rig, report)
    elif rig.setup.is_plain:
        await _measure_plain(rig, report)
    elif asked.only == QUERIES:
        report.queries = await measure_queries(rig, _size(asked))
    else:
        await _measure(rig, asked.only, report)


def _size(asked: argparse.Namespace) -> Size:
    return Size(asked.clients, asked.mailings, asked.messages)


def _asked() -> tuple[argparse.Namespace, Setup]:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--only", choices=WHAT, help="this, and what it needs")
    parser.add_argument(
        "--dispatchers", type=int, help="beside each other; of pauses two, else one"
    )
    parser.add_argument(
        "--profile", action="store_true", help="sample the busy services: a budget by step"
    )
    parser.add_argument("--clients", type=int, help="of queries: else a fifth of the messages")
    parser.add_argument("--mailings", type=int, help="of queries: else a 500th of the messages")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="to the gateway")
    parser.add_argument(
        "--latency", type=latency, default=(0, 0), help="of the gateway, in milliseconds: 20-50"
    )
    asked = parser.parse_args()
    if asked.dispatchers is None:
        asked.dispatchers = DISPATCHERS if asked.only == PAUSING else 1
    asked.clients = asked.messages // 5 if asked.clients is None else asked.clients
    asked.mailings = asked.messages // 500 if asked.mailings is None else asked.mailings
    if asked.messages < 1 or asked.dispatchers < 1:
        parser.error("--messages and --dispatchers take a number above 0")
    if asked.only == QUERIES and not (asked.clients > 0 and asked.mailings > 1):
        parser.error("queries need clients and at least two mailings")
    if asked.only == QUERIES and not _size(asked).has_halves:
        enough = 2 * asked.clients + SMALL * asked.mailings
        parser.error(f"queries need two mailings to all clients: --messages {enough} or more")
    try:
        setup = Setup(
            is_mail=asked.only == "mail",
            connections=asked.connections,
            latency_ms=asked.latency,
            is_profiled=asked.profile,
            has_mishaps=asked.only == QUERIES,
            dispatchers=asked.dispatchers,
            cap=CAP if asked.only == FEATURES else "",
            has_doors=asked.only in WITH_DOORS,
        )
    except ValueError as error:
        parser.error(str(error))
    return asked, setup


def _others(only: str | None, setup: Setup) -> list[Setup]:
    """Return what is measured on stacks of their own, after the first one."""
    plain = replace(setup, is_plain=True, is_profiled=False)
    mail = replace(setup, is_mail=True, is_profiled=False)
    return {None: [plain, mail], "plain": [plain]}.get(only, [])


def main() -> int:
    """Measure, print, and write `bench/out`; return the exit code."""
    asked, setup = _asked()
    report = Report()
    setups = [setup, *_others(asked.only, setup)]
    measured: list[Setup] = []

    async def measurements(rig: Rig) -> int:
        await _measure_on(rig, asked, report)
        measured.append(rig.setup)
        return Exit.OK

    try:
        for number, each in enumerate(setups, 1):
            uvloop.run(with_rig(asked.messages, measurements, each))
            if len(measured) < number:
                note("It was told to end: nothing is written.", "bold red")
                return Exit.ERROR
    except (Failure, StackError) as error:
        note(str(error), "bold red")
        return Exit.ERROR
    report.write(OUT)
    console().print(report.table())
    if asked.profile:
        console().print(budget.tables(OUT, report.profiled_us()))
    return Exit.OK if report.is_sound else Exit.ERROR


if __name__ == "__main__":
    sys.exit(main())
