"""The HTTP door: requests in, commands and queries out. No rules here."""

from services.catalog.routes import (
    clients,
    gateways,
    imports,
    mailings,
    preferred_times,
    previews,
    runs,
    suppressions,
    unsubscribing,
)

routers = (
    clients.router,
    preferred_times.router,
    imports.router,
    mailings.router,
    runs.router,
    previews.router,
    gateways.router,
    suppressions.router,
    unsubscribing.router,
)
