"""The history: clients, mailings and runs as a platform has them after some time, made by itself.

A few mailings go to all clients, and many to the hundred who have one tag. About one message in a
hundred does not simply pass: `bench.mishaps`.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.importing import until_known, until_searchable
from bench.pipeline import BODY
from bench.rig import Rig
from bench.waiting import wait_for
from cli import Failure
from cli.render import Json, note
from cli.upload import Kind, import_file

SMALL = 100  # clients of a small mailing
AT_ONCE = 16  # mailings that are being created
FIRST_PHONE = 79_000_000_000
WINDOWS = (timedelta(minutes=2), timedelta(hours=6))  # of small ones: in some, the last expire
EVERY_S = 0.5
SLOWEST_PER_S = 1_000.0  # messages; below it we give up
OPEN = 1 / 500  # of all messages those that may be tried for as long as their window lasts
REJECTED = 2_000  # rows of a file in which every row is wrong

# Tags that one in so many clients has.
TAGS = {"often": 10, "sometimes": 500, "seldom": 10_000}
ONCE_PER_CODE = 90  # clients with one operator code
# What none of the newest clients have, and most of the older ones: by how many of all are newer.
EARLIER = {"early": 0.05, "first": 0.5}  # tags
EARLIER_NAMES = {"Olga": 0.1, "Vera": 0.7}
SIDES = ("even", "odd")  # tags: each client has one of them, nobody both
DOMAINS = 1_000  # of e-mails of one half; the other half has the same one


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there shall be."""

    clients: int
    mailings: int
    messages: int

    @property
    def tags(self) -> int:
        """How many tags there are that SMALL clients have each."""
        return max(self.clients // SMALL, 1)

    @property
    def large(self) -> int:
        """How many mailings go to all clients: what the small ones leave."""
        return max((self.messages - self.mailings * SMALL) // self.clients, 1)

    @property
    def has_halves(self) -> bool:
        """Whether the first half of the mailings has one to all clients: some reads need it."""
        return any(is_large(self, number) for number in range(self.mailings // 2))


def tag(number: int) -> str:
    """Return the tag of some SMALL clients."""
    return f"group-{number}"


async def import_all(rig: Rig, size: Size) -> None:
    """Import the clients, and a file of which every row is rejected.

    Raises:
        Failure: A row was rejected, or some never came.
    """
    path = rig.home.data / "clients.csv"
    await asyncio.to_thread(_write, path, _lines(size))
    with path.open("rb") as file:
        view = await import_file(rig.api, file, Kind.CSV, lambda _: None)
    if view["created"] != size.clients:
        raise Failure(f"Not every row became a client: {view}")
    path.unlink()
    await asyncio.to_thread(_write, path, ("phone\n", *(f"{n}\n" for n in range(REJECTED))))
    with path.open("rb") as file:
        await import_file(rig.api, file, Kind.CSV, lambda _: None)
    await until_known(rig, size.clients)
    await until_searchable(rig)


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w") as file:
        file.writelines(lines)


def _lines(size: Size) -> Iterator[str]:
    yield "phone,operator_code,tags,time_zone,email,full_name\n"
    for number in range(size.clients):
        newer = 1 - number / size.clients
        tags = [tag(number % size.tags), *(name for name, n in TAGS.items() if number % n == 0)]
        tags += [SIDES[number % 2], *(name for name, share in EARLIER.items() if newer > share)]
        names = ["Anna", *(name for name, share in EARLIER_NAMES.items() if newer > share)]
        domain = f"mail{number % DOMAINS}.example" if number % 2 else "example.com"
        code = 900 + number % ONCE_PER_CODE
        row = (FIRST_PHONE + number, code, "|".join(tags), "Europe/Moscow")
        name = f"{' '.join(names)} Petrova {number}"
        yield f"{','.join(map(str, row))},user{number}@{domain},{name}\n"


async def send(rig: Rig, size: Size, first: int, last: int) -> None:
    """Create the mailings from number `first` to `last`, and wait until they are sent.

    Raises:
        Failure: They came to no end.
    """
    numbers = iter(range(first, last))
    before = await rig.api.get("stats", "/v1/totals")

    async def create() -> None:
        for number in numbers:
            await rig.api.post("catalog", "/v1/mailings", _plan(size, number))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(create())
    planned = before["planned"] + sum(planned_of(size, number) for number in range(first, last))
    note(f"sending {planned - before['planned']:,} messages", "dim")

    async def is_over() -> bool:
        totals = await rig.api.get("stats", "/v1/totals")
        by_status = totals["by_status"]
        return bool(
            totals["planned"] == planned
            and by_status["planned"] == 0
            and by_status["retry"] <= planned * OPEN
        )

    until_they_expire_s = WINDOWS[0].total_seconds() + 60
    within_s = until_they_expire_s + (planned - before["planned"]) / SLOWEST_PER_S
    await wait_for(is_over, "the end of the mailings", within_s, EVERY_S)


def is_large(size: Size, number: int) -> bool:
    """Return whether a mailing goes to all: the large ones are spread evenly over the others."""
    every = size.mailings // size.large
    return number % every == every // 2 and number // every < size.large


def planned_of(size: Size, number: int) -> int:
    """Return how many messages a mailing has."""
    if is_large(size, number):
        return size.clients
    of_tag, rest = divmod(size.clients, size.tags)
    return of_tag + (number % size.tags < rest)


def _plan(size: Size, number: int) -> Json:
    starts_at = datetime.now(UTC)
    is_to_all = is_large(size, number)
    window = WINDOWS[-1] if is_to_all else WINDOWS[number % len(WINDOWS)]
    return {
        "name": f"mailing {number}",
        "body": BODY,
        "filter": {"tags": [] if is_to_all else [tag(number % size.tags)]},
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + window).isoformat(),
        "gateway": "http",
    }
