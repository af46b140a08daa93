"""Parameters of all services' requests: a filter that is empty would restrict nothing."""

from datetime import UTC, datetime
from importlib import import_module
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient

from shared.database import Pool
from shared.http import create_app
from shared.testing import FrozenClock, InMemoryEventStore

SERVICES = ("catalog", "scheduler", "dispatcher", "stats")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("empty", ["", " ", "%20%09", "%00"])
async def test_no_parameter_of_any_request_may_be_empty(
    no_pool: Pool, service: str, empty: str
) -> None:
    routers = import_module(f"services.{service}.routes").routers
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    app = create_app(service, routers, no_pool, clock, InMemoryEventStore())
    asked = [
        (method.upper(), path.replace("{", "").replace("}", ""), parameter["name"])
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    ]
    names = ("mailing_id", "client_id", "import_id", "run_id", "message_id")

    assert asked
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as http:
        for method, path, name in asked:
            for each in names:
                path = path.replace(f"/{each}", f"/{UUID(int=1)}")  # noqa: PLW2901
            response = await http.request(method, f"{path}?{name}={empty}")

            assert response.status_code == 422, (method, path, name)
            assert f"/{name}" in {each["pointer"] for each in response.json()["errors"]}
