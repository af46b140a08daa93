"""The sandbox gateway as its users meet it: a process, a port and a ledger file."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.local.waiting import eventually

ROOT = Path(__file__).parents[2]
PHONE = "79161234567"
NOTHING = {
    "accepted": 0,
    "repeated": 0,
    "refused": 0,
    "failed": 0,
    "throttled": 0,
    "garbage": 0,
    "hung": 0,
    "outage": 0,
}


class Gateway(NamedTuple):
    http: httpx.Client
    process: subprocess.Popen[bytes]

    def send(self, key: str, timeout_s: float = 5, **changes: object) -> httpx.Response:
        body = {"id": key, "phone": PHONE, "text": "Good day", **changes}
        headers = {"Idempotency-Key": f'"{key}"'}
        return self.http.post("/messages", json=body, headers=headers, timeout=timeout_s)

    def try_send(self, key: str, timeout_s: float = 5) -> httpx.Response | None:
        with suppress(httpx.TransportError):
            return self.send(key, timeout_s)
        return None

    def change(self, **faults: object) -> None:
        self.http.patch("/faults", json=faults).raise_for_status()

    def summary(self) -> dict[str, Any]:
        return dict(self.http.get("/ledger/summary").json())

    def entries(self) -> list[dict[str, Any]]:
        return list(self.http.get("/ledger?limit=1000").json()["items"])


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def command(port: int, ledger: Path, *options: str) -> list[str]:
    start = [sys.executable, "-m", "deploy.local.gateway", "--port", str(port)]
    return [*start, "--ledger", str(ledger), *options]


@contextmanager
def running(ledger: Path, *options: str) -> Iterator[Gateway]:
    port = free_port()
    process = subprocess.Popen(command(port, ledger, *options), cwd=ROOT)  # noqa: S603

    def is_live() -> bool:
        with suppress(httpx.TransportError):
            return http.get("/livez").status_code == 204
        return False

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            eventually(is_live)
            yield Gateway(http, process)
    finally:
        process.kill()
        process.wait(60)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_a_message_is_accepted_as_the_contract_says(ledger: Path) -> None:
    with running(ledger) as gateway:
        answer = gateway.send("key-1", subject="Hello")

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {"id": "sg-000000000001", "status": "accepted"}
        assert gateway.summary() == {
            "requests": 1,
            "accepted": 1,
            "accepted_distinct": 1,
            "repeated": 0,
            "by_decision": NOTHING | {"accepted": 1},
        }


def test_an_idempotent_gateway_takes_a_message_once_and_repeats_its_answer(ledger: Path) -> None:
    with running(ledger, "--idempotent") as gateway:
        answers = [gateway.send(key).json()["id"] for key in ("a", "b", "a", "a")]

        assert answers[2:] == [answers[0], answers[0]]
        assert answers[1] != answers[0]
        summary = gateway.summary()

    assert (summary["requests"], summary["accepted"], summary["accepted_distinct"]) == (4, 2, 2)
    assert (summary["repeated"], summary["by_decision"]["repeated"]) == (2, 2)


def test_a_plain_gateway_takes_whatever_comes_and_counts_it(ledger: Path) -> None:
    with running(ledger, "--plain") as gateway:
        ids = {gateway.send(key).json()["id"] for key in ("a", "b", "a", "a")}
        summary = gateway.summary()

    assert len(ids) == 4
    assert (summary["accepted"], summary["accepted_distinct"], summary["repeated"]) == (4, 2, 0)


def test_an_answer_is_in_the_ledger_before_it_goes_out_and_a_kill_forgets_none(
    ledger: Path,
) -> None:
    with running(ledger, "--idempotent") as gateway:
        ids = {}
        for number in range(20):
            key = f"key-{number}"
            ids[key] = gateway.send(key).json()["id"]
            assert key.encode() in ledger.read_bytes()
        before = gateway.summary()
        gateway.process.send_signal(signal.SIGKILL)

    with ledger.open("ab") as file:
        file.write(b'{"number":21,"at_ms":1,"key":"torn","deci')  # what a kill may leave behind

    with running(ledger, "--idempotent") as gateway:
        assert gateway.summary() == before
        assert {key: gateway.send(key).json()["id"] for key in ids} == ids
        gateway.send("torn")
        summary = gateway.summary()
        entries = gateway.entries()

    assert (summary["accepted"], summary["repeated"]) == (21, 20)
    assert [entry["number"] for entry in entries] == list(range(1, 42))


def test_the_ledger_is_read_page_by_page_and_holds_no_personal_data(ledger: Path) -> None:
    with running(ledger) as gateway:
        for number in range(25):
            gateway.send(f"key-{number}")
        entries: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = gateway.http.get(f"/ledger?after={after}&limit=10").json()
            entries += page["items"]
            after = page["next_after"]
        beyond = gateway.http.get("/ledger?after=25").json()
        wrong = [gateway.http.get(f"/ledger?{q}") for q in ("limit=0", "after=x", "y=1")]

    assert [entry["key"] for entry in entries] == [f"key-{number}" for number in range(25)]
    assert entries == [json.loads(line) for line in ledger.read_text().splitlines()]
    assert set(entries[0]) == {"number", "at_ms", "key", "decision", "is_accepted"}
    assert beyond == {"items": [], "next_after": None}
    assert [answer.status_code for answer in wrong] == [400] * 3
    assert PHONE not in ledger.read_text()


@pytest.mark.parametrize(
    ("fault", "status", "decision"),
    [("fail_share", 500, "failed"), ("throttle_share", 429, "throttled")],
)
def test_failed_and_throttled_requests_are_not_taken(
    ledger: Path, fault: str, status: int, decision: str
) -> None:
    with running(ledger) as gateway:
        gateway.change(**{fault: 1})
        answer = gateway.send("key")
        gateway.change(**{fault: 0})
        after = gateway.send("key")
        summary = gateway.summary()

    assert (answer.status_code, after.status_code) == (status, 200)
    assert summary["accepted"] == 1
    assert summary["by_decision"] == NOTHING | {"accepted": 1, decision: 1}


def test_a_throttled_request_is_told_how_long_to_wait(ledger: Path) -> None:
    with running(ledger, "--throttle-share", "1") as gateway:
        first = gateway.send("key")
        gateway.change(retry_after_s=30)
        second = gateway.send("key")

    assert [each.headers["retry-after"] for each in (first, second)] == ["1", "30"]


def is_contracts(answer: httpx.Response | None) -> bool:
    if answer is None or answer.headers["content-type"] != "application/json":
        return False
    try:
        return set(answer.json()) == {"id", "status"}
    except ValueError:
        return False


def test_garbage_comes_in_seven_kinds_and_is_taken_or_not(ledger: Path) -> None:
    with running(ledger, "--garbage-share", "1") as gateway:
        answers = [gateway.try_send(f"key-{number}") for number in range(28)]
        summary = gateway.summary()

    seen = [answer and (answer.headers["content-type"], answer.text[:10]) for answer in answers]
    assert not any(is_contracts(answer) for answer in answers)
    assert all(answer is None or answer.status_code == 200 for answer in answers)
    assert seen[:7] == seen[7:14] == seen[21:]
    assert len({str(kind) for kind in seen[:7]}) == 6  # two of the seven are broken off
    assert summary["by_decision"] == NOTHING | {"garbage": 28}
    assert 0 < summary["accepted"] < 28


def test_what_garbage_has_taken_is_not_taken_again_by_an_idempotent_gateway(ledger: Path) -> None:
    with running(ledger, "--idempotent", "--garbage-share", "1") as gateway:
        for _ in range(20):
            gateway.try_send("key")
        gateway.change(garbage_share=0)
        gateway.send("key")
        summary = gateway.summary()

    assert (summary["accepted"], summary["repeated"]) == (1, 1)


def test_a_hung_request_is_never_answered_and_taken_or_not(ledger: Path) -> None:
    with running(ledger, "--hang-share", "1") as gateway:
        for number in range(12):
            with pytest.raises(httpx.ReadTimeout):
                gateway.send(f"key-{number}", timeout_s=0.05)
        summary = gateway.summary()

    assert summary["by_decision"] == NOTHING | {"hung": 12}
    assert 0 < summary["accepted"] < 12


def test_in_an_outage_requests_are_cut_off_and_not_taken_until_it_ends(ledger: Path) -> None:
    with running(ledger) as gateway:
        gateway.change(outage="0..600")
        assert gateway.try_send("key") is None
        assert gateway.summary()["by_decision"] == NOTHING | {"outage": 1}

        gateway.change(outage=None)
        assert gateway.send("key").status_code == 200

        gateway.change(outage="0..0.2")
        eventually(lambda: gateway.try_send("key") is not None)


def test_latency_delays_each_answer(ledger: Path) -> None:
    with running(ledger, "--latency-ms", "50-60") as gateway:
        start = time.monotonic()
        gateway.send("key")

        assert time.monotonic() - start >= 0.045


@pytest.mark.parametrize(
    "patch",
    [
        {"unknown": 1},
        {"fail_share": 1.1},
        {"fail_share": -0.1},
        {"fail_share": "a lot"},
        {"fail_share": 0.6, "hang_share": 0.6},
        {"latency_ms": "50-20"},
        {"latency_ms": "quick"},
        {"latency_ms": "nan"},
        {"latency_ms": "lognormal:0:1"},
        {"outage": "5"},
        {"outage": "9..5"},
        {"is_idempotent": 1},
        [],
    ],
)
def test_faults_that_make_no_sense_are_refused_and_change_nothing(
    sandbox: Gateway, patch: object
) -> None:
    before = sandbox.http.get("/faults").json()

    answer = sandbox.http.patch("/faults", json=patch)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert sandbox.http.get("/faults").json() == before


def test_faults_can_be_set_and_read_while_it_runs(ledger: Path) -> None:
    with running(ledger, "--fail-share", "0.25", "--outage", "500..600") as gateway:
        gateway.change(latency_ms="lognormal:30:0.5", is_idempotent=True)
        faults = gateway.http.get("/faults").json()

    assert faults == {
        "is_idempotent": True,
        "latency_ms": "lognormal:30:0.5",
        "fail_share": 0.25,
        "throttle_share": 0.0,
        "retry_after_s": 1,
        "garbage_share": 0.0,
        "hang_share": 0.0,
        "outage": "500..600",
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("sandbox") / "ledger.jsonl") as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, {"id": "a", "phone": PHONE, "text": "x"}),
        ({"Idempotency-Key": "a"}, {"id": "a", "phone": PHONE, "text": "x"}),
        ({"Idempotency-Key": '"b"'}, {"id": "a", "phone": PHONE, "text": "x"}),
        ({"Idempotency-Key": '"a"'}, {"id": "a", "phone": "9161234567", "text": "x"}),
        ({"Idempotency-Key": '"a"'}, {"id": "a", "phone": PHONE}),
        ({"Idempotency-Key": '"a"'}, {"id": "a", "phone": PHONE, "text": "x", "more": 1}),
        ({"Idempotency-Key": '"a b"'}, {"id": "a b", "phone": PHONE, "text": "x"}),
        ({"Idempotency-Key": '"a"'}, ["a"]),
    ],
)
def test_what_is_not_as_the_contract_says_is_refused(
    sandbox: Gateway, headers: dict[str, str], body: object
) -> None:
    before = sandbox.summary()

    answer = sandbox.http.post("/messages", json=body, headers=headers)

    after = sandbox.summary()
    assert answer.status_code == 400
    assert after["accepted"] == before["accepted"]
    assert after["by_decision"]["refused"] == before["by_decision"]["refused"] + 1


def test_an_unknown_resource_is_not_found(sandbox: Gateway) -> None:
    assert sandbox.http.get("/nothing").status_code == 404
    assert sandbox.http.get("/messages").status_code == 404


def test_requests_sent_ahead_are_answered_in_order(sandbox: Gateway) -> None:
    port = sandbox.http.base_url.port
    assert port is not None
    requests = b""
    for number in range(10):
        body = b'{"id":"ahead-%d","phone":"79161234567","text":"x"}' % number
        head = b'POST /messages HTTP/1.1\r\nHost: h\r\nIdempotency-Key: "ahead-%d"\r\n' % number
        requests += head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)

    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(requests)
        received = b""
        while received.count(b"accepted") < 10:
            received += connection.recv(65_536)

    ids = [part.partition(b'"')[0] for part in received.split(b'"id":"')[1:]]
    assert ids == sorted(ids)
    assert len(set(ids)) == 10


def test_the_same_seed_draws_the_same_decisions(tmp_path: Path) -> None:
    options = ("--fail-share", "0.3", "--throttle-share", "0.3", "--seed", "7")
    drawn = []
    for name in ("one", "two"):
        with running(tmp_path / name, *options) as gateway:
            drawn.append([gateway.send(f"key-{number}").status_code for number in range(30)])

    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {200, 429, 500}


def test_told_to_stop_it_ends_cleanly(ledger: Path) -> None:
    with running(ledger) as gateway:
        gateway.send("key")

        gateway.process.terminate()

        assert gateway.process.wait(60) == 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--fail-share", "2"], 2, b"fail_share"),
        (["--latency-ms", "soon"], 2, b"a latency is"),
        (["--port", "99999"], 2, b"a port is a number from 1 to 65535"),
        (["--host", ""], 2, b"a host is needed"),
        (["--fail-share", "nan"], 2, b"fail_share"),
        (["--outage", "soon"], 2, b"an outage is"),
        (["--ledger", "/nowhere/at/all"], 1, b"can't start"),
    ],
)
def test_what_it_cannot_start_with_it_says(
    ledger: Path, options: list[str], code: int, words: bytes
) -> None:
    done = subprocess.run(  # noqa: S603
        command(free_port(), ledger, *options),
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, words in done.stderr) == (code, True)


def test_a_port_that_is_taken_is_said(ledger: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = subprocess.run(  # noqa: S603
            command(port, ledger), cwd=ROOT, capture_output=True, check=False, timeout=60
        )

    assert done.returncode == 1
    assert b"can't start" in done.stderr


HEAD = b"POST /messages HTTP/1.1\r\nHost: h\r\n"
GOOD = HEAD + b"Content-Length: 2\r\n\r\n{}"
REFUSALS = {
    "a body beyond the limit": (
        HEAD + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000,
        [413],
    ),
    "a body a little beyond the limit": (
        HEAD + b"Content-Length: 65537\r\n\r\n" + b"x" * 65_537,
        [413],
    ),
    "a chunked body beyond the limit": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 9,
        [413],
    ),
    "a long header": (HEAD + b"X: " + b"x" * 20_000 + b"\r\n\r\n", [431]),
    "many headers": (HEAD + b"X: y\r\n" * 10_000 + b"\r\n", [431]),
    "a long target": (b"POST /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", [431]),
    "no HTTP at all": (b"\0\1\2\3\r\n\r\n", [400]),
    "a length that is none": (HEAD + b"Content-Length: two\r\n\r\n{}", [400]),
    "too large behind a good one": (
        GOOD + HEAD + b"Content-Length: 65537\r\n\r\n" + b"x" * 65_537,
        [400, 413],
    ),
    "as much as is allowed": (HEAD + b"Content-Length: 65536\r\n\r\n" + b"x" * 65_536, [400]),
}


@pytest.mark.parametrize(("raw", "statuses"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused_gets_its_status_and_no_reset(
    sandbox: Gateway, raw: bytes, statuses: list[int]
) -> None:
    received = b""
    with socket.create_connection(("127.0.0.1", int(sandbox.http.base_url.port or 0))) as client:
        client.settimeout(10)
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65_536):
            received += piece

    found = [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", received)]
    assert found == statuses
    assert sandbox.send(f"after-{len(raw)}").status_code == 200
