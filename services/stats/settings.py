"""What stats reads from its environment, `STATS_…`."""

from pydantic_settings import SettingsConfigDict

from shared.setting_values import Port
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of stats: only those that every service has."""

    model_config = SettingsConfigDict(env_prefix="STATS_")

    http_port: Port = 8004
