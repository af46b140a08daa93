"""The HTTP doors: requests in, figures out. No rules here."""

from services.stats.routes import figures, public

routers = (figures.router, public.router)
