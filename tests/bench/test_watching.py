"""The crowd: it counts what it gets, and what is measured with it is told as it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from bench.page.living import Living
from bench.page.measure import PageFigures
from bench.page.rows import page_rows
from bench.watching.crowd import Counts, address_of, length_of, search, watch
from bench.watching.measure import Beyond, Door, Watching
from bench.watching.outside import crowd
from bench.watching.rows import watching_rows
from shared.testing import eventually

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
FRAME = b"event: beat\nid: 1.a.1\ndata: {}\n\n"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
FOUND = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
MOST = 3


class Streams:
    """A server that lets a few watch, sends each three frames, and answers searches."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._answer(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.asked.append(head)
            if b"/live" not in head:
                writer.write(FOUND)
                continue
            is_full = sum(b"/live" in each for each in self.asked) > MOST
            writer.write(FULL if is_full else HEAD + 3 * FRAME)
            if is_full:
                return


@pytest.fixture
async def streams() -> AsyncIterator[Streams]:
    own = Streams()
    server = await asyncio.start_server(own.serve, "127.0.0.1", 0)
    own.port = server.sockets[0].getsockname()[1]
    yield own
    server.close()


async def test_a_crowd_counts_streams_frames_and_refusals(streams: Streams) -> None:
    async with crowd(streams.port, 5) as own:

        async def are_refused() -> bool:
            return bool((await own.counts())["left"] == 2)

        await eventually(are_refused, within=120)
        counts = await own.counts()
    assert (counts["streams"], counts["frames"]) == ({"200": 3, "503": 2}, 9)
    addresses = {each.split(b"X-Forwarded-For: ")[1] for each in streams.asked}
    assert len(addresses) == 5


async def test_who_does_not_read_takes_no_frame_behind_the_first(streams: Streams) -> None:
    counts = Counts()
    opened = await watch(streams.port, iter(range(2)), counts, is_silent=True)
    assert counts.statuses == {200: 2}
    for each in opened:
        each.close()


async def test_searches_keep_their_pace_and_are_each_for_something_else(streams: Streams) -> None:
    counts = Counts()
    searching = asyncio.create_task(search(streams.port, 200.0, counts))

    async def are_found() -> bool:
        return counts.searches[200] >= 20

    await eventually(are_found, within=120)
    searching.cancel()
    await asyncio.gather(searching, return_exceptions=True)
    assert len(set(streams.asked)) == len(streams.asked)
    assert counts.shown()["search_p95_s"] is not None


def test_addresses_are_all_different() -> None:
    assert len({address_of(number) for number in range(70_000)}) == 70_000


def test_an_answer_without_a_length_is_none_that_is_expected() -> None:
    assert length_of(FOUND) == 2
    with pytest.raises(ValueError, match="without a length"):
        length_of(HEAD)


WATCHING = Watching(
    hub_share=0.1,
    frames_per_s=2.0,
    crowd_share=0.2,
    lag_without_s=0.5,
    lag_with_s=0.6,
    rate_without=10_000.0,
    rate_with=9_000.0,
    held=5_000,
    frames_of_most_per_s=1.9,
    rss_of_most_mb=200.0,
    beyond=Beyond(503, "TooManyWatchers", "30", 0.01),
    silent_mb=0.5,
    stats_ends_s=0.5,
    door_ends_s=5.1,
    door=Door(5_000, 500.0, 0.0, 0.1, 0.3),
    machine={"idle": 0.2, "elsewhere": 0.0},
)
PAGE = PageFigures(
    first_paint_s=0.3,
    first_paint_slow_s=1.5,
    behind_statistics_s=0.6,
    noticed_s=0.1,
    live_again_s=5.0,
    streams=4,
    fresh_s=5.0,
    request_s=0.1,
    mailings=2_000,
    first_rows_s=0.5,
    search_s=0.25,
    living=Living(300.0, 0.05, 10.0, 10.1),
)


def test_what_is_worse_than_its_floor_is_told() -> None:
    assert False not in [row[-1] for row in (*watching_rows(WATCHING), *page_rows(PAGE))]
    unclear = Beyond(503, "Unavailable", "", 0.01)
    worse = replace(WATCHING, hub_share=0.2, lag_with_s=0.8, held=4_999, beyond=unclear)
    assert [row[-1] for row in watching_rows(worse)].count(False) == 4
    slower = replace(PAGE, streams=5, search_s=0.4, living=Living(300.0, 0.2, 10.0, 12.0))
    assert [row[-1] for row in page_rows(slower)].count(False) == 4
