"""What a service reads that makes or reads unsubscribe links."""

from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from shared.setting_values import Keys, keys_of
from shared.settings import ServiceSettings
from shared.unsubscribe import Links, base_address


def _optional(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


BaseAddress: TypeAlias = Annotated[
    Annotated[str, AfterValidator(base_address)] | None, BeforeValidator(_optional)
]


class LinkSettings(ServiceSettings):
    """Settings that all services with links share."""

    # Under which address the catalog's /u/ is reached from outside, as https://mail.shop.example;
    # empty: mails have no links, and no text may name {{ unsubscribe_url }}. The keys sign links,
    # the newest first, with commas between them: a link works as long as its key is among them.
    unsubscribe_url: BaseAddress = Field(None, validation_alias="UNSUBSCRIBE_URL")
    unsubscribe_keys: Keys = Field(SecretStr(""), validation_alias="UNSUBSCRIBE_KEYS")

    @property
    def links(self) -> Links | None:
        """What makes and reads unsubscribe links; None: nothing does."""
        if self.unsubscribe_url is None:
            return None
        return Links(self.unsubscribe_url, keys_of(self.unsubscribe_keys.get_secret_value()))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return all names that are set, and that of links."""
        named = urlsplit(self.unsubscribe_url or "").hostname
        return (*super().hosts, *([named] if named else []))

    @property
    def features(self) -> tuple[str, ...]:
        """What is switched on."""
        return (*super().features, *(["unsubscribe"] if self.unsubscribe_url else []))

    @model_validator(mode="after")
    def _has_keys_of_links(self) -> "LinkSettings":
        if self.unsubscribe_url and not self.unsubscribe_keys.get_secret_value().strip():
            raise ValueError(
                "UNSUBSCRIBE_KEYS is missing, and UNSUBSCRIBE_URL wants it "
                "(`openssl rand -hex 32` makes one)"
            )
        return self
