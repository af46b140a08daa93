"""The problems that a service answers with, as exceptions. Source: RFC 9457."""

from uuid import UUID

import msgspec


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a request that is wrong."""

    pointer: str  # Source: RFC 6901
    code: str
    detail: str = ""
    limits: list[float] = []  # the numbers that were not kept, in the order of `detail`


class NamedMailing(msgspec.Struct, frozen=True, kw_only=True):
    """A mailing, by its identifier and its name."""

    mailing_id: UUID
    name: str


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of such an answer; what is unknown is left out."""

    type: str = ""
    title: str = ""
    detail: str = ""
    trace_id: str | None = None
    since: str | None = None
    errors: list[FieldProblem] = []
    mailings: list[NamedMailing] = []
    mailing_count: int = 0


class ProblemError(Exception):
    """A request was refused, or could not be carried out.

    Attributes:
        status: Of the answer.
        type: What went wrong, such as `PhoneTaken`: for programs, it stays the same.
        title: The same for people.
        detail: More for people, if there is more.
        errors: The fields of the request that are wrong.
        mailings: The first ones of those that need what was to be deleted.
        mailing_count: How many need it.
        trace_id: By which whoever runs the service finds the request.
        retry_after_s: Before that it is in vain to ask again; None: nobody said so.
    """

    def __init__(self, status: int, body: bytes = b"", retry_after_s: int | None = None) -> None:
        try:
            problem = msgspec.json.decode(body, type=_Problem)
        except msgspec.MsgspecError:  # whoever answered is none of the services
            problem = _Problem(title=f"The answer was {status}, without details.")
        self.status = status
        self.type = problem.type
        self.title = problem.title
        self.detail = problem.detail
        self.errors = problem.errors
        self.mailings = problem.mailings
        self.mailing_count = problem.mailing_count
        self.trace_id = problem.trace_id
        self.retry_after_s = retry_after_s
        where = [f"{each.pointer or '/'}: {each.detail or each.code}" for each in self.errors]
        super().__init__("; ".join([f"{self.type or status}: {self.title}", *where]))


class NotFound(ProblemError):
    """There is no such thing."""


class Gone(ProblemError):
    """There was such a thing; it was deleted as too old."""


class Conflict(ProblemError):
    """It makes sense, but not in this state."""


class StaleVersion(Conflict):
    """Somebody else was faster: it has another version than `if_match` names."""


class Invalid(ProblemError):
    """The request makes no sense; `errors` say where."""


class Unavailable(ProblemError):
    """The service cannot do it now; the same request may succeed after `retry_after_s`."""


KINDS: dict[int, type[ProblemError]] = {
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: StaleVersion,
    422: Invalid,
    503: Unavailable,
}


def problem_of(status: int, body: bytes, retry_after: str | None) -> ProblemError:
    """Return the exception for an answer."""
    wait_s = int(retry_after) if retry_after and retry_after.isdecimal() else None
    return KINDS.get(status, ProblemError)(status, body, wait_s)
