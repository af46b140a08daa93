"""What stats reads from its environment, `STATS_…`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.setting_values import Port
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of stats: what everybody may see, beside those that every service has."""

    model_config = SettingsConfigDict(env_prefix="STATS_")

    http_port: Port = 8004

    # Whether everybody may see what mailings are called; else a part of their identifier.
    public_names: bool = True
    # Who watches keeps a connection open: beyond these, in all and of one address, pages ask from
    # time to time instead.
    live_watchers: int = Field(5_000, ge=1, le=50_000)
    live_watchers_of_address: int = Field(100, ge=1, le=50_000)
