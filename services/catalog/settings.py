"""What the catalog reads from its environment, `CATALOG_…`."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The catalog needs nothing beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_")

    http_port: int = 8001
