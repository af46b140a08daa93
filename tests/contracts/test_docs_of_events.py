"""The reader in `docs/events.md` reads the example that stands above it as our own does."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.contracts.dispatcher import DELIVERED_VERSION, MessagesDelivered

TEXT = (Path(__file__).parents[2] / "docs" / "events.md").read_text()


def code(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    return str(found)


def test_the_reader_in_the_docs_reads_a_block() -> None:
    names: dict[str, Any] = {"datetime": datetime, "timedelta": timedelta}
    exec(code("python"), names)  # noqa: S102 - it is ours

    found = list(names["delivered"](json.loads(code("json"))))

    block = MessagesDelivered.read(code("json"))
    assert found == [
        (str(client_id), started_at, ended_at, gateway_id)
        for client_id, (started_at, ended_at), gateway_id in zip(
            block.client_ids, block.instants(), block.gateway_message_ids or (), strict=True
        )
    ]


def test_the_version_in_the_docs_is_that_of_a_block() -> None:
    assert f"`version` {DELIVERED_VERSION + 1}." in TEXT
