"""The process: `python -m services.catalog`."""

import uvloop

from services.catalog.app import run
from services.catalog.settings import Settings
from shared.settings import read

if __name__ == "__main__":
    uvloop.run(run(read(Settings)))
