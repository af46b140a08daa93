"""The doors to the page: two processes of Caddy, of which only the public one may be exposed."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.home import PROJECT, Home
from deploy.local.part import Part
from deploy.local.ports import HOST
from deploy.local.probe import answers_http
from deploy.local.process import Command

WEB, ADMIN = "web", "admin"
DOORS = (WEB, ADMIN)
KIND = {WEB: "public", ADMIN: "admin"}
UPSTREAMS = ("catalog", "scheduler", "dispatcher", "stats")
CADDY = Path(sys.executable).with_name("caddy")  # its package puts it beside Python
NOBODY = f"{HOST}:1"  # of a service that does not run here

# Streams end with stats, or with the door's grace period of 5 s.
STOP_WITHIN_S = 8.0


def shown(home: Home) -> Path:
    """Return what the doors show: a link to a build of the page."""
    return home.path / "run" / "page"


def door(home: Home, name: str, ports: Mapping[str, int]) -> Part:
    """Describe a door; `ports` are those of all parts that run here."""
    upstreams = {
        each.upper(): f"{HOST}:{ports[each]}" if each in ports else NOBODY for each in UPSTREAMS
    }
    own = {
        "DOOR": KIND[name],
        "WEB_ROOT": str(shown(home)),
        f"{name.upper()}_PORT": str(ports[name]),
        "XDG_DATA_HOME": str(home.path / "run" / name),
        "XDG_CONFIG_HOME": str(home.path / "run" / name),
    }

    async def is_ready() -> bool:
        return await answers_http(ports[name], "/livez")

    return Part(
        name=name,
        command=Command(
            arguments=[
                str(CADDY),
                "run",
                "--config",
                str(PROJECT / "deploy" / "web" / "Caddyfile"),
                "--adapter",
                "caddyfile",
            ],
            log=home.log(name),
            environment={**os.environ, **upstreams, **own},
            folder=PROJECT,
        ),
        is_ready=is_ready,
        stop_within_s=STOP_WITHIN_S,
        ready_within_s=30.0,
    )
