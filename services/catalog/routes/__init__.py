"""The HTTP door: requests in, commands and queries out. No rules here."""

from services.catalog.routes import (
    audiences,
    clients,
    exports,
    gateways,
    histories,
    imports,
    mailings,
    preferred_times,
    previews,
    runs,
    suppression_files,
    suppressions,
    unsubscribing,
)

routers = (
    exports.router,  # before what would take its path for an identifier
    clients.router,
    preferred_times.router,
    imports.router,
    mailings.router,
    histories.router,
    audiences.router,
    runs.router,
    previews.router,
    gateways.router,
    suppressions.router,
    suppression_files.router,
    unsubscribing.router,
)
