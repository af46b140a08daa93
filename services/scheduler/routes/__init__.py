"""The HTTP door: requests in, queries out. No rules here."""

from services.scheduler.routes import previews, runs, schedules

routers = (schedules.router, previews.router, runs.router)
