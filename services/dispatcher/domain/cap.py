"""A frequency cap: how many messages a client may get in so many days."""

import re
from datetime import date, timedelta
from typing import NamedTuple

from shared.contracts.catalog import MessageClass

ALL = "all"  # classes together
CAPPED = (MessageClass.MARKETING, MessageClass.TRANSACTIONAL)  # critical ones are exempt
WRITTEN = re.compile(
    rf"(?P<of>{'|'.join((ALL, *CAPPED))})=(?P<limit>[0-9]{{1,4}})/(?P<days>[0-9]{{1,3}})d",
    re.ASCII,
)
MOST_DAYS = 366


class Cap(NamedTuple):
    """At most `limit` messages in `days`, today among them; days are those of UTC."""

    of: str  # a class, or all
    limit: int
    days: int

    def since(self, today: date) -> date:
        """Return the first day whose messages count."""
        return today - timedelta(days=self.days - 1)


class Caps(NamedTuple):
    """The caps in force."""

    caps: tuple[Cap, ...] = ()

    def for_class(self, message_class: str) -> tuple[Cap, ...]:
        """Return those that hold for the messages of a class."""
        if message_class not in CAPPED:
            return ()
        return tuple(each for each in self.caps if each.of in (ALL, message_class))

    @property
    def longest_days(self) -> int:
        """How long what was sent counts."""
        return max((each.days for each in self.caps), default=0)

    def since(self, today: date) -> date:
        """Return the first day whose messages count for any of them; tomorrow: there is none."""
        return today - timedelta(days=self.longest_days - 1)


NO_CAPS = Caps()


def caps_from(text: str) -> Caps:
    """Read a list such as `all=5/7d,marketing=3/7d`.

    Raises:
        ValueError: It is none.
    """
    caps = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        found = WRITTEN.fullmatch(each)
        if found is None:
            raise ValueError("a list such as all=5/7d,marketing=3/7d is needed")
        cap = Cap(found["of"], int(found["limit"]), int(found["days"]))
        if cap.limit < 1 or not 1 <= cap.days <= MOST_DAYS:
            raise ValueError(f"at least one message is needed, in 1 to {MOST_DAYS} days")
        caps.append(cap)
    return Caps(tuple(caps))
