"""The process: `python -m services.catalog`."""

import uvloop

from services.catalog.app import run
from services.catalog.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
