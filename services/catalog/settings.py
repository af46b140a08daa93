"""What the catalog reads from its environment, `CATALOG_…`."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Duration, Port, ServiceSettings


class Settings(ServiceSettings):
    """What the catalog needs beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_")

    http_port: Port = 8001

    # How long an import whose process died still counts as running. A living one shows itself
    # every two seconds, and may once come too late.
    import_lease: Duration = Field(
        timedelta(seconds=15), ge=timedelta(seconds=4), le=timedelta(hours=1)
    )
