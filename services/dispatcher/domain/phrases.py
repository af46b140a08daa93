"""Phrases: numbers and instants as sentences for people have them."""

from shared.event import Instant

MINUTE_S, HOUR_S = 60, 3_600


def at(instant: Instant | None) -> str:
    """Return an instant as it stands behind a verb; nothing, if it is not known."""
    return f" at {instant:%Y-%m-%d %H:%M:%S} UTC" if instant is not None else ""


def by(name: str | None) -> str:
    """Return who did it as it stands behind a verb; nothing, if that is not known."""
    return f" by {name}" if name is not None else ""


def messages_are(number: int) -> str:
    """Return how many messages are, up to the verb."""
    return "1 message is" if number == 1 else f"{number:,} messages are"


def rate(per_s: float) -> str:
    """Return a rate with its unit."""
    return f"{per_s:,.0f} messages/s" if per_s >= 10 else f"{per_s:,.2g} messages/s"  # noqa: PLR2004 (two digits)


def duration(seconds: float) -> str:
    """Return a duration in one unit that suits it."""
    if seconds < 2 * MINUTE_S:
        return f"{seconds:,.0f} s"
    return (
        f"{seconds / MINUTE_S:,.0f} min" if seconds < 2 * HOUR_S else f"{seconds / HOUR_S:,.0f} h"
    )
