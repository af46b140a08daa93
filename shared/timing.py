"""When each client gets a mailing: what may be said of that, and the local time of a run."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from shared.contracts.schedule import Schedule
from shared.contracts.timing import TimePolicy
from shared.errors import FieldError
from shared.event import Instant
from shared.schedule import (
    canonical_zone,
    load_zone,
    local_time,
    read_time,
    read_wall,
    resolve,
    why_refused,
)

FIRST_ZONE = "Pacific/Kiritimati"  # UTC+14 all the year: no clock is ahead of it


class Timed(Protocol):
    """A mailing, as far as its times go: its fields are what their names say."""

    @property
    def starts_at(self) -> Instant | None: ...  # noqa: D102
    @property
    def schedule(self) -> Schedule | None: ...  # noqa: D102
    @property
    def time_policy(self) -> TimePolicy | None: ...  # noqa: D102


def mistakes_in_policy(
    policy: TimePolicy | None, path: str, *, recurs: bool
) -> Iterator[FieldError]:
    """Yield what is wrong with the time policy at `path`, of a mailing that recurs or does not."""
    if policy is None:
        return
    if policy.zone is None and not recurs:
        detail = "a mailing that runs once needs one: on its clock the start is the local time"
        yield FieldError(f"{path}/zone", "required", detail)
    elif policy.zone is not None and (refusal := why_refused(policy.zone)):
        yield FieldError(f"{path}/zone", "time_zone", refusal)
    if policy.at is None:
        return
    if recurs and _is_wall(policy.at):
        detail = "each run of a recurring mailing has another date: a time is needed, as in 09:00"
        yield FieldError(f"{path}/at", "of_schedule", detail)
    elif not (_is_wall(policy.at) or _is_time(policy.at)):
        detail = "a local time in whole minutes is needed, as in 09:00 or 2026-03-01T09:00"
        yield FieldError(f"{path}/at", "time", detail)


def _is_time(text: str) -> bool:
    try:
        read_time(text)
    except ValueError:
        return False
    return True


def _is_wall(text: str) -> bool:
    try:
        read_wall(text)
    except ValueError:
        return False
    return True


def canonical_policy(policy: TimePolicy | None) -> TimePolicy | None:
    """Return the policy with its zone under today's name, if it has one that is known."""
    if policy is None or policy.zone is None or why_refused(policy.zone):
        return policy
    return msgspec.structs.replace(policy, zone=canonical_zone(policy.zone))


def local_time_of(plan: Timed, nominal: str | None) -> str | None:
    """Return the local time of a run with the mailing's zone; None: nothing says which that is.

    It is what the policy names, or that of its occurrence; else that of the run's start.
    """
    policy, starts_at = plan.time_policy, plan.starts_at
    at = policy.at if policy is not None else None
    occurrence = nominal if nominal is not None and "[" in nominal else None
    zone = _zone_of(plan, occurrence)
    if zone is None or starts_at is None:
        return None
    if at is not None:
        return f"{at if _is_wall(at) else _first_everywhere(at, starts_at)}[{zone}]"
    if occurrence is not None:
        return occurrence
    wall = local_time(starts_at, load_zone(zone)).replace(second=0, microsecond=0)
    return f"{wall.isoformat(timespec='minutes')}[{zone}]"


def _zone_of(plan: Timed, occurrence: str | None) -> str | None:
    """Return the zone of a mailing: that of its policy, of an occurrence, or of its schedule."""
    if plan.time_policy is not None and plan.time_policy.zone is not None:
        return plan.time_policy.zone
    if occurrence is not None:
        return occurrence.partition("[")[2].removesuffix("]")
    return None if plan.schedule is None else plan.schedule.entries[0].zone


def _first_everywhere(at: str, starts_at: Instant) -> str:
    """Return the first local time at this time of day that no clock on earth has shown yet."""
    wall = datetime.combine(local_time(starts_at, load_zone(FIRST_ZONE)).date(), read_time(at))
    if resolve(wall, load_zone(FIRST_ZONE)).at < starts_at:
        wall += timedelta(days=1)
    return wall.isoformat(timespec="minutes")
