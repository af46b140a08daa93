"""Gateways that go to a sandbox follow it to another port, and no other gateway changes."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from deploy.local.errors import StackError
from deploy.local.gateways import follow_sandboxes

OLD, NEW = "http://127.0.0.1:8080/messages", "http://127.0.0.1:8081/messages"
SMS = {"kind": "http", "url": OLD, "rate": 5.0}


class Dispatcher(HTTPServer):
    """Knows gateways, after it was asked so many times for nothing."""

    def __init__(self, gateways: dict[str, Any], misses: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.gateways, self.misses = gateways, misses
        self.puts: list[str] = []
        self.tokens: set[str | None] = set()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Dispatcher)
        self.server.tokens.add(self.headers["Authorization"])
        if self.server.misses:
            self.server.misses -= 1
            self.send_error(404)
            return
        name = self.path.rpartition("/")[2]
        self._answer({"description": self.server.gateways[name]})

    def do_PUT(self) -> None:
        assert isinstance(self.server, Dispatcher)
        name = self.path.rpartition("/")[2]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.puts.append(name)
        self.server.gateways[name] = json.loads(body)
        self._answer({})

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher({"http": SMS, "smtp": {"kind": "smtp", "url": "smtp://mail.example"}}) as it:
        serving = Thread(target=it.serve_forever, args=(0.01,))
        serving.start()
        yield it
        it.shutdown()
        serving.join()


def test_a_gateway_follows_its_sandbox_and_keeps_the_rest(dispatcher: Dispatcher) -> None:
    for _ in range(2):
        follow_sandboxes(dispatcher.server_port, {"http": NEW}, None)

    assert dispatcher.gateways["http"] == SMS | {"url": NEW}
    assert dispatcher.puts == ["http"]


def test_a_gateway_that_goes_elsewhere_stays_as_it_is(dispatcher: Dispatcher) -> None:
    follow_sandboxes(dispatcher.server_port, {"smtp": "smtp://127.0.0.1:1026"}, None)

    assert dispatcher.puts == []


def test_what_is_not_described_yet_is_waited_for(dispatcher: Dispatcher) -> None:
    dispatcher.misses = 3

    follow_sandboxes(dispatcher.server_port, {"http": NEW}, "secret")

    assert dispatcher.puts == ["http"]
    assert dispatcher.tokens == {"Bearer secret"}


def test_what_never_is_described_is_said(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.gateways.WITHIN_S", 0.2)
    dispatcher.misses = 1_000

    with pytest.raises(StackError, match="did not describe"):
        follow_sandboxes(dispatcher.server_port, {"http": NEW}, None)
