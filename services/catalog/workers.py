"""The clock's door: loops that run without a request."""

from datetime import timedelta

from services.catalog.handlers.reaping import Reaper
from shared.loop import forever


async def end_lost_imports(reaper: Reaper, *, every: timedelta) -> None:
    """End imports whose process died as failed, until cancelled."""
    await forever("end_lost_imports", reaper.check, every=every)
