"""Audiences: what the filters of mailings mean, for all services that have clients."""

from shared.audience.checks import CONDITIONS, IDS, VALUES, canonical, conditions_of, mistakes
from shared.audience.statement import Selection, selection

__all__ = (
    "CONDITIONS",
    "IDS",
    "VALUES",
    "Selection",
    "canonical",
    "conditions_of",
    "mistakes",
    "selection",
)
