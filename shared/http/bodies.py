"""The bodies of requests and answers: what all their models have in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class View(BaseModel):
    """What is shown of something."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
