"""Composers: a message becomes the bytes of a request, by our own contract or as described."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.gateways.http import template
from services.dispatcher.gateways.http.contract import Message
from services.dispatcher.gateways.http.description import Request
from services.dispatcher.gateways.http.endpoint import Endpoint
from services.dispatcher.gateways.http.template import Text, Values, only_name
from services.dispatcher.gateways.http.url import Url

_MESSAGE_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_TRACEPARENT = re.compile(rb"(?:[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})?")
# What a message may not have, and what is named after it; the same for nearly all of a run.
_OPTIONAL = {
    "phone": ("phone", "phone_plus", "numeric_phone"),
    **{name: (name,) for name in ("email", "subject", "html", "full_name", "sender")},
}


class Composer(Protocol):
    """What makes requests of messages."""

    def compose(self, message: OutgoingMessage) -> bytes:
        """Return the whole request."""


class ContractComposer:
    """Makes requests of our own contract."""

    def __init__(self, endpoint: Endpoint, authorization: str | None) -> None:
        self._encode = msgspec.json.Encoder().encode
        login = f"Authorization: {authorization}\r\n" if authorization else ""
        self._prefix = (
            f"POST {endpoint.target} HTTP/1.1\r\nHost: {endpoint.authority}\r\n{login}"
            'Accept: application/json\r\nContent-Type: application/json\r\nIdempotency-Key: "'
        ).encode("ascii")
        self._traceparent = b""  # the one checked last: a whole run has the same

    def compose(self, message: OutgoingMessage) -> bytes:
        """Return the whole request for a message that has a phone.

        Raises:
            ValueError: The message's id or traceparent could not stand in a header.
        """
        message_id, traceparent = message.message_id, message.traceparent
        if not _MESSAGE_ID.fullmatch(message_id):
            raise ValueError("a message's id has base64url characters only")
        if traceparent != self._traceparent:
            if not _TRACEPARENT.fullmatch(traceparent):
                raise ValueError("a traceparent is what W3C Trace Context says")
            self._traceparent = traceparent
        phone = message.phone or ""
        body = self._encode(Message(message_id.decode(), phone, message.text, message.subject))
        trace = b"traceparent: %b\r\n" % traceparent if traceparent else b""
        return b'%b%b"\r\n%bContent-Length: %d\r\n\r\n%b' % (
            self._prefix,
            message_id,
            trace,
            len(body),
            body,
        )


class DescribedComposer:
    """Makes requests as a description says."""

    def __init__(
        self, url: Url, request: Request, values: Values, authorization: str | None
    ) -> None:
        """Compile it once.

        Raises:
            ValueError: A secret could not stand in a header.
        """
        self._url = url
        self._request = request
        self._values = values
        self._authorization = authorization
        # What is nothing but a value that a message does not have is left out: compiled once for
        # each choice of those.
        self._optional = [values.of_message[name] for name in _OPTIONAL]
        everything = (True,) * len(_OPTIONAL)
        self._compiled = {everything: self._compile(everything)}

    def compose(self, message: OutgoingMessage) -> bytes:
        """Return the whole request."""
        has = tuple([read(message) is not None for read in self._optional])
        compiled = self._compiled.get(has)
        if compiled is None:
            compiled = self._compiled[has] = self._compile(has)
        return compiled.write(message)

    def _compile(self, has: tuple[bool, ...]) -> "_Compiled":
        names = zip(_OPTIONAL.values(), has, strict=True)
        absent = {name for named, is_there in names if not is_there for name in named}
        writer = _Writer(self._values, absent)
        return _Compiled(self._url, self._request, writer, self._authorization)


class _Compiled:
    """A request with places for values."""

    def __init__(
        self, url: Url, request: Request, writer: "_Writer", authorization: str | None
    ) -> None:
        self._body, kind = writer.body(request)
        head = writer.target(url, request.method)
        headers = {"Host": url.endpoint.authority}
        if authorization is not None:
            headers["Authorization"] = authorization
        for name, value in headers.items():
            head.add(f"{name}: {value}\r\n".encode("ascii"))
        given = {name.lower() for name in request.headers}
        for name, value in {"Accept": "application/json", "Content-Type": kind}.items():
            if value and name.lower() not in given:
                head.add(f"{name}: {value}\r\n".encode("ascii"))
        writer.add_headers(head, request.headers)
        self._head = head
        self._has_length = request.method != "GET"

    def write(self, message: OutgoingMessage) -> bytes:
        """Return the request for one message."""
        head = self._head.write(message)
        if not self._has_length:
            return b"%b\r\n" % head
        body = self._body.write(message)
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


class _Writer:
    """Compiles what is sent for messages without the values that are `absent`."""

    def __init__(self, values: Values, absent: set[str]) -> None:
        self._values = values
        self._absent = absent

    def target(self, url: Url, method: str) -> Text:
        """Compile the first line."""
        line = Text(self._values)
        line.add(f"{method} ".encode("ascii"))
        line.add_template(url.path, template.in_path)
        if url.query is not None:
            pairs = [each for each in url.query.split("&") if not self._is_left_out(each)]
            if pairs:
                line.add(b"?")
                line.add_template("&".join(pairs), template.in_query)
        line.add(b" HTTP/1.1\r\n")
        return line

    def add_headers(self, head: Text, headers: Mapping[str, str]) -> None:
        """Compile headers; secrets stand there as they are."""
        for name, value in headers.items():
            if only_name(value) not in self._absent:
                head.add(f"{name}: ".encode("ascii"))
                head.add_template(value, template.in_header)
                head.add(b"\r\n")

    def body(self, request: Request) -> tuple[Text, str]:
        """Compile the body; return it and its media type, if it has one."""
        text = Text(self._values)
        if request.tree is not None:
            self._add_tree(text, request.tree)
            return text, "application/json"
        if request.form is not None:
            self._add_form(text, request.form)
            return text, "application/x-www-form-urlencoded"
        if request.xml is not None:
            text.add_template(request.xml, template.in_xml)
            return text, "application/xml; charset=utf-8"
        if request.text is not None:
            text.add_template(request.text, template.as_it_is)
            return text, "text/plain; charset=utf-8"
        return text, ""

    def _is_left_out(self, pair: str) -> bool:
        return only_name(pair.partition("=")[2]) in self._absent

    def _add_form(self, text: Text, form: Mapping[str, str]) -> None:
        there = {name: each for name, each in form.items() if only_name(each) not in self._absent}
        for at, (name, value) in enumerate(there.items()):
            text.add(b"&" if at else b"")
            text.add(template.in_form(name) + b"=")
            text.add_template(value, template.in_form, literal=template.in_form)

    def _add_tree(self, text: Text, tree: Any) -> None:  # noqa: ANN401 - any JSON
        if isinstance(tree, dict):
            there = {
                name: each
                for name, each in tree.items()
                if not (isinstance(each, str) and only_name(each) in self._absent)
            }
            text.add(b"{")
            for at, (name, each) in enumerate(there.items()):
                text.add((b"," if at else b"") + msgspec.json.encode(name) + b":")
                self._add_tree(text, each)
            text.add(b"}")
        elif isinstance(tree, list):
            text.add(b"[")
            for at, each in enumerate(tree):
                text.add(b"," if at else b"")
                self._add_tree(text, each)
            text.add(b"]")
        elif isinstance(tree, str):
            self._add_leaf(text, tree)
        else:
            text.add(msgspec.json.encode(tree))

    def _add_leaf(self, text: Text, leaf: str) -> None:
        name = only_name(leaf)
        if name in self._absent:
            text.add(b"null")
        elif name in template.NUMBERS:
            text.add_value(name, template.as_number)
        else:
            text.add(b'"')
            text.add_template(leaf, template.in_json, literal=template.in_json)
            text.add(b'"')
