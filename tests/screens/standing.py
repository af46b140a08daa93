"""A page that stands still: its built files, and behind them answers that never change."""

import json
import mimetypes
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

from deploy.local.home import PROJECT
from tests.screens.answers import NOW, SERVICES, answer, live, live_page

BEAT_S = 3.0
TOTALS = {"running": 1, "paused": 1, "rate_per_s": 212.0, "delivered": 163_302, "mailings": 5}
DOOR = (PROJECT / "deploy" / "web" / "Caddyfile").read_text()


class Door(BaseHTTPRequestHandler):
    """Answers as the admin door does, with its policy; the public page is at `/public.html`."""

    protocol_version = "HTTP/1.1"
    files: Path
    ended: Event

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if path == "/public/v1/live":
            self._stream()
        elif path.startswith("/public/"):
            self._answer("stats", path, query)
        elif path.startswith("/api/"):
            _, _, service, rest = path.split("/", 3)
            self._answer(service, f"/{rest}", query)
        else:
            self._file(path.lstrip("/"))

    do_POST = do_PATCH = do_GET  # noqa: N815 - as the class is used

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, service: str, path: str, query: str) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert service in SERVICES
        status, body = answer(service, self.command, path, query)
        text = body if isinstance(body, str) else json.dumps(body)
        self._send(
            status, text.encode(), "text/plain" if isinstance(body, str) else "application/json"
        )

    def _file(self, name: str) -> None:
        file = self.files / name
        shown = file if name and file.is_file() else self.files / "admin.html"
        self._send(200, shown.read_bytes(), mimetypes.guess_type(shown.name)[0] or "text/plain")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _policy())
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        snapshot = live_page() | {"mailings": live(), "totals": TOTALS}
        self.wfile.write(f"id: 1.1.1\nevent: snapshot\ndata: {json.dumps(snapshot)}\n\n".encode())
        beat = {"as_of": NOW, "lag_s": 0.2}
        with suppress(OSError):  # until the page is gone
            while not self.ended.wait(BEAT_S):
                self.wfile.write(f"event: beat\ndata: {json.dumps(beat)}\n\n".encode())


def _policy() -> str:
    found = re.search(r'Content-Security-Policy "([^"]+)"', DOOR)
    assert found is not None
    return found[1]


@contextmanager
def standing_page(files: Path) -> Iterator[str]:
    """Serve a built page; give its address."""
    ended = Event()
    handler = type("Door", (Door,), {"files": files, "ended": ended})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
