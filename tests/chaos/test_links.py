"""A link passes everything on, in order, and is as bad as it is made."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.local.ports import HOST
from tests.chaos.links import Link, broker_at

DELAY_S = 0.2


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """Give the port of a server that says again what it hears."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def link(echo: int) -> AsyncIterator[Link]:
    link = Link(lambda: echo)
    await link.open()
    yield link
    await link.close()


async def test_everything_passes_in_order_and_the_end_too(link: Link) -> None:
    reader, writer = await asyncio.open_connection(HOST, link.port)
    said = b"".join(number.to_bytes(4, "big") for number in range(200_000))

    writer.write(said)
    assert await reader.readexactly(len(said)) == said

    writer.write_eof()
    assert await reader.read() == b""
    writer.close()


async def test_a_link_that_is_cut_resets_its_connections_and_takes_new_ones(link: Link) -> None:
    reader, writer = await asyncio.open_connection(HOST, link.port)
    writer.write(b"one")
    await reader.readexactly(3)

    link.cut()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()

    reader, writer = await asyncio.open_connection(HOST, link.port)
    writer.write(b"two")
    assert await reader.readexactly(3) == b"two"
    writer.close()


async def test_nothing_passes_a_link_that_stalls_and_all_of_it_afterwards(link: Link) -> None:
    reader, writer = await asyncio.open_connection(HOST, link.port)
    writer.write(b"one")
    await reader.readexactly(3)

    link.stall()
    late, other = await asyncio.open_connection(HOST, link.port)
    for each in (writer, other):
        each.write(b"two")
    waiting = [asyncio.ensure_future(each.readexactly(3)) for each in (reader, late)]
    done, _ = await asyncio.wait(waiting, timeout=DELAY_S)
    assert not done

    link.flow()
    assert await asyncio.gather(*waiting) == [b"two", b"two"]
    writer.close()
    other.close()


async def test_what_is_delayed_keeps_its_order(link: Link) -> None:
    reader, writer = await asyncio.open_connection(HOST, link.port)
    loop = asyncio.get_running_loop()
    link.delay_s, began = DELAY_S, loop.time()

    writer.write(b"one")
    await asyncio.sleep(DELAY_S / 2)
    link.flow()
    writer.write(b"two")

    assert await reader.readexactly(6) == b"onetwo"
    assert loop.time() - began >= DELAY_S
    writer.close()


async def test_nobody_is_kept_waiting_where_nobody_listens() -> None:
    link = Link(lambda: 1)
    await link.open()
    reader, writer = await asyncio.open_connection(HOST, link.port)

    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
    await link.close()


def test_a_broker_is_said_to_be_where_the_link_is() -> None:
    said = b"\x09127.0.0.1" + (19_092).to_bytes(4, "big") + b"\x00"

    assert (
        broker_at(19_092, 41_000)(said) == b"\x09127.0.0.1" + (41_000).to_bytes(4, "big") + b"\x00"
    )
