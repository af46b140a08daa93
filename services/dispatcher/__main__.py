"""The process: `python -m services.dispatcher`; and `… adopt`, after its database was restored."""

import gc

gc.disable()  # what is imported stays: to search it for garbage is a fifth of the start

import argparse

import uvloop

from services.dispatcher.app import adopt_results, run
from services.dispatcher.settings import Settings
from shared.settings import read

gc.enable()

if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m services.dispatcher", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["adopt"], help="default: serve")
    given = parser.parse_args()
    settings = read(Settings)
    uvloop.run(adopt_results(settings) if given.command else run(settings))
