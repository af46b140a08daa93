"""The process: `python -m services.catalog`; and `… republish`, all clients once more."""

import gc

gc.disable()  # what is imported stays: to search it for garbage is a fifth of the start

import argparse

import uvloop

from services.catalog.app import republish, run
from services.catalog.settings import Settings
from shared.settings import read

gc.enable()

if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m services.catalog", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["republish"], help="default: serve")
    given = parser.parse_args()
    settings = read(Settings)
    uvloop.run(republish(settings) if given.command else run(settings))
