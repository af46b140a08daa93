"""The AsyncAPI document of all events, `docs/asyncapi.json`.

`python -m deploy.asyncapi` writes it; `--check` writes nothing and fails where it is not what the
code says.
"""

import argparse
import json
import sys
from pathlib import Path

from shared.http.asyncapi import describe_events

PATH = Path(__file__).parents[1] / "docs" / "asyncapi.json"


def text() -> str:
    """Return the document as it is committed."""
    return json.dumps(describe_events(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write or compare; end with 1 if they differ.

    Raises:
        SystemExit: That is so.
    """
    parser = argparse.ArgumentParser(prog="python -m deploy.asyncapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if not parser.parse_args().check:
        PATH.write_text(text())
    elif not PATH.exists() or PATH.read_text() != text():
        sys.exit(f"{PATH.name} is not what the code says: run python -m deploy.asyncapi")


if __name__ == "__main__":
    main()
