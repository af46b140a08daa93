"""The list of what is in the image is that of its lock."""

import json
import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from deploy.sbom import LOCK, document

ROOT = Path(__file__).parents[2]
LIST = document(LOCK.read_text())
NEEDS = {
    each["ref"]: {re.split("[/@]", needed)[1] for needed in each["dependsOn"]}
    for each in LIST["dependencies"]
}


def test_the_list_is_what_the_lock_says() -> None:
    written = json.loads((ROOT / "deploy" / "sbom.cdx.json").read_text())

    assert written == LIST, "run: make lock"


def test_each_package_is_there_with_its_version() -> None:
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))

    assert {each["name"]: each["version"] for each in LIST["components"]} == pinned
    assert {each["purl"] for each in LIST["components"]} == NEEDS.keys() - {"mailings"}


def test_what_a_package_needs_is_what_it_says_itself() -> None:
    [fastapi] = [ref for ref in NEEDS if ref.startswith("pkg:pypi/fastapi@")]
    said = {
        Requirement(each).name
        for each in requires("fastapi") or ()
        if not Requirement(each).marker
    }

    assert NEEDS[fastapi] == said
    assert {"aiokafka", "fastapi", "sqlalchemy"} <= NEEDS["mailings"]
    assert "starlette" not in NEEDS["mailings"]
