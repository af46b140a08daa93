"""A wait in words: how long a mail server's text asks us to wait. Pure."""

import re

from services.dispatcher.domain.outcome import wait_s

# "try again in 300 seconds", "please retry after 5 minutes". Source: what Postal reads,
# app/lib/postal/smtp_sender.rb, which takes any number of seconds or minutes.
_WAIT = re.compile(r"\b(\d{1,6})\s*(s|secs?|seconds?|m|mins?|minutes?|hours?)\b", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3_600}  # seconds, by first letter


def wait_in(text: str) -> float | None:
    """Return how long a text asks to wait, in seconds; None: it does not."""
    found = _WAIT.search(text)
    return None if found is None else wait_s(float(found[1]) * _UNITS[found[2][0].lower()])
