"""The stops: which parts of this process have stopped, and why; `/readyz` and a metric show it."""

from collections.abc import Mapping

import structlog

from shared import telemetry

log = structlog.get_logger()

_reasons: dict[str, str] = {}  # by part; of the process, as metrics are


def stopped(part: str, reason: str) -> None:
    """Report that `part` does nothing until somebody decides; repeating it has no effect."""
    if _reasons.get(part) == reason:
        return
    _reasons[part] = reason
    telemetry.measure("process.stopped", 1, part=part)
    log.error("process.stopped", part=part, reason=reason)


def resumed(part: str) -> None:
    """Report that `part` is at work again; nothing happens if it had not stopped."""
    if _reasons.pop(part, None) is not None:
        telemetry.measure("process.stopped", 0, part=part)
        log.info("process.resumed", part=part)


def reasons() -> Mapping[str, str]:
    """Return why parts of this process have stopped, by part."""
    return dict(_reasons)
