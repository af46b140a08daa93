"""The command line as a person uses it, before services that answer what a test wants."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import pytest

from cli.__main__ import main

EVERY_SERVICE = (
    "CATALOG_URL",
    "SCHEDULER_URL",
    "DISPATCHER_URL",
    "STATS_URL",
    "GATEWAY_URL",
    "MAIL_URL",
)

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"
    retry_after: str | None = None
    missing: int = 0  # bytes that do not come any more


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    parameters: dict[str, str]
    body: bytes
    authorization: str | None = None
    content_type: str | None = None
    query: str = ""
    if_match: str | None = None


@dataclass
class Services:
    """All services at one address: answers by path, the last one again and again."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    everything: Answer = Answer(404, b'{"type": "NotFound", "title": "Not Found", "status": 404}')

    def answer(self, path: str, *bodies: object, status: int = 200) -> None:
        self.answers[path] = [Answer(status, json.dumps(body).encode()) for body in bodies]

    def refuse(self, path: str, status: int, **problem: object) -> None:
        body = json.dumps({"status": status, **problem}).encode()
        self.answers[path] = [Answer(status, body, "application/problem+json")]

    def stream(self, path: str, body: bytes, *, missing: int = 0) -> None:
        self.answers[path] = [Answer(200, body, "application/x-ndjson", missing=missing)]

    def busy(self, path: str, *, times: int, retry_after: str | None, title: str) -> None:
        """Answer 503 that often before all that is answered already."""
        body = json.dumps({"status": 503, "title": title}).encode()
        answer = Answer(503, body, "application/problem+json", retry_after)
        self.answers[path] = [*[answer] * times, *self.answers[path]]

    def take(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        answers = self.answers.get(asked.path)
        if answers is None:
            return self.everything
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    stand_in = Services()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = self._chunks()
            shown = self.headers.get("Authorization")
            parameters = dict(parse_qsl(parts.query))
            kind = self.headers.get("Content-Type")
            match = self.headers.get("If-Match")
            asked = Asked(
                self.command, parts.path, parameters, body, shown, kind, parts.query, match
            )
            answer = stand_in.take(asked)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body) + answer.missing))
            if answer.retry_after is not None:
                self.send_header("Retry-After", answer.retry_after)
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 (the library's names)

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_port}"
        for name in EVERY_SERVICE:
            monkeypatch.setenv(name, stand_in.url)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Mailings: TypeAlias = Callable[..., Result]


@pytest.fixture
def mailings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Mailings:
    """Give what runs a command; nothing runs on this machine unless a test says so."""
    monkeypatch.setenv("MAILINGS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "UTC")

    def run(*arguments: str) -> Result:
        monkeypatch.setattr("sys.argv", ["mailings", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return run


def page(items: Sequence[object], next_cursor: str | None = None) -> Json:
    return {"items": list(items), "next_cursor": next_cursor}


@pytest.fixture
def mailing() -> Json:
    return {
        "mailing_id": "01a201e4-6c68-70f0-baaf-d5cbd070123b",
        "name": "Spring",
        "body": "Hello {{ full_name }}",
        "subject": None,
        "filter": {"operator_codes": [], "tags": ["vip"]},
        "starts_at": "2026-01-01T12:00:00Z",
        "ends_at": "2026-01-01T14:00:00Z",
        "gateway": "http",
        "status": "running",
        "missed_reason": None,
        "version": 2,
        "created_at": "2026-01-01T12:00:00Z",
        "changed_at": "2026-01-01T12:00:01Z",
    }
