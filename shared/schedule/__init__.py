"""The calendar of a mailing: which occurrences a schedule has, and how people read it.

Pure: no clock, and no files but those of the release. A time is a local one, in a zone of IANA;
what its instant is follows from the tzdata in use.
"""

from shared.schedule.checks import canonical, mistakes
from shared.schedule.instants import (
    Occurrence,
    Remark,
    local_time,
    occurrence_of,
    read_wall,
    resolve,
)
from shared.schedule.occurrences import end_of, end_of_run, occurrences
from shared.schedule.rules import read_time
from shared.schedule.words import in_words
from shared.schedule.zones import (
    canonical_zone,
    load_zone,
    tzdata_version,
    why_refused,
    zone_names,
)

__all__ = (
    "Occurrence",
    "Remark",
    "canonical",
    "canonical_zone",
    "end_of",
    "end_of_run",
    "in_words",
    "load_zone",
    "local_time",
    "mistakes",
    "occurrence_of",
    "occurrences",
    "read_time",
    "read_wall",
    "resolve",
    "tzdata_version",
    "why_refused",
    "zone_names",
)
