"""What the scheduler reads from its environment, `SCHEDULER_…`."""

from datetime import timedelta

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the scheduler needs beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_")

    http_port: int = 8002

    # A mailing fires at most this late; looking costs one read of an index.
    poll_interval: timedelta = timedelta(milliseconds=200)
