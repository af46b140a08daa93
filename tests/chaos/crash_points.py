"""The crash points, and what each leaves: which process dies there, during what, and what follows.

A plain gateway (one that recognizes nothing) shows most, so most are visited while messages go
through it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto


class During(Enum):
    """What happens beside the mailing when a process is to die."""

    MAILING = auto()  # a mailing is created, begun, sent and finished
    START = auto()  # the process starts while a mailing is sent
    DEATH = auto()  # the same, where the one before it was killed
    POSTPONING = auto()  # the start moves while the mailing is proposed
    EXPIRY = auto()  # the window ends before all is sent
    PAUSE = auto()  # of the run, while it is sent
    CHANGE = auto()  # of the gateway, while it is sent through
    OUTAGE = auto()  # of the gateway
    LIMIT = auto()  # the gateway has a rate
    ERASURE = auto()  # of a client, behind a mailing
    RESEND = auto()  # of what has expired
    RESOLVING = auto()  # by hand, of what is undetermined
    ARCHIVING = auto()  # of all that has ended
    TEST_SEND = auto()  # to a bare contact
    IMPORT = auto()  # of clients, to whom a mailing goes then
    AUDIENCE = auto()  # a mailing's changes before it begins
    SUPPRESSION = auto()  # of a client, and its end
    CAP = auto()  # clients have had as much as they may have
    BOUNCE = auto()  # a gateway refuses contacts for good


class Leaves(Enum):
    """What is on record of attempts that the dead process had begun."""

    NOTHING = auto()  # none had: each message is requested exactly once
    MARKS = auto()  # of some that never went out: they are lost, and nothing comes twice
    REQUESTS = auto()  # of what was under way: at a plain gateway that may come twice


ALL = ("http", "plain", "smtp")
PLAIN = ("plain",)


@dataclass(frozen=True)
class Case:
    """A visit of a crash point."""

    point: str
    part: str
    leaves: Leaves = Leaves.NOTHING
    during: During = During.MAILING
    gateways: Sequence[str] = PLAIN
    passes: int = 1

    @property
    def name(self) -> str:
        """The point, and the process that dies there."""
        return f"{self.point} of {self.part}"

    @property
    def crash_at(self) -> str:
        """What the process is told."""
        return f"{self.point}:{self.passes}"


def _of(part: str, leaves: Leaves, during: During, *points: str) -> list[Case]:
    return [Case(point, part, leaves, during) for point in points]


def _beside(part: str, *points: str) -> list[Case]:
    """Return visits in a process that sends nothing: what is sent goes on without it."""
    return [Case(point, part, gateways=ALL) for point in points]


SCHEDULER = [
    *_beside(
        "scheduler",
        "scheduler.fire.claimed",
        "scheduler.fire.appended",
        "scheduler.fire.settled",
        "scheduler.fire.committed",
        "listener.fetched",
        "listener.applied",
        "listener.stored",
        "listener.committed",
        "relay.read",
        "relay.sent",
        "relay.acknowledged",
        "relay.deleted",
    ),
]
CATALOG = _beside(
    "catalog",
    "catalog.begin.decided",
    "catalog.begin.committed",
    "store.append.written",
    "store.append.committed",
    "listener.applied",
    "listener.stored",
    "listener.committed",
    "relay.read",
    "relay.sent",
    "relay.acknowledged",
    "relay.deleted",
)
ERASED = [
    *_of(
        "catalog",
        Leaves.NOTHING,
        During.ERASURE,
        "catalog.erase.written",
        "catalog.erase.committed",
        "catalog.tombstone.written",
        "catalog.tombstone.committed",
    ),
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.ERASURE,
        "dispatcher.erase.written",
        "dispatcher.erase.committed",
    ),
]
ARCHIVED = [
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.ARCHIVING,
        "dispatcher.archive.written",
        "dispatcher.archive.committed",
        "dispatcher.empty.written",
        "dispatcher.empty.committed",
    ),
    *_of(
        "stats",
        Leaves.NOTHING,
        During.ARCHIVING,
        "stats.empty.written",
        "stats.empty.committed",
    ),
]
AFTERWARDS = [
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.RESEND,
        "dispatcher.resend.written",
        "dispatcher.resend.committed",
    ),
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.RESOLVING,
        "dispatcher.resolve.written",
        "dispatcher.resolve.committed",
    ),
]
PEOPLE = [
    *_of(
        "catalog",
        Leaves.NOTHING,
        During.IMPORT,
        "catalog.import.beginning",
        "catalog.import.begun",
        "catalog.import.written",
        "catalog.import.committed",
        "catalog.import.completing",
        "catalog.import.completed",
        "catalog.import.deleting",
        "catalog.import.deleted",
        "catalog.words.written",
        "catalog.words.committed",
    ),
    # The third time is the change: the first saves it, and the second lets a mailing refer to it.
    Case("catalog.audience.written", "catalog", during=During.AUDIENCE, passes=3),
    Case("catalog.audience.committed", "catalog", during=During.AUDIENCE, passes=3),
    *_of(
        "catalog",
        Leaves.NOTHING,
        During.SUPPRESSION,
        "catalog.suppress.written",
        "catalog.suppress.committed",
        "catalog.lift.written",
        "catalog.lift.committed",
    ),
    *_of(
        "dispatcher", Leaves.NOTHING, During.CAP, "dispatcher.cap.counted", "dispatcher.cap.ended"
    ),
    Case("catalog.bounce.counted", "catalog", during=During.BOUNCE, gateways=("smtp",)),
    Case("catalog.bounce.suppressed", "catalog", during=During.BOUNCE, gateways=("smtp",)),
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.TEST_SEND,
        "dispatcher.test_send.written",
        "dispatcher.test_send.committed",
        "dispatcher.test_contact.written",
        "dispatcher.test_contact.committed",
    ),
]
STATS = _beside(
    "stats",
    "listener.fetched",
    "listener.applied",
    "listener.stored",
    "listener.committed",
    "listener.advanced",
    "listener.shown",
)
POSTPONED = _of(
    "scheduler",
    Leaves.NOTHING,
    During.POSTPONING,
    "scheduler.rearm.appended",
    "scheduler.rearm.armed",
)
DISPATCHER = [
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.START,
        "dispatcher.gateways.read",
        "dispatcher.lease.registered",
        "dispatcher.lease.renewed",
    ),
    *_of(  # relay and listeners start beside the senders
        "dispatcher",
        Leaves.REQUESTS,
        During.START,
        "relay.taken",
        "relay.reported",
        "relay.renewed",
        "listener.advanced",
    ),
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.MAILING,
        "listener.fetched",
        "listener.applied",
        "listener.stored",
        "listener.committed",
        "dispatcher.begin.asked",
        "dispatcher.begin.awaiting",
        "dispatcher.begin.written",
        "dispatcher.begin.committed",
        "dispatcher.expand.written",
        "dispatcher.expand.published",
        "dispatcher.expand.committed",
        "dispatcher.claim.written",
        "dispatcher.claim.committed",
        "dispatcher.start.unmarked",
        "dispatcher.finish.written",
        "dispatcher.finish.published",
        "dispatcher.finish.committed",
    ),
    Case("dispatcher.start.marked", "dispatcher", Leaves.MARKS),
    *_of(
        "dispatcher",
        Leaves.REQUESTS,
        During.MAILING,
        "dispatcher.start.handed_over",
        "dispatcher.record.answered",
        "dispatcher.record.written",
        "dispatcher.record.committed",
        "relay.read",
        "relay.sent",
        "relay.acknowledged",
        "relay.deleted",
    ),
    Case("dispatcher.start.taken", "dispatcher", Leaves.REQUESTS, gateways=("http",), passes=3),
    *_of(
        "dispatcher",
        Leaves.REQUESTS,
        During.DEATH,
        "dispatcher.reap.taken",
        "dispatcher.reap.written",
        "dispatcher.reap.committed",
        "dispatcher.reconcile.written",
        "dispatcher.reconcile.committed",
    ),
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.EXPIRY,
        "dispatcher.end.chunks",
        "dispatcher.end.written",
        "dispatcher.end.committed",
    ),
    *_of(
        "dispatcher",
        Leaves.REQUESTS,
        During.PAUSE,
        "dispatcher.switch.written",
        "dispatcher.switch.committed",
    ),
    *_of(
        "dispatcher",
        Leaves.NOTHING,
        During.PAUSE,
        "dispatcher.release.written",
        "dispatcher.release.committed",
    ),
    *_of(
        "dispatcher",
        Leaves.REQUESTS,
        During.CHANGE,
        "store.append.written",
        "store.append.committed",
        "dispatcher.gateways.replaced",
    ),
    Case("dispatcher.flow.written", "dispatcher", Leaves.REQUESTS, During.OUTAGE),
    Case("dispatcher.rate.written", "dispatcher", Leaves.REQUESTS, During.LIMIT),
]
CASES: Sequence[Case] = (
    *SCHEDULER,
    *CATALOG,
    *ERASED,
    *STATS,
    *POSTPONED,
    *DISPATCHER,
    *AFTERWARDS,
    *PEOPLE,
    *ARCHIVED,
)
# Visited by `make test` too: what a death there would cost most.
IN_SHORT: Sequence[Case] = [
    each
    for each in CASES
    if (each.part, each.point)
    in {
        ("scheduler", "scheduler.fire.committed"),
        ("catalog", "catalog.begin.committed"),
        ("stats", "listener.applied"),
        ("dispatcher", "relay.acknowledged"),
        ("dispatcher", "dispatcher.start.marked"),
        ("dispatcher", "dispatcher.record.committed"),
        ("dispatcher", "dispatcher.finish.published"),
    }
]


def steps(cases: Sequence[Case]) -> list[list[Case]]:
    """Return the cases in the order of visits; those of one list die during the same mailings.

    Only processes that send nothing share them, so it is known whose death left what.
    """
    together = [each for each in cases if each.gateways == ALL]
    by_part = [
        [each for each in together if each.part == part]
        for part in dict.fromkeys(each.part for each in together)
    ]
    shared = [
        [of[number] for of in by_part if number < len(of)]
        for number in range(max(map(len, by_part), default=0))
    ]
    return shared + [[each] for each in cases if each not in together]
