"""The HTTP door: requests in, commands and queries out. No rules here."""

from services.catalog.routes import clients, imports, mailings

routers = (clients.router, imports.router, mailings.router)
