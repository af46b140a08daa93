"""The reads: every endpoint with every filter, and parameters for each request."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, TypeAlias

from bench.history import (
    EARLIER,
    EARLIER_NAMES,
    FIRST_PHONE,
    ONCE_PER_CODE,
    SIDES,
    TAGS,
    Size,
    tag,
)
from bench.rig import Rig
from cli.render import Json
from shared.contracts.dispatcher import State

Parameters: TypeAlias = dict[str, Any]

PAGE = 1_000
PAGES = 30  # from which identifiers are taken
LARGE = "run_id of all"  # clients
NO_LISTS = ("totals", "reconcile", "gateways", "retention", "facets")  # ends of paths
MAILING_STATUSES = ("created", "running", "paused", "stopped", "finished")


@dataclass(frozen=True, slots=True)
class Read:
    """A read: `parameters` returns those of one request; braces in the path name some of them."""

    service: str
    path: str
    filters: str
    parameters: Callable[[], Parameters]

    def __str__(self) -> str:
        """Return it as it stands in the report."""
        return f"{self.service} {self.path}" + (f"?{self.filters}" if self.filters else "")

    @property
    def is_list(self) -> bool:
        """Whether it has pages."""
        return "{" not in self.path and self.path.rpartition("/")[2] not in NO_LISTS


@dataclass(slots=True)
class Known:
    """What there is to ask for, as the services show it."""

    size: Size
    clients: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    mailings: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    large: list[str] = field(default_factory=list)  # runs
    messages: list[str] = field(default_factory=list)


async def learn(rig: Rig, size: Size) -> Known:
    """Return some of what there is, asked for page by page."""
    known = Known(size)
    get = rig.api.get

    async def each(service: str, path: str, pages: int = PAGES) -> list[Json]:
        items: list[Json] = []
        cursor = None
        for _ in range(pages):
            page = await get(service, path, {"limit": PAGE, "cursor": cursor})
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return items

    known.clients = [one["client_id"] for one in await each("catalog", "/v1/clients")]
    known.imports = [one["import_id"] for one in await each("catalog", "/v1/imports")]
    for one in await each("dispatcher", "/v1/runs"):
        known.runs.append(one["run_id"])
        known.mailings.append(one["mailing_id"])
        if one["planned"] == size.clients:
            known.large.append(one["run_id"])
    for run_id in known.large[:1]:
        for status in (None, *State):
            asked = {"run_id": run_id, "status": status}
            page = await get("dispatcher", "/v1/messages", asked)
            known.messages += [one["message_id"] for one in page["items"]]
    return known


def reads_of(known: Known, random: Random) -> Iterator[Read]:
    """Return all reads, with parameters by chance."""
    for service, path, *choices in (*_catalog(known, random), *_others(known, random)):
        for chosen in choices or [{}]:
            shown = "&".join(
                name if callable(value) else f"{name}={value}"
                for name, value in chosen.items()
                if f"{{{name}}}" not in path
            )
            yield Read(service, path, shown, partial(_pick, chosen))


def _pick(chosen: Mapping[str, Any]) -> Parameters:
    """Return a request's parameters; LARGE is only the report's word for one."""
    return {
        name.partition(" ")[0]: value() if callable(value) else value
        for name, value in chosen.items()
    }


def _asked_clients(size: Size, random: Random) -> list[Parameters]:
    """Return what clients are asked for by: one filter, several, words."""

    def phone() -> int:
        return FIRST_PHONE + random.randrange(size.clients)

    def code() -> int:
        return 900 + random.randrange(ONCE_PER_CODE)

    def group() -> str:
        return tag(random.randrange(size.tags))

    def end() -> str:
        return str(phone())[-5:]

    def person() -> str:
        return f"petrova {random.randrange(size.clients)}"

    of_code: list[Parameters] = [
        {"operator_code": code, "tag": name} for name in (*TAGS, *EARLIER)
    ]
    return [
        *({}, {"phone": phone}, {"operator_code": code}, {"tag": group}),
        *({"tag": name} for name in (*TAGS, *EARLIER, "nobody")),
        *({"tag": SIDES}, {"tag": ("first", "even")}),
        *of_code,
        *({"q": each} for each in ("petr", phone, end, person, "example.com", "mail7", "nobody")),
        *({"q": name.lower()} for name in EARLIER_NAMES),
        *({"q": "anna", "tag": name} for name in (*TAGS, *EARLIER)),
        *({"q": each} for each in ("anna vera petrova", "vera example.com", "79 vera")),
        {"q": "vera", "tag": SIDES},
    ]


def _catalog(known: Known, random: Random) -> Iterator[tuple[Any, ...]]:
    clients = _asked_clients(known.size, random)
    client, import_, mailing = (
        partial(random.choice, each) for each in (known.clients, known.imports, known.mailings)
    )
    yield "catalog", "/v1/clients", *clients
    yield "catalog", "/v1/clients/facets", *clients
    yield "catalog", "/v1/clients/{client_id}", {"client_id": client}
    yield ("catalog", "/v1/imports")
    yield "catalog", "/v1/imports/{import_id}", {"import_id": import_}
    yield "catalog", "/v1/imports/{import_id}/rejections", {"import_id": import_}
    yield "catalog", "/v1/mailings", {}, *({"status": each} for each in MAILING_STATUSES)
    yield "catalog", "/v1/mailings", {"q": "mailing"}, {"q": "nothing"}, {"gateway": "http"}
    yield "catalog", "/v1/mailings/{mailing_id}", {"mailing_id": mailing}
    yield "catalog", "/v1/mailings/{mailing_id}/events", {"mailing_id": mailing}


def _others(known: Known, random: Random) -> Iterator[tuple[Any, ...]]:
    client, mailing, run, large, message = (
        partial(random.choice, each)
        for each in (known.clients, known.mailings, known.runs, known.large, known.messages)
    )
    statuses: list[Parameters] = [{}, *({"status": each.value} for each in State)]
    yield "scheduler", "/v1/schedules", {}, {"mailing_id": mailing}
    yield "scheduler", "/v1/schedules/{mailing_id}", {"mailing_id": mailing}
    yield "scheduler", "/v1/runs", {}, {"mailing_id": mailing}
    yield "scheduler", "/v1/runs/{run_id}", {"run_id": run}
    yield ("dispatcher", "/v1/gateways")
    yield ("dispatcher", "/v1/retention")
    yield "dispatcher", "/v1/runs", {}, {"mailing_id": mailing}
    yield "dispatcher", "/v1/runs/{run_id}", {"run_id": run}
    of_messages: list[Parameters] = [{"run_id": run}, {"client_id": client, "run_id": large}]
    of_messages += [{"client_id": client} | each for each in statuses]
    yield "dispatcher", "/v1/messages", *of_messages
    yield "dispatcher", "/v1/messages", *({LARGE: large} | each for each in statuses)
    yield "dispatcher", "/v1/messages/{message_id}", {"message_id": message}
    yield ("stats", "/v1/totals")
    yield "stats", "/v1/mailings", {}, {"ids": mailing}
    yield "stats", "/v1/mailings/{mailing_id}", {"mailing_id": mailing}
    yield "stats", "/v1/runs/{run_id}", {"run_id": run}
    yield "stats", "/v1/messages", *statuses, *({"mailing_id": mailing} | s for s in statuses)
    yield "stats", "/v1/messages", {"run_id": run}, *({LARGE: large} | s for s in statuses)
    yield "stats", "/v1/reconcile", {"run_id": run}
