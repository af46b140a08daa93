"""What stats reads from its environment, `STATS_…`."""

from pydantic_settings import SettingsConfigDict

from shared.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    """Stats needs nothing beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="STATS_")

    http_port: Port = 8004
