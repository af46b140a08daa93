"""Templates of requests: no value becomes anything but a value, wherever it stands."""

import json
from email.parser import BytesParser
from math import comb
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.gateways.description import HttpDescription
from services.dispatcher.gateways.http.composer import ContractComposer, DescribedComposer
from services.dispatcher.gateways.http.template import number_of, values_of
from services.dispatcher.gateways.http.url import parse_url

URL = "https://sms.example/m"
TEXTS = st.text(st.characters(codec=None), max_size=40)
ANY = st.builds(
    OutgoingMessage,
    message_id=st.binary(min_size=32, max_size=32).map(lambda raw: raw.hex().encode()),
    phone=TEXTS,
    email=TEXTS,
    subject=TEXTS,
    text=TEXTS,
    traceparent=st.just(b""),
    full_name=TEXTS,
    html=TEXTS,
)
MESSAGE = OutgoingMessage(b"m" * 43, "79161234567", "a@b.example", None, "Good day", b"")


class Request:
    """A request as a server reads it."""

    def __init__(self, raw: bytes) -> None:
        self.url, self.body, self.ends = b"", b"", 0
        self.headers: dict[bytes, bytes] = {}
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(raw)
        assert self.ends == 1, "one request, whole"
        self.method = parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        assert name not in self.headers
        self.headers[name] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ends += 1

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.url.decode("ascii")).query, keep_blank_values=True)


def composer(
    url: str = URL,
    sender: str | None = None,
    secrets: dict[str, str] | None = None,
    bits: int = 63,
    **request: Any,
) -> DescribedComposer:
    secrets = secrets or {}
    references = {name: {"env": "X"} for name in secrets}
    described = HttpDescription.model_validate(
        {"kind": "http", "url": url, "secrets": references, "request": request}
    )
    assert described.request is not None
    values = values_of(bits, sender, secrets)
    return DescribedComposer(parse_url(url), described.request, values, None)


def sent(message: OutgoingMessage = MESSAGE, **described: Any) -> Request:
    return Request(composer(**described).compose(message))


def sound(text: str | None) -> str:
    return (text or "").encode("utf-8", "replace").decode()


@given(ANY)
def test_any_value_in_json_is_read_back_as_it_is(message: OutgoingMessage) -> None:
    tree = {
        "a": "{{ text }}",
        "h": "{{ html }}",
        "f": "{{ full_name }}",
        "b": ["<{{subject}}|{{ email }}>", 1, None, 2.5, True],
        "%s": "%d",
    }

    body = json.loads(sent(message, json=tree).body)

    mixed = f"<{sound(message.subject)}|{sound(message.email)}>"
    assert body == {
        "a": sound(message.text),
        "h": sound(message.html),
        "f": sound(message.full_name),
        "b": [mixed, 1, None, 2.5, True],
        "%s": "%d",
    }


@given(ANY)
def test_any_value_in_a_form_is_read_back_as_it_is(message: OutgoingMessage) -> None:
    request = sent(message, form={"a&b": "{{ text }}", "c": "x={{ phone }}&y"})

    fields = parse_qsl(request.body.decode("ascii"), keep_blank_values=True)
    assert fields == [("a&b", sound(message.text)), ("c", f"x={sound(message.phone)}&y")]


@given(ANY)
def test_any_value_in_a_url_is_read_back_as_it_is(message: OutgoingMessage) -> None:
    url = "https://sms.example/send/{{ phone }}/x?t={{ text }}&e=<{{ email }}>&n=1"

    request = sent(message, url=url, method="GET")

    assert request.query == [
        ("t", sound(message.text)),
        ("e", f"<{sound(message.email)}>"),
        ("n", "1"),
    ]
    _, first, segment, last = urlsplit(request.url.decode("ascii")).path.split("/")
    assert (first, last) == ("send", "x")
    assert unquote(segment) == (sound(message.phone) if sound(message.phone).strip(".") else "-")


@given(ANY)
def test_any_value_in_a_header_stays_within_it(message: OutgoingMessage) -> None:
    headers = {"X-Text": 'a="{{ text }}"; b', "X-All": "{{ subject }} {{ phone }} {{ email }}"}

    request = sent(message, headers=headers)

    names = {b"Host", b"Accept", b"X-Text", b"X-All", b"Content-Length"}
    assert request.headers.keys() == names
    parsed = BytesParser().parsebytes(b"X: " + request.headers[b"X-Text"])
    assert parsed.get_params(header="X") == [("a", unquote_of(request)), ("b", "")]
    assert unquote(unquote_of(request)) == sound(message.text)


def unquote_of(request: Request) -> str:
    return request.headers[b"X-Text"].decode("ascii").partition('"')[2].partition('"')[0]


@given(ANY)
def test_any_value_in_xml_is_read_back_but_for_what_xml_cannot_have(
    message: OutgoingMessage,
) -> None:
    document = ET.fromstring(sent(message, xml='<m to="{{ email }}">{{ text }}</m>').body)  # noqa: S314 - our own

    for found, given_ in ((document.text, message.text), (document.get("to"), message.email)):
        assert len(found or "") == len(given_ or "")
        pairs = zip(found or "", given_ or "", strict=True)
        assert {mine for mine, its in pairs if mine != its} <= {"\N{REPLACEMENT CHARACTER}"}


@given(ANY)
def test_any_value_in_a_text_is_there_as_it_is(message: OutgoingMessage) -> None:
    request = sent(message, text="{{ text }}\n{{ email }}")

    assert request.body.decode() == f"{sound(message.text)}\n{sound(message.email)}"


@given(ANY)
def test_a_number_is_a_number_or_null(message: OutgoingMessage) -> None:
    tree = {"id": "{{ numeric_id }}", "phone": "{{ numeric_phone }}"}

    body = json.loads(sent(message, json=tree).body)

    assert body["id"] == number_of(message.message_id, 63)
    assert isinstance(body["phone"], int | None)


@given(ANY)
def test_our_own_contract_described_sends_the_same_body(message: OutgoingMessage) -> None:
    tree = {"id": "{{ id }}", "phone": "{{ phone }}", "text": "{{ text }}"}
    tree |= {"subject": "{{ subject }}"}
    message = OutgoingMessage(
        message.message_id,
        sound(message.phone),
        None,
        sound(message.subject),
        sound(message.text),
        b"",
    )
    own = ContractComposer(parse_url(URL).endpoint, None)

    described = sent(message, json=tree, headers={"Idempotency-Key": '"{{ id }}"'})

    theirs = Request(own.compose(message))
    assert described.body == theirs.body
    assert described.headers == theirs.headers


def test_what_is_nothing_but_a_value_that_is_not_there_is_left_out() -> None:
    tree = {"subject": "{{ subject }}", "both": "{{ subject }}!", "list": ["{{ subject }}"]}

    request = sent(
        url="https://sms.example/?s={{ subject }}&from={{ sender }}&x=1",
        json=tree,
        headers={"X-Subject": "{{ subject }}", "X-Both": "<{{ subject }}>"},
    )

    assert json.loads(request.body) == {"both": "!", "list": [None]}
    assert request.query == [("x", "1")]
    assert request.headers.keys() >= {b"X-Both"}
    assert b"X-Subject" not in request.headers
    form = sent(form={"a": "{{ subject }}", "b": "{{ phone }}", "c": "{{ sender }}"})
    assert form.body == b"b=79161234567"


def test_the_sender_is_the_mailings_if_it_names_one() -> None:
    named = replace(MESSAGE, sender="Sale <sale@shop.example>")
    tree = {"from": "{{ sender }}"}

    assert sent(sender="Shop", json=tree).body == b'{"from":"Shop"}'
    assert sent(named, sender="Shop", json=tree).body == b'{"from":"Sale <sale@shop.example>"}'
    assert sent(named, json=tree).body == b'{"from":"Sale <sale@shop.example>"}'
    assert sent(json=tree).body == b"{}"


def test_messages_with_and_without_a_value_are_sent_in_any_order() -> None:
    made = composer(json={"s": "{{ subject }}"})
    with_it = OutgoingMessage(b"m" * 43, "7", None, "S", "t", b"")

    bodies = [Request(made.compose(each)).body for each in (MESSAGE, with_it, MESSAGE, with_it)]

    assert bodies == [b"{}", b'{"s":"S"}'] * 2


def test_a_secret_stands_in_a_header_as_it_is_and_elsewhere_escaped() -> None:
    request = sent(
        url="https://sms.example/bot{{ secrets.key }}/send?k={{ secrets.key }}",
        secrets={"key": 'a/b"c'},
        headers={"X-Key": "Key {{ secrets.key }}"},
        form={"k": "{{ secrets.key }}"},
    )

    assert request.headers[b"X-Key"] == b'Key a/b"c'
    assert request.url == b"/bota%2Fb%22c/send?k=a%2Fb%22c"
    assert request.body == b"k=a%2Fb%22c"


@pytest.mark.parametrize("secret", ["a\r\nX: y", "a b", "ключ", ""])
def test_a_secret_that_could_not_stand_in_a_header_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="token"):
        composer(secrets={"key": secret}, headers={"X-Key": "{{ secrets.key }}"})


def test_phones_have_three_forms() -> None:
    tree = ["{{ phone }}", "{{ phone_plus }}", "{{ numeric_phone }}", "t{{ numeric_phone }}"]

    body = json.loads(sent(json=tree).body)

    assert body == ["79161234567", "+79161234567", 79161234567, "t79161234567"]


def test_a_request_without_a_body_has_no_length_only_if_it_is_a_get() -> None:
    get, post = sent(method="GET"), sent()

    assert (get.method, b"Content-Length" in get.headers) == (b"GET", False)
    assert (post.method, post.headers[b"Content-Length"]) == (b"POST", b"0")
    assert b"Content-Type" not in get.headers | post.headers


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        ({"json": {}}, b"application/json"),
        ({"form": {}}, b"application/x-www-form-urlencoded"),
        ({"text": "x"}, b"text/plain; charset=utf-8"),
        ({"xml": "<x/>"}, b"application/xml; charset=utf-8"),
        ({"xml": "<x/>", "headers": {"content-type": "text/xml"}}, b"text/xml"),
    ],
)
def test_each_body_has_its_type_unless_a_header_says_another(
    request_: dict[str, Any], kind: bytes
) -> None:
    headers = {name.lower(): value for name, value in sent(**request_).headers.items()}

    assert headers[b"content-type"] == kind


@pytest.mark.parametrize("bits", [31, 53, 63])
def test_numbers_of_messages_are_stable_and_meet_as_seldom_as_chance_has_it(bits: int) -> None:
    numbers = [number_of(b"%043d" % each, bits) for each in range(20_000)]

    assert number_of(b"m" * 43, 63) == 3_794_405_336_118_994_774
    assert max(numbers) < 2**bits <= max(numbers) * 2
    expected = comb(20_000, 2) / 2**bits
    assert len(numbers) - len(set(numbers)) <= 1 + 4 * expected


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"url": "https://sms.example/{{ text }}"}, "in its path"),
        ({"url": "https://sms.example/{{ email }}"}, "in its path"),
        ({"url": "https://{{ phone }}.example/"}, "path and its query only"),
        ({"url": "https://sms.example{{ phone }}/"}, "path and its query only"),
        ({"url": "{{ phone }}"}, "http://host"),
        ({"url": "https://sms.example/?a={{ phone"}, "no '}}'"),
        ({"url": "https://sms.example/?a={{ name }}"}, "has none but"),
        ({"url": "https://sms.example/#{{ id }}"}, "fragment"),
        ({"request": {"json": {"a": [{"b": "{{ name }}"}]}}}, "has none but"),
        ({"request": {"json": {"{{ id }}": 1}}}, "not names"),
        ({"request": {"form": {"a": "{{ }}"}}}, "has none but"),
        ({"request": {"text": "{{ secrets.key }}"}}, "not among the secrets"),
        ({"request": {"text": "{{ secrets.KEY }}"}}, "has none but"),
        ({"request": {"text": "a", "form": {}}}, "one of json"),
        ({"request": {"text": "a", "method": "GET"}}, "GET has no body"),
        ({"request": {"headers": {"X-A": "a\r\nb"}}}, "visible ASCII"),
        ({"request": {"headers": {"X A": "a"}}}, "visible ASCII"),
        ({"request": {"headers": {"X-A": "{{ name }}"}}}, "has none but"),
        ({"request": {"headers": {"X-A": "a", "x-a": "b"}}}, "twice"),
        ({"request": {"headers": {"Host": "a"}}}, "host is not"),
        ({"request": {"headers": {"Content-length": "1"}}}, "content-length is not"),
        ({"request": {"text": "x" * 65_537}}, "at most 65536"),
        ({"request": {"form": {"a": "x" * 40_000, "b": "x" * 40_000}}}, "at most 65536"),
        ({"request": None, "url": "https://sms.example/{{ id }}"}, "needs a request"),
        ({"user": "shop"}, "go together"),
        ({"user": "a:b", "password": {"env": "X"}}, "user"),
        ({"token": {"env": "X"}, "user": "shop", "password": {"env": "X"}}, "one login"),
        (
            {"token": {"env": "X"}, "request": {"headers": {"authorization": "a"}}},
            "one login",
        ),
        ({"secrets": {"Key": {"env": "X"}}}, "secrets"),
        ({"numeric_id_bits": 64}, "numeric_id_bits"),
    ],
)
def test_a_request_that_could_not_be_sent_is_refused(
    described: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        HttpDescription.model_validate({"kind": "http", "url": URL, "request": {}} | described)


def test_a_tree_without_end_is_refused() -> None:
    tree: Any = "x"
    for _ in range(40):
        tree = [tree]

    with pytest.raises(ValidationError, match="at most 32 levels"):
        HttpDescription.model_validate({"kind": "http", "url": URL, "request": {"json": tree}})
