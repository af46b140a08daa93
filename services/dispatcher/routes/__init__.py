"""The HTTP door: requests in, queries out. No rules here."""

from services.dispatcher.routes import (
    audience_previews,
    exports,
    gateways,
    messages,
    resends,
    retention,
    runs,
    subjects,
    test_sends,
)

routers = (
    runs.router,
    resends.router,
    exports.router,
    messages.router,
    gateways.router,
    retention.router,
    subjects.router,
    test_sends.router,
    audience_previews.router,
)
