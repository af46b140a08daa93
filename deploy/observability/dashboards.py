"""The dashboards of Grafana."""

import json

from deploy.observability.boards.gateways import GATEWAYS
from deploy.observability.boards.kafka import KAFKA
from deploy.observability.boards.mailing import MAILING
from deploy.observability.boards.overview import OVERVIEW
from deploy.observability.boards.process import PROCESS
from deploy.observability.panels import json_of

BOARDS = (OVERVIEW, MAILING, GATEWAYS, KAFKA, PROCESS)


def texts() -> dict[str, str]:
    """Return the files of all dashboards, by name."""
    return {
        board.name: json.dumps(json_of(board), indent=1, ensure_ascii=False) + "\n"
        for board in BOARDS
    }
