"""The door of time: what happens without anybody asking."""

from datetime import timedelta

from services.catalog.handlers.reaping import Reaper
from shared.loop import forever


async def end_lost_imports(reaper: Reaper, *, every: timedelta) -> None:
    """Let each import whose process died end as failed, until cancelled."""
    await forever("end_lost_imports", reaper.look, every=every)
