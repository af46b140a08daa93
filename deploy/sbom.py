"""What is in the image, as CycloneDX: `python -m deploy.sbom > deploy/sbom.cdx.json`.

The packages of `deploy/requirements.lock`, which has their hashes, and which of them needs which.
What the base image brings, its publisher lists.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, uuid5

Json: TypeAlias = dict[str, Any]

LOCK = Path(__file__).parent / "requirements.lock"
IMAGE = "mailings"
PACKAGE = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)")
# Who needs a package: another one, or one of our projects, whose file is named behind it.
NEEDED_BY = re.compile(r"^    #   (?P<name>[a-z0-9-]+)(?P<project> \(.+\))?$", re.MULTILINE)


def document(lock: str) -> Json:
    """Return the list of what a lock holds; the same lock gives the same list."""
    packages = {name: _purl(name, version) for name, version, _ in _packages(lock)}
    needs: dict[str, list[str]] = {IMAGE: [], **{name: [] for name in packages}}
    for name, _, needed_by in _packages(lock):
        for each in needed_by:
            needs[each].append(packages[name])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, lock)}",
        "version": 1,
        "metadata": {"component": {"type": "container", "bom-ref": IMAGE, "name": IMAGE}},
        "components": [
            {
                "type": "library",
                "bom-ref": packages[name],
                "name": name,
                "version": version,
                "purl": packages[name],
            }
            for name, version, _ in _packages(lock)
        ],
        "dependencies": [
            {"ref": packages.get(name, name), "dependsOn": found} for name, found in needs.items()
        ],
    }


def _packages(lock: str) -> Iterator[tuple[str, str, set[str]]]:
    """Yield name and version of each package, and who needs it."""
    for block in re.split(r"\n(?=[a-z])", lock):
        if found := PACKAGE.match(block):
            needed_by = {
                IMAGE if each["project"] else each["name"] for each in NEEDED_BY.finditer(block)
            }
            yield found["name"], found["version"], needed_by


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


if __name__ == "__main__":
    text = json.dumps(document(LOCK.read_text(encoding="utf-8")), indent=1)
    sys.stdout.write(f"{text}\n")
