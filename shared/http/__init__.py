"""HTTP as every service serves it: strict requests, problem details, pages, health."""

from shared.http.admission import Admission
from shared.http.bodies import (
    PHONE_LENGTH,
    PHONE_WRITTEN,
    Body,
    Moving,
    View,
    WrittenInstant,
    WrittenPhone,
    declared,
    name_of,
)
from shared.http.dependencies import (
    BusinessClock,
    Change,
    CommandContext,
    Creation,
    Database,
    DatabasePool,
    Store,
)
from shared.http.etags import etag
from shared.http.idempotency import IdempotencyKey
from shared.http.openapi import answers
from shared.http.pages import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    cursor_of,
    instant_and_id,
    newest_key,
    page,
    position,
)
from shared.http.requests import BODY_LIMIT_BYTES
from shared.http.routing import strict_router
from shared.http.server import create_app, describe, describe_settings, serve
from shared.http.trust import Callers

__all__ = (
    "BODY_LIMIT_BYTES",
    "PHONE_LENGTH",
    "PHONE_WRITTEN",
    "Admission",
    "BadCursor",
    "Body",
    "BusinessClock",
    "Callers",
    "Change",
    "CommandContext",
    "Creation",
    "Cursor",
    "Database",
    "DatabasePool",
    "IdempotencyKey",
    "Limit",
    "Moving",
    "Page",
    "Store",
    "View",
    "WrittenInstant",
    "WrittenPhone",
    "answers",
    "create_app",
    "cursor_of",
    "declared",
    "describe",
    "describe_settings",
    "etag",
    "instant_and_id",
    "name_of",
    "newest_key",
    "page",
    "position",
    "serve",
    "strict_router",
)
