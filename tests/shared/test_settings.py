"""What services read from their environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.catalog.settings import Settings
from services.dispatcher.settings import Settings as DispatcherSettings
from shared.settings import read

ROOT = Path(__file__).parents[2]
GOOD = {"KAFKA_SERVERS": "localhost:9092", "CATALOG_DATABASE_URL": "postgresql://c@host/catalog"}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refusal(capsys: pytest.CaptureFixture[str], kind: type[Settings | DispatcherSettings]) -> str:
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
    given.setenv("DISPATCHER_DATABASE_URL", GOOD["CATALOG_DATABASE_URL"])
    given.setenv("DISPATCHER_LEASE", "PT1S")

    said = refusal(capsys, DispatcherSettings)

    assert said == ("DISPATCHER_LEASE must outlast DISPATCHER_HTTP_GATEWAY_TIMEOUT by 0:00:02\n")


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
    command: list[str], missing: dict[str, str]
) -> None:
    done = subprocess.run(  # noqa: S603 - modules of ours
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stderr.splitlines() == [
        f"{name}: it is missing; set it as in {hint}" for name, hint in missing.items()
    ]
    assert (done.stdout, done.returncode) == ("", 2)
