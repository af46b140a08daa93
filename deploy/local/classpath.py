"""Kafka's class path: its jars, fetched if they are missing.

They are kept where Maven keeps its own (M2_REPO, else ~/.m2/repository), so later runs and other
checkouts need no network.
"""

import os
from collections.abc import Callable
from pathlib import Path

from deploy.local.jars import locked


def kafka_jars(report: Callable[[str], None]) -> list[Path]:
    """Return Kafka's class path; fetch what is missing. Blocks.

    Raises:
        StackError: Something could not be fetched, or is not what the lock says.
    """
    repository = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    jars = locked()
    missing = [jar for jar in jars if not jar.is_at(repository / jar.path)]
    if missing:
        report(f"fetching Kafka: {len(missing)} of {len(jars)} files are not here yet")
        from deploy.local import maven  # noqa: PLC0415 (takes half a second, needed once)

        maven.fetch(missing, repository)
    return [repository / jar.path for jar in jars]
