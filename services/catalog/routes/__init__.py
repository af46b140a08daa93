"""The HTTP door: requests in, commands and queries out. No rules here."""

from services.catalog.routes import clients, gateways, imports, mailings, previews

routers = (
    clients.router,
    imports.router,
    mailings.router,
    previews.router,
    gateways.router,
)
