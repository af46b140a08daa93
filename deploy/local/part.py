"""The part: one thing of the stack that runs, with what it takes to start and to stop it."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from deploy.local.probe import Probe
from deploy.local.process import Command


async def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A name, a command, and how one knows."""

    name: str
    command: Command
    is_ready: Probe
    prepare: Callable[[], Awaitable[None]] = nothing  # before each start
    stop: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0
    ready_within_s: float = 120.0  # a busy machine takes ten times as long as an idle one
    again_if: str | None = None  # what it says when it ended, and trying again soon will help

    def with_variables(self, variables: Mapping[str, str]) -> "Part":
        """Return the same part with more in its environment."""
        environment = {**self.command.environment, **variables}
        return replace(self, command=replace(self.command, environment=environment))
