"""A real Prometheus scrapes the real stack: what rules and dashboards ask for is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.observability.files import RULES
from shared.testing import eventually
from tests.deploy.prometheus import expressions, names_in, tool
from tests.e2e.outside import Platform, new_tag

SERVICES = ("catalog", "scheduler", "dispatcher", "stats")
# Series that are there only once something has failed, or been asked for by hand.
OF_FAILURES = {"process_stopped", "kafka_dead_letters_total", "kafka_rewinds_total"}
OF_FAILURES |= {"leases_reaped_total"}
QUIET_TARGET = "127.0.0.1:1"  # nobody is there: as a service that is down

pytestmark = pytest.mark.skipif(
    tool("prometheus") is None, reason="no prometheus on the path, nor does PROMETHEUS name it"
)


class Prometheus:
    """A Prometheus at an address."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, path: str, **parameters: str) -> Any:
        answer = await self.http.get(f"/api/v1/{path}", params=parameters)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    async def names(self) -> set[str]:
        return set(await self.ask("label/__name__/values"))

    async def firing(self) -> set[str]:
        alerts = (await self.ask("alerts"))["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}


@asynccontextmanager
async def running(folder: Path, port: int, platform: Platform) -> AsyncIterator[Prometheus]:
    """Run Prometheus over the services, and over one that is down; alerts do not wait."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [target]}]}
            for name, target in [
                *((s, platform.env[f"{s.upper()}_URL"].split("//")[1]) for s in SERVICES),
                ("stats-replica", QUIET_TARGET),
            ]
        ],
    }
    config["scrape_configs"][-1]["relabel_configs"] = [  # type: ignore[index]
        {"target_label": "job", "replacement": "stats"}
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    rules = yaml.safe_load(RULES.read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        rule.pop("for", None)
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    address = f"127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        str(tool("prometheus")),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as http:

            async def is_ready() -> bool:
                try:
                    return (await http.get("/-/ready")).is_success
                except httpx.TransportError:
                    return False

            await eventually(is_ready, within=120)
            yield Prometheus(http)
    finally:
        process.terminate()
        await process.wait()


async def test_what_rules_and_dashboards_ask_for_is_there_and_an_alert_fires(
    platform: Platform, tmp_path: Path, free_tcp_port: int
) -> None:
    async with running(tmp_path, free_tcp_port, platform) as prometheus:
        tag = new_tag()
        await platform.import_clients(200, tag=tag, first=9_195_000_000)
        run = await platform.finished(await platform.create_mailing(tag=tag))
        await platform.statistics_equal_the_ledger(run)
        read = {name for _, expr in expressions() for name in names_in(expr)} - OF_FAILURES
        wanted = {name for name in read if ":" not in name}  # what rules record needs rates

        async def all_are_there() -> bool:
            return wanted <= await prometheus.names()

        async def is_down() -> bool:
            return "ServiceDown" in await prometheus.firing()

        await eventually(all_are_there, within=60)
        await eventually(is_down, within=120)

        for place, expr in expressions():
            query = expr.replace("$__rate_interval", "1m")
            assert "result" in await prometheus.ask("query", query=query), place
        assert await prometheus.firing() == {"ServiceDown"}
