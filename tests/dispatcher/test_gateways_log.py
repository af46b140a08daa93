"""The log gateway, on good and on bad disks."""

import asyncio
import json
import os
import resource
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways.build import build
from services.dispatcher.gateways.description import read
from services.dispatcher.gateways.log import LogGateway
from services.dispatcher.gateways.log_file import LogFile, Rotation

LETTER = OutgoingMessage(b"m" * 43, "79161234567", None, None, "Привет \n Привет", b"")
WRITTEN = Verdict(Outcome.ACCEPTED, "written")


def send(
    gateway: LogGateway, message: OutgoingMessage = LETTER, within: float = 60
) -> asyncio.Future[Verdict]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    gateway.send(message, loop.time() + within, done.set_result)
    assert not done.done()
    return done


@asynccontextmanager
async def hanging_disk(path: Path) -> AsyncIterator[None]:
    """Let the file be one that hangs when it is opened, until somebody reads it or the end."""
    os.mkfifo(path)
    try:
        yield
    finally:
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # lets the thread end
        await asyncio.get_running_loop().shutdown_default_executor()
        os.close(reading)


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


async def test_a_message_is_one_line_of_json(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "messages.log")

    verdict = await send(gateway, replace(LETTER, email="a@b.example", subject="Тема"))

    await gateway.close()
    assert verdict == WRITTEN
    assert lines(tmp_path / "messages.log") == [
        {
            "id": "m" * 43,
            "phone": "79161234567",
            "email": "a@b.example",
            "subject": "Тема",
            "text": "Привет \n Привет",
        }
    ]
    assert (tmp_path / "messages.log").stat().st_mode & 0o077 == 0


async def test_all_that_is_free_is_written_in_order_and_frees_again(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "messages.log")
    ids = [b"%043d" % number for number in range(2_500)]
    verdicts: list[Verdict] = []

    for start in (0, 1_000, 2_000):
        batch = [send(gateway, replace(LETTER, message_id=i)) for i in ids[start : start + 1_000]]
        if start < 2_000:
            assert gateway.free == 0
            with pytest.raises(RuntimeError):
                send(gateway)
        verdicts += await asyncio.gather(*batch)

    await gateway.close()
    assert verdicts == [WRITTEN] * 2_500
    written = lines(tmp_path / "messages.log")
    assert [line["id"].encode() for line in written] == ids
    assert gateway.free == 0


async def test_what_is_sent_while_a_batch_is_written_follows_it(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "messages.log")
    loop = asyncio.get_running_loop()
    verdicts: list[Verdict] = []
    ended = asyncio.Event()

    def again(verdict: Verdict) -> None:
        verdicts.append(verdict)
        if len(verdicts) == 50:
            ended.set()
        else:
            gateway.send(LETTER, loop.time() + 5, again)

    gateway.send(LETTER, loop.time() + 5, again)
    async with asyncio.timeout(60):
        await ended.wait()

    await gateway.close()
    assert verdicts == [WRITTEN] * 50
    assert len(lines(tmp_path / "messages.log")) == 50


async def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "messages.log")

    await send(gateway)
    (tmp_path / "messages.log").rename(tmp_path / "old.log")
    await send(gateway)

    await gateway.close()
    assert len(lines(tmp_path / "messages.log")) == len(lines(tmp_path / "old.log")) == 1


async def test_a_file_that_cannot_be_written_burns_no_message(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "no such folder" / "messages.log")

    verdicts = await asyncio.gather(*(send(gateway) for _ in range(3)))

    await gateway.close()
    assert verdicts == [Verdict(Outcome.NOT_PROCESSED, "write_failed")] * 3
    assert gateway.free == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
async def test_a_full_disk_burns_no_message() -> None:
    gateway = LogGateway(Path("/dev/full"))

    verdict = await send(gateway)

    await gateway.close()
    assert verdict == Verdict(Outcome.NOT_PROCESSED, "write_failed")


async def test_half_a_line_is_no_message_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    gateway = LogGateway(path)
    await send(gateway)
    size = path.stat().st_size
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size * 5 // 2, limit[1]))  # room for one and a half
    try:
        verdicts = [await verdict for verdict in [send(gateway) for _ in range(3)]]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    following = await send(gateway)

    await gateway.close()
    failed = Verdict(Outcome.NOT_PROCESSED, "write_failed")
    assert verdicts == [WRITTEN, failed, failed]
    assert following == WRITTEN
    sizes = [len(line) + 1 for line in path.read_bytes().splitlines()]
    assert [found == size for found in sizes] == [True, True, False, True]


async def test_close_waits_for_what_is_being_written(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "messages.log")
    await send(gateway)
    writing = send(gateway)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await gateway.close()

    assert writing.done()
    assert writing.result() == WRITTEN


async def test_a_disk_that_hangs_ends_each_attempt_at_its_deadline(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "pipe")
    async with hanging_disk(tmp_path / "pipe"):
        writing = send(gateway, within=0.1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting = send(gateway, within=0.1)

        async with asyncio.timeout(60):
            verdicts = [await writing, await waiting]
            await gateway.close()

    assert verdicts == [
        Verdict(Outcome.UNKNOWN, "timeout"),
        Verdict(Outcome.NOT_PROCESSED, "timeout"),
    ]


async def test_a_line_that_is_written_after_its_deadline_gets_no_second_verdict(
    tmp_path: Path,
) -> None:
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
    gateway = LogGateway(tmp_path / "pipe")
    free = gateway.free
    async with hanging_disk(tmp_path / "pipe"):
        first = await send(gateway, within=0.1)
        reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        second = await send(gateway)
        os.close(reading)

    assert (first.outcome, second) == (Outcome.UNKNOWN, WRITTEN)
    assert (gateway.free, reported) == (free, [])
    await gateway.close()


async def test_close_drops_what_waits_and_writes_nothing_of_it(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "messages.log")
    waiting = send(gateway)

    async with asyncio.timeout(60):
        await gateway.close()

    assert waiting.result() == Verdict(Outcome.NOT_PROCESSED, "cut_off")
    await asyncio.sleep(0)
    assert not (tmp_path / "messages.log").exists()


async def test_a_deadline_that_has_passed_writes_nothing(tmp_path: Path) -> None:
    gateway = LogGateway(tmp_path / "messages.log")

    verdict = await send(gateway, within=0)

    await gateway.close()
    assert verdict == Verdict(Outcome.NOT_PROCESSED, "timeout")
    assert not (tmp_path / "messages.log").exists()


async def test_a_receiver_that_raises_harms_nobody_else(tmp_path: Path) -> None:
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
    gateway = LogGateway(tmp_path / "messages.log")

    def careless(_: Verdict) -> None:
        message = "careless"
        raise ValueError(message)

    gateway.send(LETTER, loop.time() + 5, careless)
    verdict = await send(gateway)

    await gateway.close()
    assert (verdict, reported) == (WRITTEN, ["careless"])


LINE = b"%09d\n"  # ten bytes


def numbered(count: int, first: int = 0) -> list[bytes]:
    return [LINE % number for number in range(first, first + count)]


def files(path: Path) -> dict[str, int]:
    """Return the sizes of the file and of those before it, by what their names end in."""
    found = path.parent.glob(f"{path.name}*")
    return {each.name.removeprefix(path.name): each.stat().st_size for each in found}


def test_a_large_file_is_replaced_and_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    log = LogFile(path, Rotation(max_bytes=100, keep=2))

    assert [log.append(numbered(7, first)) for first in range(0, 35, 7)] == [7] * 5

    assert files(path) == {"": 50, ".1": 100, ".2": 100}
    assert path.read_bytes() == b"".join(numbered(5, 30))
    assert (tmp_path / "messages.log.2").read_bytes() == b"".join(numbered(10, 10))


def test_a_batch_that_is_larger_than_a_file_fills_several(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"

    assert LogFile(path, Rotation(max_bytes=100, keep=9)).append(numbered(45)) == 45

    assert files(path) == {"": 50, **dict.fromkeys((".1", ".2", ".3", ".4"), 100)}


def test_a_line_that_is_longer_than_a_file_has_one_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    log = LogFile(path, Rotation(max_bytes=100, keep=9))

    assert log.append([*numbered(2), b"x" * 300 + b"\n", *numbered(1)]) == 4

    assert files(path) == {"": 10, ".1": 301, ".2": 20}


def test_without_a_limit_a_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"

    assert LogFile(path).append(numbered(1_000)) == 1_000

    assert files(path) == {"": 10_000}


def test_several_that_write_a_file_lose_nothing_when_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    logs = [LogFile(path, Rotation(max_bytes=200, keep=1_000)) for _ in range(4)]

    def write(number: int) -> int:
        batches = range(number * 1_000, number * 1_000 + 500, 7)
        return sum(logs[number].append(numbered(7, first)) for first in batches)

    with ThreadPoolExecutor(len(logs)) as threads:
        count = sum(threads.map(write, range(len(logs))))

    found = [line for each in tmp_path.iterdir() for line in each.read_bytes().splitlines()]
    assert (count, len(found), len(set(found))) == (2_016, 2_016, 2_016)
    assert all(size <= 200 for size in files(path).values())


def test_where_no_file_can_be_moved_it_grows_on(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    (tmp_path / "messages.log.1").mkdir()
    log = LogFile(path, Rotation(max_bytes=100, keep=1))

    assert log.append(numbered(25)) == 25

    assert path.stat().st_size == 250


async def test_a_described_log_is_replaced_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    said = {"kind": "log", "path": str(path), "max_bytes": 1_000, "keep": 3}
    gateway = build("log", read(said))
    assert isinstance(gateway, LogGateway)

    for _ in range(40):
        assert await send(gateway) == WRITTEN
    await gateway.close()

    assert files(path).keys() == {"", ".1", ".2", ".3"}
    assert all(size <= 1_000 for size in files(path).values())
