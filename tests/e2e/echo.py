"""A gateway that repeats whatever it is told, in good answers and in bad ones."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import ClassVar

# Who is refused, and whose first attempt fails or gets nonsense; all others are accepted.
REFUSED, FAILED, NONSENSE = "79995557131", "79995557132", "79995557133"


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = -1  # an answer in one piece
    lock = Lock()
    asked: ClassVar[Counter[str]] = Counter()  # requests, by message

    def do_POST(self) -> None:
        heard = self.rfile.read(int(self.headers["Content-Length"])).decode()
        message = json.loads(heard)
        with self.lock:
            self.asked[message["id"]] += 1
            number = self.asked.total()
            is_first = self.asked[message["id"]] == 1
        phone = message["phone"]
        if phone == REFUSED:
            self._answer(400, "application/json", json.dumps({"title": heard}))
        elif phone == FAILED and is_first:
            self._answer(500, "text/plain", heard)
        elif phone == NONSENSE and is_first:
            self._answer(200, "text/html", f"<p>{heard}</p>")
        else:
            own = f"echo-{number}-{phone}"
            accepted = {"id": own, "status": "accepted", "heard": heard}
            self._answer(200, "application/json", json.dumps(accepted))

    def _answer(self, status: int, kind: str, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up: they are killed on purpose."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of the loopback address; give the address."""
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def echo_gateway() -> Iterator[str]:
    """Give the address of such a gateway."""
    with serving(Echo) as address:
        yield f"{address}/messages"
