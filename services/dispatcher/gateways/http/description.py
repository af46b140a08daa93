"""What a description says of an HTTP API: how it is asked, and what its answers mean."""

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from services.dispatcher.gateways.http.pointer import parse_pointer
from services.dispatcher.gateways.http.template import OWN_ID, TemplateWrong, names_in
from services.dispatcher.gateways.parts import Part

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # Source: RFC 9110 §5.6.2
_VALUE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
# What says where a request ends, how its answer comes, and who is asked, is ours to say.
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "te", "trailer", "connection", "keep-alive"}
    | {"upgrade", "expect", "accept-encoding", "proxy-authorization", "proxy-connection"}
)
_LONGEST_TEMPLATE = 65_536  # characters, all of a request's body
_DEEPEST_TREE = 32


def _pointer(text: str) -> str:
    parse_pointer(text)
    return text


def _template(text: str) -> str:
    names_in(text)
    return text


def _own_id_template(text: str) -> str:
    if OWN_ID not in names_in(text, OWN_ID):
        raise ValueError(f"it has {{{{ {OWN_ID} }}}}: without that, url is enough")
    return text


def _headers(headers: dict[str, str]) -> dict[str, str]:
    names = [name.lower() for name in headers]
    if len(set(names)) < len(names):
        raise ValueError("a header stands there twice")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError("a header has visible ASCII characters, and spaces inside")
        if name.lower() in _OURS:
            raise ValueError(f"{name.lower()} is not for a description to say")
    return headers


def _tree(tree: JsonValue) -> JsonValue:
    for text in texts_of(tree):
        names_in(text)
    return tree


Template: TypeAlias = Annotated[
    str, AfterValidator(_template), Field(max_length=_LONGEST_TEMPLATE)
]
LookUpUrl: TypeAlias = Annotated[str, AfterValidator(_template), Field(max_length=4_000)]
LookUpUrlByOwnId: TypeAlias = Annotated[
    str, AfterValidator(_own_id_template), Field(max_length=4_000)
]
HttpHeaders: TypeAlias = Annotated[dict[str, Template], AfterValidator(_headers)]
Tree: TypeAlias = Annotated[JsonValue, AfterValidator(_tree)]
JsonPointer: TypeAlias = Annotated[str, AfterValidator(_pointer), Field(max_length=1_000)]
Status: TypeAlias = Annotated[StrictInt, Field(ge=200, le=599)]
Text: TypeAlias = Annotated[StrictStr, Field(max_length=1_000)]
Scalar: TypeAlias = StrictBool | StrictInt | Text | None
JsonType: TypeAlias = Literal["string", "integer", "number", "boolean", "object", "array", "null"]


class Request(Part):
    """How one message is asked for; every text is a template."""

    model_config = ConfigDict(serialize_by_alias=True)

    method: Literal["POST", "PUT", "PATCH", "GET"] = "POST"
    headers: HttpHeaders = Field(default={}, max_length=50)
    # One of these, or none: a tree of JSON, the fields of a form, plain text, an XML document.
    tree: Tree = Field(None, alias="json")
    form: dict[str, Template] | None = Field(None, max_length=100)
    text: Template | None = None
    xml: Template | None = None

    @property
    def templates(self) -> list[str]:
        """All of its templates."""
        plain = [each for each in (self.text, self.xml) if each is not None]
        return [*self.headers.values(), *texts_of(self.tree), *(self.form or {}).values(), *plain]

    @model_validator(mode="after")
    def _has_one_body(self) -> "Request":
        bodies = [self.tree, self.form, self.text, self.xml]
        if sum(each is not None for each in bodies) > 1:
            raise ValueError("a body is one of json, form, text and xml")
        if self.method == "GET" and any(each is not None for each in bodies):
            raise ValueError("GET has no body")
        if sum(map(len, self.templates)) > _LONGEST_TEMPLATE:
            raise ValueError(f"a request has at most {_LONGEST_TEMPLATE} characters of templates")
        return self


class Match(Part):
    """A kind of answer: one for which all holds that is said."""

    status: frozenset[Status] = Field(frozenset(), max_length=400)  # none: any
    pointer: JsonPointer | None = None  # there the body, which is JSON, has a value
    values: tuple[Scalar, ...] = Field((), max_length=1_000)  # which is one of these
    type: JsonType | None = None  # or of this type
    absent: JsonPointer | None = None  # and there nothing, as in an empty list
    starts_with: str | None = Field(None, min_length=1, max_length=1_000)  # so the body begins
    reason: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]{0,49}$")  # on record with attempts
    bounced: StrictBool = False  # of what is refused: because of the recipient, whoever sends

    @model_validator(mode="after")
    def _says_something(self) -> "Match":
        if self.pointer is None and (self.values or self.type):
            raise ValueError("values and type need a pointer")
        if self.pointer is None and self.absent is not None:
            raise ValueError("absent needs a pointer beside it")
        if not self.status and self.pointer is None and self.starts_with is None:
            raise ValueError("it is told by status, pointer or starts_with")
        return self


class AnswerRules(Part):
    """What answers mean, in this order; what none of it speaks of, by its status code."""

    gateway_fault: tuple[Match, ...] = Field((), max_length=100)  # no message is burnt for it
    throttled: tuple[Match, ...] = Field((), max_length=100)
    refused: tuple[Match, ...] = Field((), max_length=100)
    not_processed: tuple[Match, ...] = Field((), max_length=100)
    pending: tuple[Match, ...] = Field((), max_length=100)  # a look-up says later what came of it
    accepted: Match
    # Where an accepted answer has the provider's own id, text or a whole number: it must be there.
    # A look-up may go by it, also if an answer had it that said nothing else.
    id: JsonPointer | None = None

    @model_validator(mode="after")
    def _bounces_are_refused(self) -> "AnswerRules":
        others = (*self.gateway_fault, *self.throttled, *self.not_processed, *self.pending)
        others = (*others, self.accepted)
        if any(each.bounced for each in others):
            raise ValueError("only what is refused is bounced")
        return self


class LookUp(Part):
    """How an API is asked whether it has a message: by GET, of the same host.

    So what may have arrived is sent again only if it has not.
    """

    # One of these, or both: by the provider's own id once an answer has told it, else by ours.
    url: LookUpUrl | None = Field(None, examples=["https://sms.example/messages/{{ id }}"])
    url_by_own_id: LookUpUrlByOwnId | None = Field(
        None, examples=["https://sms.example/status?id={{ gateway_message_id }}"]
    )
    headers: HttpHeaders = Field(default={}, max_length=50)
    # Asked in this order. What is of no kind tells nothing, and nothing is sent.
    not_found: tuple[Match, ...] = Field(min_length=1, max_length=100)
    refused: tuple[Match, ...] = Field((), max_length=100)
    pending: tuple[Match, ...] = Field((), max_length=100)  # nothing is sent; it is asked again
    found: Match
    id: JsonPointer | None = None  # where the provider's own id stands, if it is there

    @property
    def urls(self) -> list[str]:
        """Where it is asked."""
        return [each for each in (self.url, self.url_by_own_id) if each is not None]

    @model_validator(mode="after")
    def _has_a_url(self) -> "LookUp":
        if not self.urls:
            raise ValueError("a look-up has url, url_by_own_id or both")
        return self

    @property
    def request(self) -> Request:
        """What goes out."""
        return Request(method="GET", headers=self.headers)


def texts_of(tree: Any, depth: int = 0) -> list[str]:  # noqa: ANN401 - any JSON
    """Return all texts of a tree.

    Raises:
        ValueError: It is too deep, or has a template in place of a name.
    """
    if depth > _DEEPEST_TREE:
        raise ValueError(f"a body's tree has at most {_DEEPEST_TREE} levels")
    if isinstance(tree, str):
        return [tree]
    if isinstance(tree, dict):
        if any("{{" in name for name in tree):
            raise TemplateWrong("templates are values of a tree, not names")
        tree = list(tree.values())
    if isinstance(tree, list):
        return [text for each in tree for text in texts_of(each, depth + 1)]
    return []
