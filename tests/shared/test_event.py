"""An event: strict when it is written, lenient when it is read."""

from datetime import datetime
from uuid import UUID

import msgspec
import pytest

from shared.contracts.catalog import ClientRegistered, ClientRemoved, MailingPaused
from shared.event import Cause, Event, Instant
from shared.event_store import Append
from shared.testing import received

ID = UUID(int=1)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Part(msgspec.Struct, frozen=True):
    size: int


class Assembled(Event, frozen=True, kw_only=True):
    type_version = 2

    part: Part


def test_writing_a_field_that_we_do_not_know_is_refused(now: Instant) -> None:
    with pytest.raises(TypeError, match="who"):
        MailingPaused(mailing_id=ID, paused_at=now, who="Ann")  # type: ignore[call-arg] # the point


def test_reading_a_field_that_we_do_not_know_leaves_it_out(now: Instant) -> None:
    newer = f'{{"mailing_id": "{ID}", "paused_at": "{now.isoformat()}", "who": "Ann"}}'

    assert MailingPaused.read(newer) == MailingPaused(mailing_id=ID, paused_at=now)


def test_reading_is_lenient_all_the_way_down() -> None:
    assert Assembled.read('{"part": {"size": 1, "color": "red"}}') == Assembled(part=Part(size=1))


def test_reading_still_needs_every_field_that_we_do_know() -> None:
    with pytest.raises(msgspec.ValidationError, match="paused_at"):
        MailingPaused.read(f'{{"mailing_id": "{ID}"}}')


def test_an_instant_without_a_zone_cannot_be_read() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the point

    with pytest.raises(msgspec.ValidationError, match="timezone"):
        MailingPaused.read(f'{{"mailing_id": "{ID}", "paused_at": "{naive.isoformat()}"}}')


def test_what_is_written_is_read_again(now: Instant) -> None:
    event = MailingPaused(mailing_id=ID, paused_at=now)

    assert MailingPaused.read(event.json()) == event


def test_the_name_of_a_type_ends_in_its_version() -> None:
    assert MailingPaused.type_name() == "MailingPaused.v1"
    assert Assembled.type_name() == "Assembled.v2"


def test_an_event_never_changes(now: Instant) -> None:
    event = MailingPaused(mailing_id=ID, paused_at=now)

    with pytest.raises(AttributeError):
        event.paused_at = now  # type: ignore[misc] # the point


def test_a_tombstone_stands_for_the_clients_removal() -> None:
    assert ClientRemoved.from_tombstone(str(ID)) == ClientRemoved(client_id=ID)


def test_nothing_else_has_a_tombstone() -> None:
    with pytest.raises(msgspec.ValidationError, match="no ClientRegistered has a tombstone"):
        ClientRegistered.from_tombstone(str(ID))


def test_the_key_of_a_record_is_the_aggregates_identifier(now: Instant) -> None:
    event = MailingPaused(mailing_id=ID, paused_at=now)

    [recorded] = Append(f"mailing-{ID}", [event], 0).recorded(now)

    assert recorded.key == str(ID)


def test_what_was_received_is_the_cause_of_the_answer(now: Instant) -> None:
    message = received(MailingPaused(mailing_id=ID, paused_at=now), str(ID), version=7)
    message.headers["ce_correlationid"] = str(UUID(int=5)).encode()
    message.headers["traceparent"] = TRACE.encode()

    assert message.version == 7
    assert message.cause == Cause(UUID(message.headers["ce_id"].decode()), UUID(int=5), TRACE)


@pytest.mark.parametrize(
    "header",
    [
        b"\xff",
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        b"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nEvil: 1",
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\0",
    ],
)
def test_a_trace_that_is_none_is_not_taken_over(now: Instant, header: bytes) -> None:
    message = received(MailingPaused(mailing_id=ID, paused_at=now), str(ID))
    message.headers["traceparent"] = header

    assert message.traceparent is None
    assert message.cause.traceparent is None
