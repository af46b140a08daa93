"""The HTTP door: requests in, commands and queries out. No rules here."""

from services.catalog.routes import (
    clients,
    gateways,
    imports,
    mailings,
    previews,
    runs,
    suppressions,
    unsubscribing,
)

routers = (
    clients.router,
    imports.router,
    mailings.router,
    runs.router,
    previews.router,
    gateways.router,
    suppressions.router,
    unsubscribing.router,
)
