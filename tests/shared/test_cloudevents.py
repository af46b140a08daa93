"""CloudEvents' headers: what is written is read, and their names stand in one module."""

import re
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import cloudevents

ROOT = Path(__file__).parents[2]
IDENTIFIER = UUID(int=7)
TRACE = f"00-{0xA:032x}-{0xB:016x}-01"


@given(st.uuids(), st.integers(1, 10**10 - 1), st.uuids())
def test_what_is_written_is_read(event_id: UUID, version: int, correlation_id: UUID) -> None:
    headers = dict(
        cloudevents.write(event_id, "MailingPaused.v1", version)
        + cloudevents.write_story("mailing-1", correlation_id)
        + cloudevents.write_trace(TRACE)
    )

    assert cloudevents.mistake(headers) is None
    assert headers[cloudevents.TYPE] == b"MailingPaused.v1"
    assert cloudevents.version(headers) == version
    assert cloudevents.identifier(headers, cloudevents.ID) == event_id
    assert cloudevents.identifier(headers, cloudevents.CORRELATION) == correlation_id
    assert cloudevents.traceparent(headers) == TRACE


@pytest.mark.parametrize("name", [cloudevents.ID, cloudevents.SEQUENCE])
@pytest.mark.parametrize("value", [None, b"", b"x", b"-1", b"1" * 11])
def test_what_readers_need_and_is_missing_or_wrong_is_a_mistake(
    name: str, value: bytes | None
) -> None:
    headers = dict(cloudevents.write(IDENTIFIER, "MailingPaused.v1", 1))
    del headers[name]
    if value is not None:
        headers[name] = value

    assert cloudevents.mistake(headers) == f"{name} is missing or wrong"


def test_a_shared_header_names_service_time_and_cause(now: datetime) -> None:
    headers = dict(cloudevents.write_source("catalog", now, IDENTIFIER))

    assert headers["ce_source"] == b"/services/catalog"
    assert headers["ce_time"].decode() == now.isoformat()
    assert headers["ce_causationid"].decode() == str(IDENTIFIER)
    assert "ce_causationid" not in dict(cloudevents.write_source("catalog", now, None))


@pytest.mark.parametrize(
    "trace", [b"", b"00-1-2-3", TRACE.encode() + b"\n", TRACE.upper().encode()]
)
def test_what_is_no_trace_is_not_read_as_one(trace: bytes) -> None:
    assert cloudevents.traceparent({cloudevents.TRACEPARENT: trace}) is None


def test_no_other_module_names_their_headers() -> None:
    modules = [path for name in ("shared", "services") for path in (ROOT / name).rglob("*.py")]

    naming = [path for path in modules if re.search(r"\"ce_\w+\"", path.read_text())]

    assert [path.name for path in naming] == ["cloudevents.py"]
