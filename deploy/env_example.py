"""All settings there are: `python -m deploy.env_example > .env.example`."""

import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from pydantic_settings import BaseSettings

from shared.kafka import topics
from shared.setting_values import duration_text
from shared.settings import variable

SERVICES = ("catalog", "scheduler", "dispatcher", "stats")

COMPOSE = Path(__file__).parent / "docker-compose.yml"
# What the file of compose alone reads, with its default.
OF_COMPOSE = re.compile(r"\$\{(?P<name>MAILINGS_[A-Z_]+):?-(?P<default>[^}]*)\}")

HEAD = """\
# Every setting of every service. Copy this file to `.env` beside it, and change what you need:
# services, `./mailings up` and `docker compose` read it there; what the environment has wins.
# What is commented out shows its default; the rest is required (`./mailings up` and compose
# find it out).
# Durations are such as 500ms, 15s, 2m, 1h, or ISO 8601. The reasons stand in settings.py.
# Made by `python -m deploy.env_example`.
"""


def example() -> str:
    """Return the text of `.env.example`."""
    sections = {
        service: dict(_lines(import_module(f"services.{service}.settings").Settings))
        for service in SERVICES
    }
    shared = set.intersection(*(set(lines) for lines in sections.values()))
    sections = {"all services": sections[SERVICES[0]], **sections}
    sections = {
        name: {
            variable: line
            for variable, line in lines.items()
            if (variable in shared) == (name == "all services")
        }
        for name, lines in sections.items()
    }
    known = {variable for lines in sections.values() for variable in lines}
    sections["topics, when they are made"] = {
        name: line for name, line in _topics().items() if name not in known
    }
    sections["containers, for docker compose alone"] = {
        name: line for name, line in compose_settings().items() if name not in shared
    }
    return HEAD + "".join(
        f"\n# {name}\n" + "".join(f"{line}\n" for line in lines.values())
        for name, lines in sections.items()
    )


def _topics() -> dict[str, str]:
    """Return the settings of topics that no service has."""
    return {name: line for name, line in _lines(topics.Settings) if name != "KAFKA_SERVERS"}


def compose_settings() -> dict[str, str]:
    """Return what only the file of compose reads, each with its line."""
    found = OF_COMPOSE.finditer(COMPOSE.read_text(encoding="utf-8"))
    return {each["name"]: f"# {each['name']}={each['default']}" for each in found}


def _lines(settings: type[BaseSettings]) -> Iterator[tuple[str, str]]:
    """Give each variable with its line."""
    for name, field in settings.model_fields.items():
        key = variable(settings, name)
        yield key, f"{key}=" if field.is_required() else f"# {key}={_default(field)}"


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, timedelta):
        return duration_text(value)
    value = to_jsonable_python(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.stdout.write(example())
