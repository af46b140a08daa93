"""What a service says of itself: its release, what it is set to, and what time it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

from fastapi import Request
from pydantic import Field, SecretStr
from pydantic_core import to_jsonable_python as plain

from shared.event import Instant
from shared.http.bodies import View
from shared.http.pages import LARGEST_PAGE
from shared.http.requests import BODY_LIMIT_BYTES
from shared.http.routing import strict_router
from shared.schedule import tzdata_version
from shared.setting_values import duration_text
from shared.settings import ServiceSettings, variable

IS_SET = "(set)"  # what is shown of a secret

router = strict_router("/v1/about", "about")


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while a process runs."""

    version: str = "dev"
    features: Sequence[str] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, str | None] = field(default_factory=dict)
    started_at: Instant = field(default_factory=lambda: datetime.now(UTC))


class AboutView(View):
    """A service: its release, and what the process that answers is set to."""

    service: str = Field(examples=["catalog"])
    version: str = Field(description="Of the release, as its image says.", examples=["1.2.0"])
    tzdata: str = Field(
        description="Release of the time zones that local times are computed with.",
        examples=["2026f"],
    )
    started_at: Instant
    time: Instant = Field(description="What the clock of its machine says.")
    features: list[str] = Field(description="What is switched on.", examples=[["token"]])
    limits: dict[str, int] = Field(
        description="What is taken at most.", examples=[{"body_bytes": BODY_LIMIT_BYTES}]
    )
    settings: dict[str, str | None] = Field(
        description=f"All settings, as they are in force; of a secret only that it is {IS_SET}.",
        examples=[{"LOG_FORMAT": "auto"}],
    )


@router.get("", operation_id="get_about")
async def about(request: Request) -> AboutView:
    """Show the release, the settings in force and the clock; this depends on nothing else."""
    found = cast("About", request.app.state.about)
    return AboutView(
        service=request.app.title,
        version=found.version,
        tzdata=tzdata_version(),
        started_at=found.started_at,
        time=datetime.now(UTC),
        features=[*found.features],
        limits=dict(found.limits),
        settings=dict(found.settings),
    )


def about_of(settings: ServiceSettings, at_once: int) -> About:
    """Return what a service says of itself, without any secret."""
    limits = {
        "body_bytes": BODY_LIMIT_BYTES,
        "page_items": LARGEST_PAGE,
        "requests_at_once": at_once,
    }
    kind = type(settings)
    return About(
        version=settings.version,
        features=settings.features,
        limits=limits | settings.limits,
        settings={
            variable(kind, name): shown(getattr(settings, name)) for name in kind.model_fields
        },
    )


def shown(value: object) -> str | None:
    """Return the value of a setting as people write it; of a secret only that there is one."""
    match value:
        case None:
            return None
        case SecretStr():
            return IS_SET if value.get_secret_value() else None
        case timedelta():
            return duration_text(value)
        case bool():
            return str(value).lower()
        case _ if "://" in str(value):
            return _without_secrets(str(value))
        case _:
            return str(plain(value))


def _without_secrets(url: str) -> str:
    """Return an address without accounts, passwords and what stands behind its `?`."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{hosts}{parts.path}"
