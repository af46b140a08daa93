"""What services read from their environment."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_settings import SettingsConfigDict

from deploy.local.services import SERVICES, Addresses
from services.catalog.settings import Settings
from services.dispatcher.settings import Settings as DispatcherSettings
from services.scheduler.settings import Settings as SchedulerSettings
from services.stats.settings import Settings as StatsSettings
from shared.setting_values import Duration, TraceExport, duration_text
from shared.settings import ServiceSettings, read

ROOT = Path(__file__).parents[2]
KINDS: Mapping[str, type[ServiceSettings]] = {
    "CATALOG": Settings,
    "SCHEDULER": SchedulerSettings,
    "DISPATCHER": DispatcherSettings,
    "STATS": StatsSettings,
}
GOOD = {"KAFKA_SERVERS": "localhost:9092"} | {
    f"{name}_DATABASE_URL": "postgresql://c@host/catalog" for name in KINDS
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)  # where no `.env` of a developer is
    for name in [*os.environ]:
        if name.startswith((*(f"{each}_" for each in KINDS), "KAFKA_", "LOG_", "OTEL_")):
            monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refusal(capsys: pytest.CaptureFixture[str], kind: type[ServiceSettings]) -> str:
    with pytest.raises(SystemExit) as refused:
        read(kind)
    assert refused.value.code == 2
    assert refused.value.__suppress_context__  # no traceback would name the values either
    return capsys.readouterr().err


def test_what_is_left_out_has_its_default(given: pytest.MonkeyPatch) -> None:
    given.setenv("CATALOG_HTTP_PORT", "1")

    settings = read(Settings)

    assert (settings.http_port, settings.http_host) == (1, "127.0.0.1")
    assert settings.kafka_servers == GOOD["KAFKA_SERVERS"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CATALOG_DATABASE_URL", "postgresql://c:secret@host:port/c", "invalid port number"),
        ("CATALOG_HTTP_PORT", "secret", "a valid integer"),
        ("CATALOG_IMPORT_LEASE", "secret", "a valid timedelta"),
        ("CATALOG_IMPORT_LEASE", "PT3S", "greater than or equal to 4 seconds"),
        ("LOG_FORMAT", "secret", "'auto', 'json' or 'console'"),
    ],
)
def test_what_is_wrong_is_told_by_its_real_name_and_without_its_value(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, told: str
) -> None:
    given.setenv(name, value)

    said = refusal(capsys, Settings)

    assert said.count("\n") == 1
    assert said.startswith(f"{name}: ")
    assert told in said
    assert "secret" not in said


def test_what_is_wrong_with_several_together_is_told_in_our_words(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given.setenv("DISPATCHER_LEASE", "PT1S")

    said = refusal(capsys, DispatcherSettings)

    assert said == ("DISPATCHER_LEASE must outlast DISPATCHER_HTTP_GATEWAY_TIMEOUT by 0:00:02\n")


DURATIONS = {
    "CATALOG": (
        "HTTP_DRAIN",
        "OUTBOX_POLL_INTERVAL",
        "RELAY_LEASE",
        "LETTER_RETENTION",
        "IMPORT_LEASE",
        "IMPORT_RETENTION",
    ),
    "SCHEDULER": (
        "HTTP_DRAIN",
        "OUTBOX_POLL_INTERVAL",
        "RELAY_LEASE",
        "LETTER_RETENTION",
        "POLL_INTERVAL",
    ),
    "DISPATCHER": (
        *("HTTP_DRAIN", "OUTBOX_POLL_INTERVAL", "RELAY_LEASE", "LETTER_RETENTION", "LEASE"),
        *("BACKOFF_BASE", "BACKOFF_CAP", "HTTP_GATEWAY_TIMEOUT", "SMTP_GATEWAY_TIMEOUT"),
    ),
    "STATS": ("HTTP_DRAIN", "OUTBOX_POLL_INTERVAL", "RELAY_LEASE", "LETTER_RETENTION"),
}
NO_DURATIONS = (
    "",
    "0s",
    "PT0S",
    "0",
    "-1s",
    "-PT1S",
    "1ns",
    "15 apples",
    "15",
    "15",
    "inf",
    "nan",
    "9999d",
)
NO_PORTS = ("", "0", "-1", "65536", "99999", "80.5", "http", "tcp://10.0.0.1:80")
NO_HOSTS = ("", " ", "a b", "256.1.1.1", "1.2.3", "[::1]", "http://host", "host:80", "-", "a..b")
NO_SERVERS = ("", " ", ",", "a:1,,b:2", "a:0", "a:99999", "a:b", ":9092", "a b:1", "http://a:1")
NO_DATABASES = (
    *("", "host", "mysql://u@host/name", "postgresql://", "postgresql:///name"),
    *("postgresql://u@host", "postgresql://u@host/", "postgresql://u@host:0/name"),
    *("postgresql://u@host:99999/name", "postgresql://u@a:1,b:2/name"),
    *("postgresql://u@host/name?sslmode=require", "postgresql://u@host/name?ssl=perhaps"),
)
NO_URLS = (
    *(
        "",
        "gateway",
        "ftp://host/",
        "http://",
        "http:///messages",
        "http://host:0/",
        "http://a b/",
    ),
    *("http://host:99999/", "http://user:word@host/", "http://host/#part", "unix:///run/gateway"),
)
NO_MAIL_SERVERS = (
    *("", "mail.example", "mail.example:25", "http://mail.example", "smtp://", "smtp://h:0"),
    *("smtp://h:x", "smtp://h:99999", "smtp://u:p@h", "smtp://h/path", "smtp://h?x", "smtp://h h"),
)
NO_SENDERS = (
    *("", "Shop", "Shop <>", "@shop.example", "Shop <news@>", "news@shop.example, b@c.example"),
    *("news@shop.example\nBcc: all@shop.example", "Shop <news@shop.example> and more"),
)
WRONG = [
    *(
        (f"{s}_{n}", each)
        for s, names in DURATIONS.items()
        for n in names
        for each in NO_DURATIONS
    ),
    *((f"{service}_HTTP_PORT", each) for service in KINDS for each in NO_PORTS),
    *((f"{service}_HTTP_HOST", each) for service in KINDS for each in NO_HOSTS),
    *((f"{service}_DATABASE_URL", each) for service in KINDS for each in NO_DATABASES),
    *(("KAFKA_SERVERS", each) for each in NO_SERVERS),
    *(("LOG_FORMAT", each) for each in ("", "text")),
    *(("DISPATCHER_HTTP_GATEWAY_URL", each) for each in NO_URLS),
    *(("DISPATCHER_HTTP_GATEWAY_TOKEN", each) for each in ("", " ", "two words", "l\n", "\u00e9")),
    *(("DISPATCHER_HTTP_GATEWAY_CONNECTIONS", each) for each in ("", "0", "-64", "1e9", "99999")),
    *(
        (f"CATALOG_IMPORT_{limit}_LIMIT", each)
        for limit in ("BYTES", "ROWS", "REJECTIONS")
        for each in ("", "0", "-1", "1.5", "1e30", "9" * 30)
    ),
    *(("CATALOG_IMPORTS_AT_ONCE", each) for each in ("", "0", "-1", "1.5", "101")),
    *(("DISPATCHER_HTTP_GATEWAY_IDEMPOTENT", each) for each in ("", "perhaps")),
    *(("DISPATCHER_SMTP_GATEWAY_URL", each) for each in NO_MAIL_SERVERS),
    *(("DISPATCHER_SMTP_GATEWAY_FROM", each) for each in NO_SENDERS),
    *(("DISPATCHER_SMTP_GATEWAY_TLS", each) for each in ("", "tls", "true", "STARTTLS")),
    ("DISPATCHER_SMTP_GATEWAY_USER", ""),
    *(("DISPATCHER_SMTP_GATEWAY_CONNECTIONS", each) for each in ("", "0", "-64", "99999")),
    *(("DISPATCHER_LOG_GATEWAY_PATH", each) for each in ("", ".", "/", "nowhere/messages.log")),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_would_stop_or_harm_everything_is_refused_at_start(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    given.setenv(name, value)

    said = refusal(capsys, KINDS.get(name.partition("_")[0], Settings))

    assert said.count("\n") == 1
    assert said.startswith(f"{name}: ")
    assert len(said) > len(f"{name}: ") + 5  # and the reason


@pytest.mark.parametrize("service", KINDS)
def test_every_duration_of_every_service_is_in_that_table(service: str) -> None:
    fields = KINDS[service].model_fields

    assert {name.lower() for name in DURATIONS[service]} == {
        name
        for name, field in fields.items()
        if field.annotation is timedelta and field.validation_alias is None  # else of no service
    }


@pytest.mark.parametrize(
    ("service", "given_together", "reason"),
    [
        (
            "DISPATCHER",
            {"BACKOFF_BASE": "20s", "BACKOFF_CAP": "10s"},
            "DISPATCHER_BACKOFF_CAP must not be below DISPATCHER_BACKOFF_BASE",
        ),
        (
            "CATALOG",
            {"RELAY_LEASE": "2s", "OUTBOX_POLL_INTERVAL": "501ms"},
            "CATALOG_RELAY_LEASE must be four times as long as CATALOG_OUTBOX_POLL_INTERVAL",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(
    given: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    service: str,
    given_together: dict[str, str],
    reason: str,
) -> None:
    for name, value in given_together.items():
        given.setenv(f"{service}_{name}", value)

    assert reason in refusal(capsys, KINDS[service])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("CATALOG_HTTP_HOST", each) for each in ("0.0.0.0", "::", "::1", "localhost", "a_b.c")),  # noqa: S104
        *(("KAFKA_SERVERS", each) for each in ("kafka", "a:1, b:2", "[::1]:9092,1.2.3.4:5")),
        ("CATALOG_DATABASE_URL", "postgresql+asyncpg://u:p%40@[::1]:5432/name?ssl=verify-full"),
        ("CATALOG_HTTP_PORT", "65535"),
    ],
)
def test_what_is_unusual_but_right_is_taken(
    given: pytest.MonkeyPatch, name: str, value: str
) -> None:
    given.setenv(name, value)

    read(Settings)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("15s", 15), ("500ms", 0.5), ("2m", 120), ("1h", 3600), ("1d", 86_400)),
        *(
            ("1m30s", 90),
            ("1.5s", 1.5),
            ("PT15S", 15),
            ("PT1M30S", 90),
        ),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert TypeAdapter(Duration).validate_python(text) == timedelta(seconds=seconds)


@drawn(st.integers(min_value=1, max_value=10**9))
def test_a_duration_is_read_as_it_was_written(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)

    assert TypeAdapter(Duration).validate_python(duration_text(duration)) == duration


@pytest.mark.parametrize("service", KINDS)
@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("HTTP_PROT", "8001", "HTTP_PORT"),
        ("HTPP_PORT", "8001", "HTTP_PORT"),  # as Kubernetes' own are called, but not so filled
        ("RELAY_LEASES", "4s", "RELAY_LEASE"),
        ("OUTBOX_INTERVAL", "1s", "OUTBOX_POLL_INTERVAL"),
        ("COLOR", "blue", None),
        ("", "", None),
    ],
)
@pytest.mark.parametrize("is_in_file", [False, True])
def test_a_misspelled_name_is_refused_with_the_one_that_is_meant(  # noqa: PLR0913, PLR0917
    given: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    service: str,
    name: str,
    value: str,
    meant: str | None,
    is_in_file: bool,
) -> None:
    if is_in_file:
        Path(".env").write_text(f"{service}_{name}={value}\n")
    else:
        given.setenv(f"{service}_{name}", value)

    said = refusal(capsys, KINDS[service])

    hint = f"; {service}_{meant} is meant?" if meant else ""
    assert said == f"{service}_{name}: there is no such setting{hint}\n"


def test_all_that_is_wrong_is_told_at_once(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given.setenv("CATALOG_HTTP_PROT", "8001")
    given.setenv("CATALOG_HTTP_HOST", "")
    given.setenv("CATALOG_RELAY_LEASE", "0s")

    names = [line.partition(":")[0] for line in refusal(capsys, Settings).splitlines()]

    assert names == ["CATALOG_HTTP_PROT", "CATALOG_HTTP_HOST", "CATALOG_RELAY_LEASE"]


def test_a_setting_that_was_renamed_is_refused_with_its_successor(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Renamed(Settings):
        model_config = SettingsConfigDict(env_prefix="CATALOG_")
        successors: ClassVar[Mapping[str, str]] = MappingProxyType(
            {"OUTBOX_SHARDS": "set CATALOG_RELAY_LEASE"}
        )

    given.setenv("CATALOG_OUTBOX_SHARDS", "8")

    said = refusal(capsys, Renamed)

    assert said == "CATALOG_OUTBOX_SHARDS: it is no setting any more; set CATALOG_RELAY_LEASE\n"


@pytest.mark.parametrize("service", SERVICES)
def test_services_start_in_a_shell_that_has_the_addresses_of_all(
    given: pytest.MonkeyPatch, service: str
) -> None:
    ports = dict.fromkeys((*SERVICES, "dispatcher.2", "postgres", "kafka", "gateway"), 8001)
    for name, value in Addresses(ports, {}).for_people().items():
        given.setenv(name, value)

    settings = read(KINDS[service.upper()])

    assert settings.kafka_servers == "127.0.0.1:8001"


@pytest.mark.parametrize("service", KINDS)
def test_services_start_beside_others_in_kubernetes(
    given: pytest.MonkeyPatch, service: str
) -> None:
    for name in (service, f"{service}_DB", f"{service}_WEB_PUBLIC"):
        address = "10.0.0.1"
        given.setenv(f"{name}_SERVICE_HOST", address)
        given.setenv(f"{name}_SERVICE_PORT", "8001")
        given.setenv(f"{name}_SERVICE_PORT_HTTP", "8001")
        given.setenv(f"{name}_PORT", f"tcp://{address}:8001")
        given.setenv(f"{name}_PORT_8001_TCP", f"tcp://{address}:8001")
        given.setenv(f"{name}_PORT_8001_TCP_PROTO", "tcp")
        given.setenv(f"{name}_PORT_8001_TCP_PORT", "8001")
        given.setenv(f"{name}_PORT_8001_TCP_ADDR", address)

    read(KINDS[service])


def test_settings_come_from_the_file_unless_the_environment_has_them(
    given: pytest.MonkeyPatch,
) -> None:
    lines = ("CATALOG_HTTP_PORT=9001", "CATALOG_RELAY_LEASE=8s", "SCHEDULER_HTTP_PORT=9002", "X=1")
    Path(".env").write_text("\n".join(lines))
    given.setenv("CATALOG_RELAY_LEASE", "9s")

    settings = read(Settings)

    assert (settings.http_port, settings.relay_lease) == (9001, timedelta(seconds=9))


def test_a_file_that_is_no_text_is_refused(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".env").write_bytes(b"CATALOG_HTTP_PORT=\xff\n")

    assert given
    assert refusal(capsys, Settings) == ".env: it cannot be read as UTF-8 text\n"


DATABASE, KAFKA = "postgresql://user@host:port/name", "host:port,host:port"


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (["services.catalog"], {"CATALOG_DATABASE_URL": DATABASE, "KAFKA_SERVERS": KAFKA}),
        (["services.scheduler"], {"SCHEDULER_DATABASE_URL": DATABASE, "KAFKA_SERVERS": KAFKA}),
        (["services.dispatcher"], {"DISPATCHER_DATABASE_URL": DATABASE, "KAFKA_SERVERS": KAFKA}),
        (["services.stats"], {"STATS_DATABASE_URL": DATABASE, "KAFKA_SERVERS": KAFKA}),
        (["services.stats", "rebuild"], {"STATS_DATABASE_URL": DATABASE, "KAFKA_SERVERS": KAFKA}),
        (["shared.migrate", "stats"], {"STATS_DATABASE_URL": DATABASE}),
        (["shared.kafka.topics"], {"KAFKA_SERVERS": KAFKA}),
    ],
    ids=" ".join,
)
def test_a_command_says_which_settings_it_misses_and_ends(
    command: list[str], missing: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(  # noqa: S603 - modules of ours
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stderr.splitlines() == [
        f"{name}: it is missing; set it as in {hint}" for name, hint in missing.items()
    ]
    assert (done.stdout, done.returncode) == ("", 2)


@pytest.mark.parametrize(
    ("written", "kept"), [(None, None), ("", None), ("90d", timedelta(days=90))]
)
def test_finished_runs_are_kept_for_ever_unless_a_time_is_set(
    given: pytest.MonkeyPatch, written: str | None, kept: timedelta | None
) -> None:
    for name, value in GOOD.items():
        given.setenv(name, value)
    if written is not None:
        given.setenv("RUN_RETENTION", written)

    assert [read(kind).run_retention for kind in KINDS.values()] == [kept] * len(KINDS)


TOKEN = "0123456789abcdef" * 2


@pytest.mark.parametrize("name", KINDS)
def test_where_a_token_is_required_none_starts_without_it(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    given.setenv(f"{name}_API_TOKEN_REQUIRED", "true")

    said = refusal(capsys, KINDS[name])

    assert said.startswith(f"{name}_API_TOKEN is missing, and {name}_API_TOKEN_REQUIRED wants it")
    assert "SECRETS_DIR" in said
    given.setenv(f"{name}_API_TOKEN", "")
    assert refusal(capsys, KINDS[name]) == said


@pytest.mark.parametrize("name", KINDS)
def test_a_token_is_read_from_its_file_and_is_shown_nowhere(
    given: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / f"{name}_API_TOKEN").write_text(f"{TOKEN}\n")
    given.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    given.setenv(f"{name}_API_TOKEN_REQUIRED", "true")

    settings = read(KINDS[name])

    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == TOKEN
    assert TOKEN not in repr(settings) + str(settings.model_dump())


@pytest.mark.parametrize("token", ["short", f"{TOKEN} {TOKEN}", f"{TOKEN}\u00e4", f"={TOKEN}"])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    given.setenv("CATALOG_API_TOKEN", token)

    said = refusal(capsys, Settings)

    assert said.startswith("CATALOG_API_TOKEN: a token has 32 characters at least")
    assert token not in said


ENDPOINT, HEADERS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"


def test_traces_go_nowhere_unless_it_is_said_where(given: pytest.MonkeyPatch) -> None:
    assert read(Settings).trace_export is None

    given.setenv(ENDPOINT, " ")  # as compose passes on what is not set
    assert read(Settings).trace_export is None


def test_where_traces_go_is_set_by_the_names_of_opentelemetry(given: pytest.MonkeyPatch) -> None:
    given.setenv(ENDPOINT, "https://collector:4318")
    given.setenv(HEADERS, "authorization=Bearer%20secret")
    given.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    given.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4096")

    export = read(Settings).trace_export

    assert export == TraceExport(
        "https://collector:4318/", "authorization=Bearer%20secret", 0.25, 4096
    )
    assert "secret" not in repr(export)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ENDPOINT, "collector:4317"),
        (ENDPOINT, "grpc://collector:4317"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ],
)
def test_a_wrong_way_to_export_traces_is_refused(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    given.setenv(name, value)

    assert refusal(capsys, Settings).startswith(f"{name}: ")
