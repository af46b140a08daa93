import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from bench.sink import Counts, Sink

REQUEST = (
    b'POST /messages HTTP/1.1\r\nHost: sink\r\nIdempotency-Key: "%b"\r\n'
    b"Content-Length: 2\r\n\r\n{}"
)
SUMMARY = b"GET /summary HTTP/1.1\r\nHost: sink\r\n\r\n"


class Recorder(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def sink(recorder: Recorder) -> Sink:
    sink = Sink(Counts())
    sink.connection_made(recorder)
    return sink


def test_a_request_in_pieces_is_answered_once(sink: Sink, recorder: Recorder) -> None:
    for byte in REQUEST % b"a":
        sink.data_received(bytes([byte]))

    assert len(recorder.written) == 1
    assert recorder.written[0].startswith(b"HTTP/1.1 200 OK\r\n")
    head, _, body = recorder.written[0].partition(b"\r\n\r\n")
    assert head.endswith(b"Content-Length: %d" % len(body))
    assert UUID(json.loads(body)["id"]).version == 4


def test_requests_in_one_piece_are_all_answered(sink: Sink, recorder: Recorder) -> None:
    sink.data_received(REQUEST % b"a" + REQUEST % b"b")

    assert len(recorder.written) == 2


def test_the_summary_counts_requests_and_distinct_keys(sink: Sink, recorder: Recorder) -> None:
    sink.data_received(REQUEST % b"a" + REQUEST % b"b" + REQUEST % b"a" + SUMMARY)

    assert recorder.written[-1].endswith(b'{"requests":3,"distinct":2}')
