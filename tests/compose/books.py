"""What each of the books says of the runs: statistics, the dispatcher's ledger, the gateway."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import cast

import httpx

from tests.compose.engine import Failed, Json

POLL_INTERVAL_S = 0.25


def wait_for(what: str, is_so: Callable[[], bool], within_s: float) -> None:
    """Wait until `is_so`; what does not answer is asked again.

    Raises:
        Failed: It was not so in time.
    """
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        with suppress(httpx.HTTPError):
            if is_so():
                return
        time.sleep(POLL_INTERVAL_S)
    raise Failed(f"not within {within_s:.0f} s: {what}")


class Books:
    """Reads over HTTP, at the addresses that `where` returns."""

    def __init__(self, where: Callable[[], Mapping[str, str]]) -> None:
        self._where = where
        self._addresses = where()
        self._http = httpx.Client(timeout=10)

    def find_again(self) -> None:
        """Look up the addresses: containers were started anew."""
        self._addresses = self._where()

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where the services are."""
        return self._addresses

    def get(self, service: str, path: str, **parameters: str) -> Json:
        """Read a page.

        Raises:
            httpx.HTTPError: It was not answered, or not with a success.
        """
        address = self._addresses[f"{service.upper()}_URL"]
        answer = self._http.get(address + path, params=parameters)
        answer.raise_for_status()
        return cast("Json", answer.json())

    def set_latency(self, milliseconds: str) -> None:
        """Let the sandbox take its time for each message."""
        address = self._addresses["GATEWAY_URL"]
        answer = self._http.patch(f"{address}/faults", json={"latency_ms": milliseconds})
        answer.raise_for_status()

    def gateway(self) -> Json:
        """Return the counts of what the sandbox has taken."""
        return self.get("gateway", "/ledger/summary")

    def statistics(self, mailing_id: str) -> Json:
        """Return the figures of a mailing."""
        return self.get("stats", f"/v1/mailings/{mailing_id}")

    def ledger(self, mailing_id: str) -> Counter[str]:
        """Count the dispatcher's messages one by one, by state; and how many different ones."""
        [run] = self.get("dispatcher", "/v1/runs", mailing_id=mailing_id)["items"]
        counted: Counter[str] = Counter()
        messages: set[str] = set()
        cursor: str | None = ""
        while cursor is not None:
            wanted = {"run_id": run["run_id"], "limit": "1000"}
            page = self.get(
                "dispatcher", "/v1/messages", **wanted | ({"cursor": cursor} if cursor else {})
            )
            counted.update(each["status"] for each in page["items"])
            messages.update(each["message_id"] for each in page["items"])
            cursor = page["next_cursor"]
        counted["different messages"] = len(messages)
        return counted
