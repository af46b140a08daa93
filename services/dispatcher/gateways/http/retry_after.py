"""Retry-After: how long an answer asks us to wait. Pure."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from services.dispatcher.domain.outcome import wait_s

_SECONDS = re.compile(r"[0-9]{1,12}")
_LONGEST = 64  # characters; an HTTP date has 29


def retry_after_s(value: str, now: float) -> float | None:
    """Return how long to wait from `now`, in seconds since the epoch; None: it says nothing.

    Source: RFC 9110 §10.2.3, which has seconds or a date.
    """
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return wait_s(float(value))
    if not value or len(value) > _LONGEST:
        return None
    try:
        at = parsedate_to_datetime(value)
        return wait_s((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
