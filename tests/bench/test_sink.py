import asyncio
import json
import time
from typing import Any
from uuid import UUID

import pytest

from bench.mishaps import BUSY, PER, mishap_of
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


def test_the_summary_counts_requests_and_distinct_keys_and_knows_when_the_last_came(
    sink: Sink, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 7.5)
    sink.data_received(REQUEST % b"a" + REQUEST % b"b" + REQUEST % b"a" + SUMMARY)

    assert json.loads(recorder.written[-1].partition(b"\r\n\r\n")[2]) == {
        "requests": 3,
        "distinct": 2,
        "last_at": 7.5,
    }


def test_a_mishap_is_answered_otherwise_and_taken_when_it_is_repeated(recorder: Recorder) -> None:
    sink = Sink(Counts(has_mishaps=True))
    sink.connection_made(recorder)
    key = next(each for each in (b"%d" % n for n in range(PER)) if is_busy_at_first(each))

    for _ in range(2):
        sink.data_received(REQUEST % key)
    sink.data_received(SUMMARY)

    busy, taken, summary = recorder.written
    assert busy.startswith(b"HTTP/1.1 503 ")
    assert taken.startswith(b"HTTP/1.1 200 ")
    assert b'{"requests":1,"distinct":1,' in summary


def is_busy_at_first(key: bytes) -> bool:
    is_busy = mishap_of(key, is_repeated=False) is BUSY
    return is_busy and mishap_of(key, is_repeated=True) is None
