"""The process: `python -m services.scheduler`."""

import uvloop

from services.scheduler.app import run
from services.scheduler.settings import Settings
from shared.settings import read

if __name__ == "__main__":
    uvloop.run(run(read(Settings)))
