"""An HTTP answer: what came back of a request, and how its head is recognized."""

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from services.dispatcher.gateways.http.connection import Connection


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came back, or why nothing whole did."""

    status: int | None
    content_type: str
    body: bytes  # when it failed: what had come until then
    failure: str | None  # a slug; None: one whole well-formed answer
    was_sent: bool  # False: certainly not one byte of the request went out
    content_encoding: str = ""
    retry_after: str = ""


OnAnswer: TypeAlias = Callable[[Answer], None]


class Head(msgspec.Struct, frozen=True, gc=False):
    """The head of a whole answer, byte for byte, and what it says.

    Answers of one gateway have the same head for a second or longer, but for the few that went
    wrong: so nearly all of them are known by one comparison, which costs a tenth of the parser.
    """

    raw: bytes
    size: int  # of head and body, bytes
    status: int
    content_type: str
    content_encoding: str
    rest_s: float
    retry_after: str


UNKNOWN_HEAD = Head(b"\0", 0, 0, "", "", 0.0, "")  # no answer begins like that


class Owner(Protocol):
    """The pool that a connection belongs to."""

    head: Head  # of the last answer that was whole; it belongs to all connections

    def settle(self, done: OnAnswer, answer: Answer) -> None:
        """Hand an answer to whoever waits for it."""

    def rest(self, connection: "Connection", at_most_s: float) -> None:
        """Keep an open connection for another request."""

    def drop(self, connection: "Connection") -> None:
        """Let go of a connection that is gone."""


def keep_alive_s(value: bytes) -> float:
    """Return for how many seconds the server keeps an idle connection, as its header says."""
    for parameter in value.split(b","):
        name, _, number = parameter.strip().partition(b"=")
        if name.lower() == b"timeout" and number.isdigit():
            return float(number[:9])
    return inf
