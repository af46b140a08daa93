"""Doors to the page, and behind them one service that says what it was asked."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import httpx

from deploy.local.home import PROJECT

FILES = {
    "public.html": "the public page",
    "admin.html": "the admin page",
    "theme.js": "dark()",
    "favicon.svg": "<svg/>",
    "assets/public-1.js": "run()",
    "assets/public-1.js.br": "(compressed)",
}


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; `/public/v1/live` is a stream that goes on."""

    protocol_version = "HTTP/1.1"
    ended = Event()

    def do_GET(self) -> None:
        if self.path == "/public/v1/live":
            self._stream()
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
        body = json.dumps(asked | {"filler": "x" * 2_000}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_PATCH = do_PUT = do_GET  # noqa: N815 - as the class is used

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"event: snapshot\ndata: {}\n\n")
        self.wfile.flush()
        self.ended.wait(30)


@dataclass
class Door:
    """A process of Caddy, and what asks it."""

    process: "subprocess.Popen[bytes]"
    client: httpx.Client

    @property
    def origin(self) -> str:
        """Where a browser says that the page is from."""
        url = self.client.base_url
        return f"{url.scheme}://{url.host}:{url.port}"

    def end(self, within_s: float) -> None:
        self.process.terminate()
        self.process.wait(within_s)


@contextmanager
def door(kind: str, root: Path, services: Mapping[str, str]) -> Iterator[Door]:
    port = _free_port()
    names = ("CATALOG", "SCHEDULER", "DISPATCHER", "STATS")
    environment = {
        **os.environ,
        **{name: services.get(name, "127.0.0.1:1") for name in names},
        "DOOR": kind,
        "WEB_ROOT": str(root),
        "WEB_PORT": str(port),
        "ADMIN_PORT": str(port),
        "XDG_DATA_HOME": str(root / ".caddy"),
        "XDG_CONFIG_HOME": str(root / ".caddy"),
    }
    process = subprocess.Popen(  # noqa: S603 - ours
        [
            str(Path(sys.executable).with_name("caddy")),
            *("run", "--config", str(PROJECT / "deploy/web/Caddyfile"), "--adapter", "caddyfile"),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=base, trust_env=False, timeout=10) as client:
            _wait_for(client)
            yield Door(process, client)
    finally:
        process.kill()
        process.wait()


@contextmanager
def echo_service() -> Iterator[str]:
    Echo.ended.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        Echo.ended.set()
        server.shutdown()
        server.server_close()


def files(root: Path) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(client: httpx.Client) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if client.get("/livez").status_code == 204:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError("the door did not open")
