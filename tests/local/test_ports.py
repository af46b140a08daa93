"""Which number each part listens on."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.ports import EPHEMERAL, HOST, Ports, is_free


@pytest.fixture
def free_port(tmp_path: Path) -> int:
    ports = Ports(tmp_path / "other", {})
    port = ports.take("x")
    ports.release()
    return port


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as server:
        yield server


def test_the_usual_port_is_taken_when_it_is_free(tmp_path: Path, free_port: int) -> None:
    ports = Ports(tmp_path / "note", {"catalog": free_port})

    assert ports.take("catalog") == free_port

    ports.release()


def test_another_one_is_taken_when_somebody_listens_there(
    tmp_path: Path, server: socket.socket
) -> None:
    usual = server.getsockname()[1]
    ports = Ports(tmp_path / "note", {"catalog": usual})

    port = ports.take("catalog")

    assert port != usual
    assert is_free(port)
    ports.release()


def test_what_was_chosen_is_chosen_again(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "note", {})
    first = ports.take("catalog")
    ports.release()

    again = Ports(tmp_path / "note", {})

    assert again.take("catalog") == first
    again.release()


def test_two_stacks_that_start_at_once_never_choose_the_same(
    tmp_path: Path, free_port: int
) -> None:
    one = Ports(tmp_path / "one", {"catalog": free_port})
    other = Ports(tmp_path / "other", {"catalog": free_port})

    assert one.take("catalog") != other.take("catalog")

    one.release()
    other.release()


def test_two_parts_never_have_the_same(tmp_path: Path, free_port: int) -> None:
    ports = Ports(tmp_path / "note", {"catalog": free_port, "stats": free_port})

    assert ports.take("catalog") != ports.take("stats")

    ports.release()


@pytest.mark.skipif(not EPHEMERAL.exists(), reason="only Linux says which range that is")
def test_a_free_port_is_none_that_outgoing_connections_get(tmp_path: Path) -> None:
    lowest, highest = map(int, EPHEMERAL.read_text().split())
    ports = Ports(tmp_path / "note", {})

    assert not lowest <= ports.take("catalog") <= highest

    ports.release()
