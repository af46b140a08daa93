"""The process: `python -m services.stats`; and `… rebuild`, which fills its tables anew."""

import gc

gc.disable()  # what is imported stays: to search it for garbage is a fifth of the start

import argparse

import uvloop

from services.stats.app import rebuild, run
from services.stats.settings import Settings
from shared.settings import read

gc.enable()

if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m services.stats", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["rebuild"], help="default: serve")
    parser.add_argument("--json", action="store_true", help="the outcome of a rebuild, as JSON")
    asked = parser.parse_args()
    settings = read(Settings)
    uvloop.run(rebuild(settings, as_json=asked.json) if asked.command else run(settings))
