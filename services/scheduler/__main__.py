"""The process: `python -m services.scheduler`."""

import gc

gc.disable()  # what is imported stays: to search it for garbage is a fifth of the start

import uvloop

from services.scheduler.app import run
from services.scheduler.settings import Settings
from shared.settings import read

gc.enable()

if __name__ == "__main__":
    uvloop.run(run(read(Settings)))
