"""The control of a sandbox: its ledger is read, and its faults are read and changed, over HTTP."""

from collections.abc import Callable
from typing import Annotated, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from deploy.local.gateway import answers
from deploy.local.gateway.answers import Reply
from deploy.local.gateway.ledger import Ledger

T = TypeVar("T")


class Request(msgspec.Struct, gc=False):
    """A whole request, as far as anyone cares."""

    method: bytes
    target: bytes
    key: bytes
    body: bytes

    @property
    def path(self) -> bytes:
        """What is asked for."""
        return self.target.partition(b"?")[0]

    def parameters(self, kind: type[T]) -> T:
        """Return what stands behind the path.

        Raises:
            msgspec.ValidationError: It is not of this kind.
        """
        query = self.target.partition(b"?")[2].decode("ascii", "replace")
        return msgspec.convert(dict(parse_qsl(query)), kind, strict=False)


class Changeable(Protocol):
    """What misbehaves as told."""

    @property
    def faults(self) -> msgspec.Struct:
        """What it is told."""

    def change(self, patch: bytes) -> None:
        """Set some of the faults anew, from a JSON object.

        Raises:
            msgspec.DecodeError: It is no JSON, or one of its fields is unknown or wrong.
        """


class _Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50


class Control:
    """Answers who looks at a sandbox, or tells it how to misbehave."""

    def __init__(self, ledger: Ledger, misbehavior: Changeable) -> None:
        self._ledger = ledger
        self._misbehavior = misbehavior

    def reply(
        self, request: Request, own: Callable[[Request], Reply | None] | None = None
    ) -> Reply:
        """Return the answer; `own` gives what only this sandbox answers, and None for the rest."""
        try:
            return (own and own(request)) or self._common(request)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            detail = {"title": "Not understood", "status": 400, "detail": str(error)}
            return answers.problem(b"400 Bad Request", msgspec.json.encode(detail))

    def _common(self, request: Request) -> Reply:
        match request.method, request.path:
            case b"GET", b"/livez":
                reply = answers.LIVE
            case b"GET", b"/ledger/summary":
                reply = document(self._ledger.summary())
            case b"GET", b"/ledger":
                wanted = request.parameters(_Range)
                reply = document(self._ledger.page(wanted.after, wanted.limit))
            case b"PATCH", b"/faults":
                self._misbehavior.change(request.body)
                reply = document(self._misbehavior.faults)
            case b"GET", b"/faults":
                reply = document(self._misbehavior.faults)
            case _:
                reply = answers.NOT_FOUND
        return reply


def document(value: object) -> Reply:
    """Return an answer with a value as JSON."""
    return answers.document(msgspec.json.encode(value))
