"""Makes the schemas again: `python -m tests.deploy.crds FOLDER_OF_CRDS OVERLAY.yaml...`."""

import json
import sys
from pathlib import Path

import yaml

from tests.deploy.crds import ALWAYS, FOLDER, cut


def main(crds: Path, *overlays: Path) -> None:
    """Cut the schema of each kind that an overlay has."""
    used = [each for path in overlays for each in yaml.safe_load_all(path.read_text())]
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for path in sorted(crds.glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())["spec"]
        for version in definition["versions"]:
            api = f"{definition['group']}/{version['name']}"
            kind = definition["names"]["kind"]
            found = [each for each in used if (each["apiVersion"], each["kind"]) == (api, kind)]
            if not found:
                continue
            schema = version["schema"]["openAPIV3Schema"]
            for name in ALWAYS:
                schema["properties"].pop(name, None)
            schema["required"] = [
                name for name in schema.get("required", ()) if name not in ALWAYS
            ]
            name = f"{api.replace('/', '_')}_{kind}.json"
            text = json.dumps(cut(schema, found), indent=1, sort_keys=True)
            (FOLDER / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
