"""Metrics of HTTP: by the route's template, so that no path and no method makes a new series."""

import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from shared.telemetry.registry import METRICS

# In a process of its own: it is set up once.
ASKED = """
import asyncio, sys
import httpx
from shared import telemetry
from shared.http import describe

telemetry.configure("test", "json")
app = describe("test", [])

async def ask():
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    for number in range(50):
        await client.get(f"/v1/nothing/{number}")
        await client.request(f"ODD{number}", "/openapi.json")
    await client.get("/openapi.json")
    await client.get("/metrics")

asyncio.run(ask())
sys.stdout.buffer.write(telemetry.exposition())
"""
DURATION = METRICS["http.server.request.duration"]


def test_series_of_http_are_bounded_and_named_by_the_conventions() -> None:
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", ASKED],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    [family] = [
        each
        for each in text_string_to_metric_families(done.stdout)
        if each.name == DURATION.prometheus_name
    ]
    counts = [each for each in family.samples if each.name.endswith("_count")]
    routes = {
        (each.labels["http_request_method"], each.labels.get("http_route", "")): each.value
        for each in counts
    }
    assert routes == {
        ("GET", ""): 50,
        ("_OTHER", "/openapi.json"): 50,
        ("GET", "/openapi.json"): 1,
    }
    bounds = {each.labels["le"] for each in family.samples if each.name.endswith("_bucket")}
    assert bounds == {*map(str, DURATION.bounds), "+Inf"}
