"""Parts of descriptions: what those of several kinds of gateways are made of."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    """A part of a description: what it does not know it refuses."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )


class SecretRef(Part):
    """Where a secret is read: a variable of the dispatcher's environment, or a file there."""

    env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", examples=["SMS_TOKEN"])
    file: str | None = Field(None, pattern=r"^/[^\x00]*$", examples=["/run/secrets/sms_token"])

    @model_validator(mode="after")
    def _is_one(self) -> "SecretRef":
        if (self.env is None) == (self.file is None):
            raise ValueError("it is either env, the name of a variable, or file, a path")
        return self
