"""The rows of the report about the page: each figure beside its floor."""

from collections.abc import Sequence

from bench.page.living import RUNNING, TABS
from bench.page.measure import PageFigures

PAINT_S, PAINT_SLOW_S = 1.0, 2.5
BEHIND_S = 0.8
LIVE_AGAIN_S = 10.0
STREAMS = 4
REQUEST_S = 1.0
ROWS_S, SEARCH_S = 1.0, 0.3
BUSY_SHARE = 0.1
GROWTH = 1.1  # of the heap: noise


def page_rows(of: PageFigures) -> list[Sequence[object]]:
    """Return the rows of the page."""
    living = of.living
    grown = living.heap_after_mb / max(living.heap_before_mb, 0.1)
    heap = f"{living.heap_before_mb:.1f} MB, {living.heap_after_mb:.1f} MB"
    return [
        _most("the page, first paint", of.first_paint_s, PAINT_S, "{:.2f} s"),
        _most(
            "  a quarter of the CPU, 1.6 Mbit/s", of.first_paint_slow_s, PAINT_SLOW_S, "{:.2f} s"
        ),
        _most("  behind statistics, p95", of.behind_statistics_s or 0.0, BEHIND_S, "{:.2f} s"),
        ("  says that stats was killed after", f"{of.noticed_s:.2f} s", None, None),
        _most("  live again after", of.live_again_s, LIVE_AGAIN_S, "{:.2f} s"),
        (f"  streams of {TABS} tabs", f"{of.streams}", f"{STREAMS}", of.streams <= STREAMS),
        ("  all of them fresh after", f"{of.fresh_s:.2f} s", None, None),
        _most("  a request of each", of.request_s, REQUEST_S, "{:.2f} s"),
        _most(f"  {of.mailings:,} mailings, first rows", of.first_rows_s, ROWS_S, "{:.2f} s"),
        _most("  search", of.search_s, SEARCH_S, "{:.2f} s"),
        _most(f"  {RUNNING} running, main thread", living.busy_share, BUSY_SHARE, "{:.1%}"),
        (f"  heap, then {living.seconds:.0f} s later", heap, "flat", grown <= GROWTH),
    ]


def _most(name: str, measured: float, most: float, text: str) -> Sequence[object]:
    return name, text.format(measured), text.format(most), measured <= most
