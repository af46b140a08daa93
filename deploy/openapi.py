"""The OpenAPI documents of all services, in `docs/openapi/`.

`python -m deploy.openapi` writes them. What would break clients is refused, unless it is meant:
`--breaking`. `--check` writes nothing and fails where they are not what the code says.
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from deploy.api_changes import breaking
from deploy.env_example import SERVICES
from shared.http import describe

Json: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "docs" / "openapi"


def document(service: str) -> Json:
    """Return the document of a service, with the address that it has on one's own machine."""
    routers = import_module(f"services.{service}.routes").routers
    port = import_module(f"services.{service}.settings").Settings.model_fields["http_port"]
    servers = [
        {"url": "/", "description": "The service that shows this document."},
        {"url": f"http://127.0.0.1:{port.default}", "description": "On this machine."},
    ]
    return describe(service, routers, servers=servers).openapi()


def text(found: Json) -> str:
    """Return a document as it is committed."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def differences(folder: Path = FOLDER) -> list[str]:
    """Return a line for each document that is not what the code says, and for what would break."""
    lines = []
    for service in SERVICES:
        path, new = folder / f"{service}.json", document(service)
        old = path.read_text() if path.exists() else ""
        if old != text(new):
            lines += [f"{service}: {each}" for each in broken(path, new)]
            lines.append(f"{path.name} is not what the code says: run python -m deploy.openapi")
    return lines


def broken(path: Path, new: Json) -> list[str]:
    """Return what a new document would break for those who go by the one that is there."""
    return breaking(json.loads(path.read_text()), new) if path.exists() else []


def write(folder: Path = FOLDER, *, is_breaking: bool) -> list[str]:
    """Write all documents, or none of them if clients would break; return what would break."""
    documents = {folder / f"{service}.json": document(service) for service in SERVICES}
    lines = [
        f"{path.stem}: {each}" for path, new in documents.items() for each in broken(path, new)
    ]
    if lines and not is_breaking:
        return [*lines, "these break clients: if that is meant, run it with --breaking"]
    folder.mkdir(parents=True, exist_ok=True)
    for path, new in documents.items():
        path.write_text(text(new))
    return []


def main() -> None:
    """Write or compare; end with 1 if something is wrong.

    Raises:
        SystemExit: That is so.
    """
    parser = argparse.ArgumentParser(prog="python -m deploy.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--breaking", action="store_true", help="break clients on purpose")
    options = parser.parse_args()
    lines = differences() if options.check else write(is_breaking=options.breaking)
    if lines:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
