"""What the scheduler reads from its environment, `SCHEDULER_…`."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.setting_values import Duration, Port
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the scheduler needs beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_")

    http_port: Port = 8002

    # A mailing fires in its instant, which is slept until. It is at most this late if the
    # scheduler that heard of it died, or the clock was moved; looking costs one read of an index.
    poll_interval: Duration = Field(
        timedelta(seconds=1), ge=timedelta(milliseconds=1), le=timedelta(minutes=1)
    )
