"""Spans: what they are about, what they are linked to, and that there are none without export."""

import pytest
from opentelemetry.trace import StatusCode
from pydantic import PostgresDsn
from sqlalchemy import text

from shared import database, telemetry
from shared.database import Pool, transaction
from shared.database_errors import Unstorable
from shared.errors import Conflict
from shared.telemetry import statements
from shared.telemetry.spans import LINKS
from tests.otlp import links_of, parent_of, recorded_spans, trace_of, traceparent


def hexadecimal(number: int) -> str:
    return f"{number:032x}"


def test_without_an_export_there_is_no_span_and_no_trace() -> None:
    with telemetry.span("Command"), telemetry.batch("batch") as batch:
        batch.add(1, traceparent(1))
        inside = telemetry.trace_id()
    own = telemetry.own_trace("run", traceparent(2))

    assert inside is None
    assert not telemetry.is_exporting()
    assert own.traceparent == traceparent(2)  # of the request that planned it


def test_a_span_is_below_the_current_one() -> None:
    with recorded_spans() as spans, telemetry.span("outer"), telemetry.span("inner"):
        inside = telemetry.trace_id()

    inner, outer = spans.one("inner"), spans.one("outer")
    assert inside == trace_of(inner) == trace_of(outer)
    assert outer.context is not None
    assert parent_of(inner) == f"{outer.context.span_id:016x}"


def test_a_batch_has_its_own_trace_and_links_to_each_that_is_in_it() -> None:
    with recorded_spans() as spans, telemetry.span("outer"):
        begun = [traceparent(1), traceparent(1), traceparent(2)]
        with telemetry.batch("batch", traceparents=begun) as batch:
            batch.add(3, traceparent(2))
            batch.add(4, traceparent(3))
            batch.add(5)

    made = spans.one("batch")
    assert parent_of(made) is None
    assert trace_of(made) != trace_of(spans.one("outer"))
    assert links_of(made) == [hexadecimal(each) for each in (1, 2, 3)]
    assert (made.attributes or {})[telemetry.BATCH_SIZE] == 12


def test_a_batch_links_to_no_more_than_32_traces() -> None:
    many = [traceparent(each) for each in range(1, 1_000)]
    with recorded_spans() as spans:
        with telemetry.batch("known", traceparents=many) as batch:
            batch.add(1)
        with telemetry.batch("found") as batch:
            for each in many:
                batch.add(1, each)
        with telemetry.batch("both", traceparents=many[:20]) as batch:
            for each in many:
                batch.add(1, each)

    assert LINKS == 32
    assert [len(spans.one(name).links) for name in ("known", "found", "both")] == [32, 32, 32]


def test_a_batch_in_which_nothing_was_is_not_exported() -> None:
    with recorded_spans() as spans, telemetry.batch("batch"):
        pass

    assert spans.names == []


@pytest.mark.parametrize("header", ["", "00-1-2", f"00-{0:032x}-{1:016x}-01", "00-x-y-z"])
def test_a_batch_links_to_no_trace_that_is_none(header: str) -> None:
    with recorded_spans() as spans, telemetry.batch("batch", traceparents=[header]) as batch:
        batch.add(1, header)

    assert spans.one("batch").links == ()


def test_a_run_has_a_trace_of_its_own_with_a_link_to_the_request() -> None:
    with recorded_spans() as spans:
        own = telemetry.own_trace("run", traceparent(7))
        lost = telemetry.own_trace("run", traceparent(8))
        own.end()

    made = spans.one("run")
    assert links_of(made) == [hexadecimal(7)]
    assert own.traceparent is not None
    assert own.traceparent.split("-")[1] == trace_of(made) != hexadecimal(7)
    assert lost.traceparent != own.traceparent


class Leak(Exception):
    """An error whose text is a row's."""


def test_a_failure_shows_its_kind_and_never_its_text() -> None:
    with recorded_spans() as spans:
        for make in (lambda: telemetry.span("span"), lambda: telemetry.batch("batch")):
            with pytest.raises(Leak), make():
                raise Leak("79161234567")

    for made in spans.all:
        assert made.status.status_code is StatusCode.ERROR
        assert "79161234567" not in made.to_json()
        assert (made.attributes or {})[telemetry.ERROR_TYPE] == "Leak"
    assert spans.names == ["span", "batch"]


def test_a_refusal_is_an_answer_and_no_failure() -> None:
    with recorded_spans() as spans, pytest.raises(Conflict), telemetry.span("Command"):
        raise Conflict

    made = spans.one("Command")
    assert made.status.status_code is StatusCode.UNSET
    assert (made.attributes or {})[telemetry.ERROR_TYPE] == "Conflict"


def over(traceparent: str | None, **attributes: str) -> None:
    named = {key.replace("__", "."): each for key, each in attributes.items()}
    kind = telemetry.SpanKind.CLIENT
    telemetry.finished("over", named, kind=kind, duration_s=2, traceparent=traceparent)


def test_what_is_over_is_below_the_trace_that_it_belongs_to() -> None:
    with recorded_spans() as spans:
        over(traceparent(5))

    made = spans.one("over")
    assert (trace_of(made), parent_of(made)) == (hexadecimal(5), f"{5:016x}")
    assert made.start_time is not None
    assert made.end_time is not None
    assert made.end_time - made.start_time == 2_000_000_000


def test_what_the_trace_does_not_show_is_not_made_but_for_failures() -> None:
    with recorded_spans() as spans:
        over(traceparent(5, flags="00"))
        over(traceparent(6, flags="00"), error__type="timeout")

    assert [trace_of(each) for each in spans.all] == [hexadecimal(6)]


def test_a_batch_is_made_if_one_of_its_traces_is() -> None:
    with recorded_spans(ratio=0.0) as spans:
        for name, flags in (("yes", "01"), ("no", "00")):
            headers = [traceparent(1, flags="00"), traceparent(2, flags=flags)]
            with telemetry.batch(name, traceparents=headers) as batch:
                batch.add(1)
        with telemetry.span("no cause"):
            pass

    assert spans.names == ["yes"]


SLEEP = text("SELECT pg_sleep(0.12), CAST(:phone AS text)")


async def test_only_slow_statements_get_spans_and_without_their_values(
    catalog_database: PostgresDsn,
) -> None:
    with recorded_spans() as spans:
        async with database.connect(catalog_database) as pool, transaction(pool) as db:
            await db.execute(text("SELECT 1"))
            with telemetry.span("Command"):
                await db.execute(SLEEP, {"phone": "79161234567"})
            await database.fetch(db, "SELECT pg_sleep(0.12), $1::text", "79161234567")

    slow = spans.named("SELECT")
    assert len(slow) == 2
    assert trace_of(slow[0]) == trace_of(spans.one("Command"))
    for each in slow:
        assert (each.attributes or {})["db.system.name"] == "postgresql"
        assert "pg_sleep" in str((each.attributes or {})["db.query.text"])
        assert "79161234567" not in each.to_json()


async def test_a_statement_that_fails_shows_if_it_was_slow(
    catalog_database: PostgresDsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "SLOW_S", 0)
    with recorded_spans() as spans:
        async with database.connect(catalog_database) as pool:
            with pytest.raises(Unstorable):
                async with transaction(pool) as db:
                    await db.execute(text("SELECT 1/0"))

    [failed] = [each for each in spans.all if telemetry.ERROR_TYPE in (each.attributes or {})]
    assert "1/0" in str((failed.attributes or {})["db.query.text"])
    assert failed.status.status_code is StatusCode.ERROR


async def test_a_pool_is_not_watched_where_nothing_is_exported(catalog_pool: Pool) -> None:
    assert not catalog_pool.sync_engine.dispatch.after_cursor_execute
