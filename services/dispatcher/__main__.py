"""The process: `python -m services.dispatcher`."""

import uvloop

from services.dispatcher.app import run
from services.dispatcher.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
