"""The HTTP door: requests in, queries out. No rules here."""

from services.dispatcher.routes import gateways, messages, runs

routers = (runs.router, messages.router, gateways.router)
