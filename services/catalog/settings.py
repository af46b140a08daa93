"""What the catalog reads from its environment, `CATALOG_…`."""

from datetime import timedelta
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.catalog.domain.contact_keys import ContactKeys
from services.catalog.domain.imports import IMPORTS_AT_ONCE, ImportLimits
from shared.kafka.topics import COMPACTION_LAG
from shared.link_settings import LinkSettings
from shared.setting_values import Duration, Keys, Port, keys_of


def _optional(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Bounces: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=1_000)] | None, BeforeValidator(_optional)
]


class Settings(LinkSettings):
    """What the catalog needs beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_")

    http_port: Port = 8001

    # How long an import whose process died still counts as running. A living one shows itself
    # every two seconds, and may once come too late.
    import_lease: Duration = Field(
        timedelta(seconds=15), ge=timedelta(seconds=4), le=timedelta(hours=1)
    )

    # More than these are answered 503 and may be sent again: all others wait for the same pool.
    imports_at_once: int = Field(IMPORTS_AT_ONCE, ge=1, le=100)

    # What one import may bring; more ends it. Clients with everything take some 200 bytes each.
    import_bytes_limit: int = Field(2 << 30, ge=1 << 20, le=1 << 50, description="unpacked")
    import_rows_limit: int = Field(10_000_000, ge=1, le=10**12)

    # Rejected rows of an import that are kept with line and reason; beyond, they are counted by
    # reason. And how long an import is known after its end: by its key, with its rejections.
    import_rejections_limit: int = Field(10_000, ge=1, le=1_000_000)
    import_retention: Duration = Field(
        timedelta(days=30), ge=timedelta(minutes=1), le=timedelta(days=3650)
    )

    # By these, contacts that are suppressed are compared without being shown: the newest first,
    # with commas between them. None: clients can be suppressed, but no contacts. An old key stays
    # behind the new one: what was suppressed by it can be found by nothing else.
    contact_keys: Keys = SecretStr("")

    # So many messages that a contact has refused for good suppress it; empty: none does. Each of
    # them is of another run.
    bounces: Bounces = 3

    # How long the log keeps what a later record replaces: topics are made with it, and erasing
    # goes by it. Topics that are there already keep what they have.
    compaction_lag: Duration = Field(
        COMPACTION_LAG, validation_alias="TOPIC_COMPACTION_LAG", ge=timedelta(seconds=1)
    )

    @property
    def keys_of_contacts(self) -> ContactKeys:
        """The keys of contacts."""
        return ContactKeys(keys_of(self.contact_keys.get_secret_value()))

    @property
    def limits(self) -> dict[str, int]:
        """What is taken at most, beside what no setting changes."""
        return {
            "import_bytes": self.import_bytes_limit,
            "import_rows": self.import_rows_limit,
            "import_rejections": self.import_rejections_limit,
            "imports_at_once": self.imports_at_once,
        }

    @property
    def import_limits(self) -> ImportLimits:
        """How much one import may bring."""
        return ImportLimits(
            bytes=self.import_bytes_limit,
            rows=self.import_rows_limit,
            rejections=self.import_rejections_limit,
        )
