"""What metrics show of a record."""

from shared.telemetry.metrics import Recorded


def shown(recorded: Recorded) -> dict[tuple[str, ...], float]:
    """Return each series that is shown: its name and the values of its labels, and its value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in recorded.collect()
        for sample in family.samples
    }
