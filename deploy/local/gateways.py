"""The gateways of the stack: those that go to our sandboxes follow them to other ports."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from deploy.local.errors import StackError
from deploy.local.ports import HOST

WITHIN_S = 30.0  # a dispatcher describes them itself, at its first start
PAUSE_S = 0.1
ANSWER_WITHIN_S = 5.0


def follow_sandboxes(port: int, urls: Mapping[str, str], token: str | None) -> None:
    """Let each gateway that goes to a sandbox, by name, go to where that listens now.

    All else of its description stays as it is, and so does one that goes elsewhere.

    Args:
        port: Of a dispatcher.
        urls: Of the sandboxes, by the gateway's name.
        token: Of the dispatcher's API, if it wants one.

    Raises:
        StackError: The dispatcher did not answer in time.
    """
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands before this machine
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        for name, url in urls.items():
            _follow(session, f"http://{HOST}:{port}/v1/gateways/{name}", url)


def _follow(session: requests.Session, path: str, url: str) -> None:
    found = _described(session, path)
    description: dict[str, Any] = found["description"]
    if description["url"] == url or urlsplit(description["url"]).hostname != HOST:
        return
    body = description | {"url": url}
    answer = session.put(path, json=body, timeout=ANSWER_WITHIN_S)
    if not answer.ok:
        raise StackError(f"The gateway at {path} could not be changed: {answer.text[:500]}")


def _described(session: requests.Session, path: str) -> dict[str, Any]:
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        try:
            answer = session.get(path, timeout=ANSWER_WITHIN_S)
        except requests.RequestException:
            answer = None
        if answer is not None and answer.ok:
            found: dict[str, Any] = answer.json()
            return found
        time.sleep(PAUSE_S)
    raise StackError(
        f"The dispatcher did not describe its gateway within {WITHIN_S:.0f} s: {path}"
    )
