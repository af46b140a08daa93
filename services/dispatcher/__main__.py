"""The process: `python -m services.dispatcher`."""

import uvloop

from services.dispatcher.app import run
from services.dispatcher.settings import Settings
from shared.settings import read

if __name__ == "__main__":
    uvloop.run(run(read(Settings)))
