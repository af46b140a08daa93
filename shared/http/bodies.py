"""The bodies of requests and answers: what all their models have in common."""

import re
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

from shared.event import Instant
from shared.phone import LONGEST, normalized

NUMBER = re.compile(r"\s*[-+]?[\d._]+(?:e[-+]?\d+)?\s*", re.IGNORECASE)


def _written(value: object) -> object:
    """Take a date-time as people write it; pydantic would take a number for seconds as well."""
    if not isinstance(value, str) or NUMBER.fullmatch(value):
        raise PydanticKnownError("datetime_type")
    return value


WrittenInstant: TypeAlias = Annotated[Instant, BeforeValidator(_written)]


WrittenPhone: TypeAlias = Annotated[str, AfterValidator(normalized)]  # what is none stays, refused


PHONE_WRITTEN = "As people write it, as in +7 (916) 123-45-67; kept as 79161234567."
PHONE_LENGTH = LONGEST


def declared(**limits: int | str) -> dict[str, Any]:
    """Return how a field declares limits that its domain checks, and says more about.

    As `json_schema_extra`: `declared(maxLength=200)`.
    """
    return {**limits}


class Body(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Moving(Body):
    """Who moves a switch, as they name themselves."""

    by: str | None = Field(
        None,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="A name that is shown beside the switch.",
        examples=["anna"],
    )


def name_of(body: Moving | None) -> str | None:
    """Return who moves a switch; None if they did not say."""
    return None if body is None else body.by


class View(BaseModel):
    """What is shown of something."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
