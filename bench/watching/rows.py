"""The rows of the report about those who watch: each figure beside its floor."""

from collections.abc import Sequence

from bench.watching.measure import MOST, SEARCHES_PER_S, WATCHERS, Watching

HUB_SHARE = 0.15  # of a core
FRAMES_PER_S = 2.0
LONGER_S = 0.2  # statistics behind, p95
SILENT_MB = 1.0
STATS_ENDS_S, DOOR_ENDS_S = 2.0, 6.0
SILENCE_S = 1.0


def watching_rows(of: Watching) -> list[Sequence[object]]:
    """Return the rows of those who watch."""
    longer = (of.lag_with_s or 0.0) - (of.lag_without_s or 0.0)
    beyond, door = of.beyond, of.door
    is_clear = (beyond.status, beyond.problem) == (503, "TooManyWatchers") and beyond.retry_after
    return [
        (f"{WATCHERS:,} watchers, frames/s", f"{of.frames_per_s:.2f}", f"{FRAMES_PER_S:g}", None),
        _most("  hub, of a core", of.hub_share, HUB_SHARE, "{:.1%}"),
        ("  they themselves, of a core", f"{of.crowd_share:.1%}", None, None),
        ("  messages/s without, with", f"{of.rate_without:,.0f}, {of.rate_with:,.0f}", None, None),
        _most("  statistics further behind, p95", longer, LONGER_S, "{:.2f} s"),
        (f"{MOST:,} watchers, held", f"{of.held:,}", f"{MOST:,}", of.held >= MOST),
        ("  frames/s", f"{of.frames_of_most_per_s:.2f}", None, None),
        ("  memory of stats", f"{of.rss_of_most_mb:.0f} MB", None, None),
        ("  one more", f"{beyond.status} {beyond.problem}", "503", bool(is_clear)),
        ("  figures without a stream", f"{beyond.polled_s:.3f} s", None, None),
        _most("a watcher that does not read", of.silent_mb, SILENT_MB, "{:.2f} MB"),
        _most("SIGTERM of stats", of.stats_ends_s, STATS_ENDS_S, "{:.2f} s"),
        _most("SIGTERM of the door", of.door_ends_s, DOOR_ENDS_S, "{:.2f} s"),
        ("through the door, streams", f"{door.streams:,}", f"{MOST:,}", door.streams >= MOST),
        ("  searches/s", f"{door.searches_per_s:,.0f}", f"{SEARCHES_PER_S:,.0f}", None),
        ("  of which without a turn", f"{door.refused_share:.1%}", None, None),
        ("  a search, p95", f"{door.search_p95_s:.2f} s", None, None),
        _most("  pause to silence", door.pause_to_silence_s, SILENCE_S, "{:.2f} s"),
    ]


def _most(name: str, measured: float, most: float, text: str) -> Sequence[object]:
    return name, text.format(measured), text.format(most), measured <= most
