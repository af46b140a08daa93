"""Which addresses gateways may have: what is literal is checked when described, all when used."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Gateway
from services.dispatcher.gateways.addresses import AddressRefused, check_address, check_host
from services.dispatcher.gateways.build import Misconfigured, build
from services.dispatcher.gateways.connecting import why_unopened
from services.dispatcher.gateways.description import read
from tests.dispatcher.mailserver import MailServer

MESSAGE = OutgoingMessage(b"m" * 43, "79161234567", "a@b.example", "S", "Good day", b"")

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "100.64.0.1", "198.18.0.1", "::1", "fd12::1", "fc00::1", "fec0::1"),
    *("::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::"),
    *("2002:c0a8:101::1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1."),
]
REFUSED = [
    *("0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.1.1.1"),
    *("240.0.0.1", "255.255.255.255", "192.0.0.192", "192.0.2.1", "198.51.100.1", "203.0.113.1"),
    *("100.100.100.200", "168.63.129.16", "192.88.99.1"),
    *("::", "fe80::1", "fe80::1%eth0", "febf::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254"),
    *("2001:db8::1", "2001::1", "3fff::1", "::127.0.0.1", "4000::1", "100::1", "5f00::1"),
    *("0.0.0.0", "0"),  # noqa: S104 - nothing is bound
    *("::ffff:169.254.169.254", "::ffff:0:0", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::"),
    *("64:ff9b:1::169.254.169.254", "0xa9fea9fe", "2852039166", "169.254.43518"),
]


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_is_allowed(host: str) -> None:
    check_host(host, allows_private=False)


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_allowed_only_by_the_setting(host: str) -> None:
    check_host(host, allows_private=True)
    with pytest.raises(AddressRefused, match="DISPATCHER_PRIVATE_GATEWAYS"):
        check_host(host, allows_private=False)


@pytest.mark.parametrize("host", REFUSED)
def test_what_no_gateway_is_at_is_refused_whatever_the_setting(host: str) -> None:
    for allows_private in (True, False):
        with pytest.raises(AddressRefused, match="link-local"):
            check_host(host, allows_private=allows_private)


@pytest.mark.parametrize("host", ["sms.example", "localhost", "1.2.3.4.example", "0x.example"])
def test_of_a_name_nothing_can_be_said_before_it_is_asked_for(host: str) -> None:
    check_host(host, allows_private=False)


def may(address: IPv4Address | IPv6Address, *, allows_private: bool) -> bool:
    try:
        check_address(address, allows_private=allows_private)
    except AddressRefused:
        return False
    return True


@given(st.ip_addresses())
def test_no_address_is_allowed_that_the_standard_library_knows_not_to_be_global(
    address: IPv4Address | IPv6Address,
) -> None:
    if may(address, allows_private=False):
        inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
        assert (inner or address).is_global
        assert may(address, allows_private=True)
    if address.is_multicast or address.is_link_local or address.is_unspecified:
        assert not may(address, allows_private=True)


@given(st.ip_addresses(v=4), st.booleans())
def test_an_address_within_another_is_what_counts(address: Any, allows_private: bool) -> None:
    number, allowed = int(address), may(address, allows_private=allows_private)

    assert may(IPv6Address((0xFFFF << 32) | number), allows_private=allows_private) == allowed
    nat64 = (0x64_FF9B << 96) | number
    assert may(IPv6Address(nat64), allows_private=allows_private) == allowed
    sixtofour = (0x2002 << 112) | (number << 80)
    assert may(IPv6Address(sixtofour), allows_private=allows_private) == allowed


HTTP = {"kind": "http", "url": "http://HOST/m"}
SMTP = {"kind": "smtp", "url": "smtp://HOST:25", "tls": "none", "sender": "news@shop.example"}


def described(kind: dict[str, Any], host: str) -> dict[str, Any]:
    return kind | {"url": kind["url"].replace("HOST", host)}


@pytest.mark.parametrize("kind", [HTTP, SMTP])
@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "0xa9fea9fe"])
def test_a_description_with_an_address_that_is_always_refused_is_none(
    kind: dict[str, Any], host: str
) -> None:
    with pytest.raises(ValidationError, match="link-local"):
        read(described(kind, host))


@pytest.mark.parametrize("kind", [HTTP, SMTP])
async def test_a_gateway_at_a_private_address_is_misconfigured_where_the_setting_is_off(
    kind: dict[str, Any],
) -> None:
    description = read(described(kind, "127.0.0.1"))

    with pytest.raises(Misconfigured, match="DISPATCHER_PRIVATE_GATEWAYS"):
        build("first", description)
    await build("first", description, allows_private=True).close()


Resolver = Callable[..., list[Any]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Addresses by name; each time that a name is asked for, the first of several answers goes."""
    known: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        if host not in known:
            return ask(host, port, *rest, **more)
        answers = known[host]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, *kind, (each, port))
            for each in answer.split()
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


async def send(gateway: Gateway) -> Verdict:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    gateway.send(MESSAGE, loop.time() + 5, done.set_result)
    return await done


@asynccontextmanager
async def built(description: dict[str, Any], *, allows_private: bool) -> AsyncIterator[Gateway]:
    gateway = build("first", read(description), allows_private=allows_private)
    try:
        yield gateway
    finally:
        await gateway.close()


@asynccontextmanager
async def http_server(requests: list[bytes], answer: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


ACCEPTED = b'{"id":"g","status":"accepted"}'
OK = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(ACCEPTED), ACCEPTED)
)


@pytest.mark.parametrize("kind", [HTTP, SMTP])
@pytest.mark.parametrize(
    ("addresses", "allows_private"),
    [
        ("169.254.169.254", True),
        ("fe80::1", True),
        ("127.0.0.1", False),
        ("10.0.0.1 fd00::1", False),
    ],
)
async def test_a_name_that_leads_to_such_an_address_is_not_sent_to(
    kind: dict[str, Any], addresses: str, *, allows_private: bool, names: dict[str, list[str]]
) -> None:
    names["evil.example"] = [addresses]

    async with built(described(kind, "evil.example"), allows_private=allows_private) as gateway:
        verdict = await send(gateway)

    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_PROCESSED, "address_refused")
    assert verdict.fault


async def test_a_name_is_asked_for_once_and_its_answer_is_what_is_connected_to(
    names: dict[str, list[str]],
) -> None:
    requests: list[bytes] = []
    async with http_server(requests, OK) as port:
        names["sms.example"] = ["127.0.0.1", "169.254.169.254"]
        url = {"kind": "http", "url": f"http://sms.example:{port}/m"}
        async with built(url, allows_private=True) as gateway:
            first, second = await send(gateway), await send(gateway)

    assert first.outcome is Outcome.ACCEPTED
    assert (second.outcome, second.reason) == (Outcome.NOT_PROCESSED, "address_refused")
    assert f"Host: sms.example:{port}\r\n".encode() in requests[0]


async def test_of_several_addresses_the_first_that_is_allowed_and_answers_is_used(
    names: dict[str, list[str]],
) -> None:
    requests: list[bytes] = []
    async with http_server(requests, OK) as port:
        names["sms.example"] = ["169.254.169.254 127.0.0.2 127.0.0.1"]
        url = {"kind": "http", "url": f"http://sms.example:{port}/m"}
        async with built(url, allows_private=True) as gateway:
            verdict = await send(gateway)

    assert verdict.outcome is Outcome.ACCEPTED


async def test_a_mail_server_is_found_by_its_name(names: dict[str, list[str]]) -> None:
    names["mail.example"] = ["127.0.0.1"]
    async with MailServer() as server:
        kind = SMTP | {"url": f"smtp://mail.example:{server.port}"}
        async with built(kind, allows_private=True) as gateway:
            verdict = await send(gateway)

    assert verdict.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example"])
async def test_a_name_that_leads_nowhere_has_a_reason_of_its_own(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = socket.getaddrinfo

    def resolve(name: str, *rest: Any, **more: Any) -> list[Any]:
        if name == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ask(name, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with built(described(HTTP, host), allows_private=True) as gateway:
        verdict = await send(gateway)

    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_PROCESSED, "dns_failed")
    assert verdict.fault


def test_whatever_else_keeps_a_connection_from_opening_is_no_fault_of_the_name() -> None:
    assert why_unopened(ConnectionRefusedError()) == "connect_failed"
    assert why_unopened(None) == "connect_failed"


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    proxied: list[bytes] = []
    direct: list[bytes] = []
    async with http_server(proxied, OK) as proxy, http_server(direct, OK) as port:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        url = {"kind": "http", "url": f"http://127.0.0.1:{port}/m"}
        async with built(url, allows_private=True) as gateway:
            verdict = await send(gateway)

    assert (verdict.outcome, len(direct), proxied) == (Outcome.ACCEPTED, 1, [])


async def test_a_redirect_is_not_followed_wherever_it_leads() -> None:
    requests: list[bytes] = []
    elsewhere: list[bytes] = []
    async with http_server(elsewhere, OK) as other:
        location = b"Location: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % other
        async with http_server(requests, b"HTTP/1.1 307 X\r\n" + location) as port:
            url = {"kind": "http", "url": f"http://127.0.0.1:{port}/m"}
            async with built(url, allows_private=True) as gateway:
                verdict = await send(gateway)

    assert (verdict.outcome, verdict.reason, elsewhere) == (
        Outcome.NOT_PROCESSED,
        "redirect",
        [],
    )
