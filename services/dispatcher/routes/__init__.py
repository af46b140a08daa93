"""The HTTP door: requests in, queries out. No rules here."""

from services.dispatcher.routes import (
    audience_previews,
    exports,
    gateways,
    messages,
    resends,
    retention,
    runs,
    test_sends,
)

routers = (
    runs.router,
    resends.router,
    exports.router,
    messages.router,
    gateways.router,
    retention.router,
    test_sends.router,
    audience_previews.router,
)
