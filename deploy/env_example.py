"""All settings of all services: `python -m deploy.env_example > .env.example`."""

import sys
from collections.abc import Iterator
from importlib import import_module

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from shared.settings import variable

SERVICES = ("catalog", "scheduler", "dispatcher", "stats")

HEAD = """\
# Every setting of every service, with its default; what has none is required.
# Made by `python -m deploy.env_example`; the reasons stand beside the fields in settings.py.
# Durations are ISO 8601, as in PT2S.
"""


def example() -> str:
    """Return the text of `.env.example`."""
    return HEAD + "".join(
        f"\n# {service}\n" + "".join(f"{line}\n" for line in _lines(service))
        for service in SERVICES
    )


def _lines(service: str) -> Iterator[str]:
    settings = import_module(f"services.{service}.settings").Settings
    for name, field in settings.model_fields.items():
        if field.is_required():
            yield "# required:"
        yield f"{variable(settings, name)}={_default(field)}"


def _default(field: FieldInfo) -> str:
    value = None if field.is_required() else to_jsonable_python(field.default)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.stdout.write(example())
