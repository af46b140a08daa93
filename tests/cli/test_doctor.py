"""The doctor: what it finds in what services answer, and what it says to do."""

import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from cli import Exit, checks, deployment
from cli.checks import findings
from cli.deployment import Seen, read_samples
from shared.telemetry.registry import METRICS as METRICS_OF_SERVICES
from tests.cli.conftest import Answer, Json, Mailings, Services

Change: TypeAlias = Callable[[Services], None]

METRICS = """\
# HELP process_stopped_ratio of a part
process_stopped{part="ledger"} 0.0
dispatcher_attempts_total{gateway="http",outcome="accepted"} 80.0
dispatcher_attempts_total{gateway="http",outcome="unknown"} 5.0
"""


def about(**changes: Any) -> Json:
    now = datetime.now(UTC)
    found = {
        "service": "catalog",
        "version": "1.2.0",
        "tzdata": "2026f",
        "started_at": now.isoformat(),
        "time": now.isoformat(),
        "features": [],
        "limits": {},
        "settings": {"KAFKA_SERVERS": "kafka:9092", "RUN_RETENTION": None},
    }
    return found | changes


@pytest.fixture
def well(services: Services) -> Services:
    """Give services that are well."""
    for path in ("/livez", "/readyz"):
        services.answers[path] = [Answer(204, b"")]
    services.answers["/metrics"] = [Answer(200, METRICS.encode(), "text/plain")]
    services.answer("/v1/about", about())
    services.answer("/v1/totals", {"as_of": datetime.now(UTC).isoformat(), "lag_s": 0.4})
    services.answer("/v1/gateways", {"items": [], "next_cursor": None})
    return services


@pytest.mark.usefixtures("well")
def test_of_a_deployment_that_is_well_nothing_is_found(mailings: Mailings) -> None:
    result = mailings("doctor")

    assert result.code == Exit.OK
    assert "Nothing is wrong." in result.out
    for service in ("catalog", "scheduler", "dispatcher", "stats"):
        assert service in result.out


def hangs(services: Services) -> None:
    problem = {"title": "A loop hangs.", "errors": [{"pointer": "", "detail": "relay: 55 s"}]}
    services.refuse("/livez", 503, **problem)


def is_not_ready(services: Services) -> None:
    problem = {"title": "It stopped.", "errors": [{"pointer": "", "detail": "ledger: restored"}]}
    services.refuse("/readyz", 503, **problem)


def wants_a_token(services: Services) -> None:
    services.refuse("/v1/about", 401, title="This service wants its token.")


def is_old(services: Services) -> None:
    services.refuse("/v1/about", 404, title="Not Found")


def has_another_release(services: Services) -> None:
    services.answer("/v1/about", about(), about(version="1.3.0"))


def has_other_time_zones(services: Services) -> None:
    services.answer("/v1/about", about(), about(tzdata="2027a"))


def is_set_otherwise(services: Services) -> None:
    other = about(settings={"KAFKA_SERVERS": "kafka:9092", "RUN_RETENTION": "90d"})
    services.answer("/v1/about", about(), other)


def has_another_clock(services: Services) -> None:
    services.answer("/v1/about", about(time=(datetime.now(UTC) - timedelta(hours=1)).isoformat()))


def knows_no_age(services: Services) -> None:
    services.answer("/v1/totals", {"as_of": None, "lag_s": None})


def is_behind(services: Services) -> None:
    services.answer("/v1/totals", {"as_of": "2026-01-01T00:00:00Z", "lag_s": 600.0})


def measures(line: str) -> Change:
    def change(services: Services) -> None:
        services.answers["/metrics"] = [Answer(200, line.encode(), "text/plain")]

    return change


def has_gateways(services: Services, *gateways: Json) -> None:
    services.answer("/v1/gateways", {"items": list(gateways), "next_cursor": None})


def gateway_fails(services: Services) -> None:
    answers = {"accepted": 4, "refused": 1, "not_processed": 10, "unknown": 5}
    has_gateways(
        services,
        {"name": "http", "together": {"answers": answers}, "replicas": []},
        {"name": "log", "together": {"answers": answers | {"accepted": 14}}, "replicas": []},
        {"name": "of an older release"},
    )


def replica_is_silent(services: Services) -> None:
    replica = {
        "replica": "dispatcher-0",
        "replica_id": "1",
        "reported_at": "2026-01-01T12:00:00Z",
        "is_stale": True,
    }
    gateways = ({"name": each, "replicas": [replica]} for each in ("http", "log"))
    has_gateways(services, *gateways)


def lags(*, records: int, seconds: float) -> str:
    """Return what a consumer shows that is furthest behind in the first of its topics."""
    return "".join(
        f'kafka_consumer_lag{{consumer="stats",topic="{topic}"}} {records - number}\n'
        f'kafka_consumer_delay_seconds{{consumer="stats",topic="{topic}"}} {seconds - number}\n'
        for number, topic in enumerate(("catalog.mailings", "scheduler.runs"))
    )


@pytest.mark.parametrize(
    ("change", "code", "what", "advice"),
    [
        (hangs, 1, "error catalog: relay: 55 s", "loop.hung"),
        (is_not_ready, 1, "error dispatcher: ledger: restored", "do what it says"),
        (wants_a_token, 1, "error stats: This service wants its token.", "MAILINGS_TOKEN_FILE"),
        (is_old, 0, "warning catalog: it is of a release without /v1/about", "up to date"),
        (has_another_release, 0, "warning all: releases differ: ", "finish the rollout"),
        (has_other_time_zones, 0, "warning all: time zones differ: ", "finish the rollout"),
        (is_set_otherwise, 1, "error all: RUN_RETENTION differs: ", "the same"),
        (has_another_clock, 0, "warning catalog: its machine's clock is 3600.", "NTP"),
        (knows_no_age, 0, "warning stats: how old figures are is not known", "reach Kafka"),
        (is_behind, 1, "error stats: figures are 10 min 0 s old", "who is behind"),
        (
            measures("outbox_as_of_timestamp_seconds 1.0\n"),
            0,
            "warning catalog: what its outbox holds is",
            "Kafka",
        ),
        (
            measures(lags(records=40, seconds=16)),
            0,
            "warning stats: consumer stats is 16 s and 40 records behind in catalog.mailings",
            "whether that shrinks",
        ),
        (
            measures(lags(records=7_000, seconds=121)),
            1,
            "error stats: consumer stats is 2 min 1 s and 7,000 records behind",
            "ConsumerBehind.md",
        ),
        (
            measures("kafka_dead_letters_stored 2.0\n"),
            0,
            "warning catalog: 2 records could not be applied",
            "shared.kafka letters catalog",
        ),
        (
            measures("outbox_unpublished 1.0\n"),
            0,
            "warning scheduler: 1 events were refused by Kafka",
            "shared.outbox letters scheduler",
        ),
        (
            measures("stats_runs_differing 3.0\n"),
            1,
            "error stats: the figures of 3 runs",
            "rebuild",
        ),
        (
            gateway_fails,
            0,
            "warning dispatcher: gateway http did not take 75% of 20 attempts",
            "address, token",
        ),
        (
            replica_is_silent,
            0,
            "warning dispatcher: replica dispatcher-0 reports nothing since 2026-01-01T12:00:00Z",
            "others have its work",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    well: Services, mailings: Mailings, change: Change, code: int, what: str, advice: str
) -> None:
    change(well)

    result = mailings("doctor")

    assert result.code == code, result.out
    assert what in result.out
    assert advice in result.out.partition(what)[2].splitlines()[1]


@pytest.mark.usefixtures("well")
def test_a_service_that_is_away_is_named_and_the_others_are_checked(
    mailings: Mailings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATS_URL", "http://127.0.0.1:1")

    result = mailings("doctor", "--json")

    assert result.code == Exit.ERROR
    [found] = result.json["findings"]
    assert (found["service"], found["check"], found["severity"]) == ("stats", "reachable", "error")
    assert "STATS_URL" in found["advice"]
    ready = {each["service"]: each["is_ready"] for each in result.json["services"]}
    assert ready == {"catalog": True, "scheduler": True, "dispatcher": True, "stats": False}


def test_how_far_each_consumer_is_behind_is_shown(well: Services, mailings: Mailings) -> None:
    measures(lags(records=1_235, seconds=2.0))(well)

    found = mailings("doctor").out.splitlines()
    of_programs = mailings("doctor", "--json").json["consumers"]

    assert [line.split() for line in found if "2,469" in line][3] == [
        *("stats", "stats", "2,469", "2", "s")
    ]
    assert of_programs[6] == {
        "service": "stats",
        "consumer": "stats",
        "topic": "catalog.mailings",
        "records": 1_235,
        "behind_s": 2.0,
    }
    assert "Nothing is wrong." in "\n".join(found)


def test_the_doctor_asks_for_series_that_exist() -> None:
    names = {name for metric in METRICS_OF_SERVICES.values() for name in metric.series}
    text = "".join(inspect.getsource(module) for module in (checks, deployment))

    asked = set(re.findall(r'"((?:outbox|kafka|loop|stats|dispatcher)_[a-z_]+)"', text))

    assert len(asked) >= 7
    assert asked - names == set()


@pytest.mark.usefixtures("well")
def test_programs_get_everything(mailings: Mailings) -> None:
    result = mailings("doctor", "--output", "json")

    assert result.json["is_well"] is True
    assert result.json["findings"] == []
    assert {each["version"] for each in result.json["services"]} == {"1.2.0"}
    assert mailings("doctor", "--json").json.keys() == result.json.keys()


def test_what_an_answer_lacks_is_no_error_of_the_doctor(
    well: Services, mailings: Mailings
) -> None:
    for path in ("/v1/about", "/v1/totals", "/v1/gateways"):
        well.answers[path] = [Answer(200, b"<html>a proxy</html>", "text/html")]
    well.answers["/readyz"] = [Answer(502, b"<html>a proxy</html>", "text/html")]

    result = mailings("doctor")

    assert result.code == Exit.ERROR
    assert "it answers 502" in result.out


def test_a_service_that_does_not_answer_whether_it_is_ready_is_not() -> None:
    now = datetime.now(UTC)
    alive = deployment.Answer(204, {}, "", now, now)
    seen = Seen("catalog", "http://localhost:1", answers={"/livez": alive})

    assert [(each.check, each.what) for each in findings([seen])] == [
        ("ready", "it does not answer /readyz")
    ]


def test_an_open_service_is_found_where_others_can_reach_it() -> None:
    def seen(address: str, features: list[str]) -> Seen:
        from cli.deployment import Answer as Given  # noqa: PLC0415 - another kind of answer

        now = datetime.now(UTC)
        answers = dict.fromkeys(("/livez", "/readyz"), Given(204, {}, "", now, now))
        answers["/v1/about"] = Given(200, about(features=features), "", now, now)
        return Seen("catalog", address, answers=answers)

    def checks(address: str, features: list[str]) -> list[str]:
        return [each.check for each in findings([seen(address, features)])]

    assert checks("https://mailings.example.com", []) == ["token"]
    assert checks("https://mailings.example.com", ["token"]) == []
    assert checks("http://127.0.0.1:8001", []) == []
    assert checks("http://localhost:8001", []) == []


def test_metrics_are_read_as_prometheus_writes_them() -> None:
    text = '# TYPE a gauge\na 1.0\na{b="c,\\"d\\"",e="f"} 2.5e3\nnonsense\na{b="c"} NaN x\n\n'

    found = read_samples(text)

    assert found.of("a") == [({}, 1.0), ({"b": 'c,\\"d\\"', "e": "f"}, 2500.0)]
    assert found.sum_of("none") == 0
