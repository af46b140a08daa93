"""What a service says of itself: all that it is set to, and no secret."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tzdata
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from deploy.env_example import SERVICES
from services.catalog.settings import Settings as CatalogSettings
from services.dispatcher.settings import Settings as DispatcherSettings
from services.scheduler.settings import Settings as SchedulerSettings
from services.stats.settings import Settings as StatsSettings
from shared.database import Pool
from shared.event import Instant
from shared.http import Callers, create_app, describe_settings
from shared.http.about import shown
from shared.settings import ServiceSettings, read, variable
from shared.testing import FrozenClock, InMemoryEventStore

HIDDEN = "hide-me-"
KINDS: dict[str, type[ServiceSettings]] = {
    "catalog": CatalogSettings,
    "scheduler": SchedulerSettings,
    "dispatcher": DispatcherSettings,
    "stats": StatsSettings,
}


def is_secret(kind: type[BaseSettings], name: str) -> bool:
    """Return whether a setting's type says that it is one."""
    return "SecretStr" in str(kind.model_fields[name].annotation)


@pytest.fixture(params=SERVICES)
async def about(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    no_pool: Pool,
    now: Instant,
) -> AsyncIterator[tuple[ServiceSettings, AsyncClient]]:
    """Give a service with a secret in every setting that can hold one."""
    monkeypatch.chdir(tmp_path)
    name, kind = request.param.upper(), KINDS[request.param]
    monkeypatch.setenv("KAFKA_SERVERS", "kafka:9092")
    monkeypatch.setenv("MAILINGS_VERSION", "1.2.3")
    monkeypatch.setenv("RUN_RETENTION", "90d")
    monkeypatch.setenv(f"{name}_DATABASE_URL", f"postgresql://{HIDDEN}:{HIDDEN}@db:5433/mine")
    address = f"https://gateway.example.com/messages?key={HIDDEN}"
    monkeypatch.setenv("DISPATCHER_HTTP_GATEWAY_URL", address)
    for field in kind.model_fields:
        if is_secret(kind, field):
            monkeypatch.setenv(variable(kind, field), HIDDEN * 8)
    settings = read(kind)
    clock, store = FrozenClock(now), InMemoryEventStore()
    callers = Callers(token=settings.api_token)
    app = create_app(request.param, [], no_pool, clock, store, callers=callers)
    describe_settings(app, settings)
    headers = {"Authorization": f"Bearer {HIDDEN * 8}"}
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://localhost", headers=headers
    ) as client:
        yield settings, client


async def test_all_settings_are_shown_and_no_secret_is(
    about: tuple[ServiceSettings, AsyncClient],
) -> None:
    settings, client = about

    response = await client.get("/v1/about")

    assert response.status_code == 200
    assert HIDDEN not in response.text
    found = response.json()["settings"]
    kind = type(settings)
    assert set(found) == {variable(kind, name) for name in kind.model_fields}
    assert found["RUN_RETENTION"] == "90d"
    assert found[variable(kind, "database_url")] == "postgresql://db:5433/mine"
    secrets = {variable(kind, name) for name in kind.model_fields if is_secret(kind, name)}
    assert {name for name, value in found.items() if value == "(set)"} == secrets


async def test_it_says_which_release_it_is_and_what_time_it_has(
    about: tuple[ServiceSettings, AsyncClient],
) -> None:
    _, client = about

    found = (await client.get("/v1/about")).json()

    assert found["version"] == "1.2.3"
    assert found["tzdata"] == tzdata.IANA_VERSION
    assert {"token", "retention"} <= set(found["features"])
    assert found["limits"]["body_bytes"] == 1_048_576
    time = datetime.fromisoformat(found["time"])
    assert datetime.fromisoformat(found["started_at"]) <= time
    assert abs(datetime.now(UTC) - time) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (SecretStr(HIDDEN), "(set)"),
        (timedelta(minutes=10), "10m"),
        (True, "true"),
        (8001, "8001"),
        ("a,b", "a,b"),
        (Path("messages.log"), "messages.log"),
        ("https://user:hide@host:1/path?hide#hide", "https://host:1/path"),
    ],
)
def test_a_setting_is_shown_as_it_is_written(value: object, text: str | None) -> None:
    assert shown(value) == text
