"""A session's opening: greeting, EHLO, TLS where it is begun late, and AUTH."""

import asyncio
import ssl
from base64 import b64encode
from typing import NamedTuple

from services.dispatcher.gateways.smtp.answer import Answer, SessionFailed, Stage
from services.dispatcher.gateways.smtp.connection import Connection
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Login, Tls
from services.dispatcher.gateways.smtp.features import Features, read_features
from services.dispatcher.gateways.smtp.reply import Reply

_READY, _DONE, _ENTERED, _ASKS = 220, 250, 235, 334


class Access(NamedTuple):
    """How sessions are opened."""

    endpoint: Endpoint
    tls: ssl.SSLContext | None
    login: Login | None


async def open_session(connection: Connection, access: Access, timeout_s: float) -> Features:
    """Return what the server offers, once mails may be sent.

    Raises:
        SessionFailed: It does not come to that.
        OSError: TLS failed.
    """
    await _ask(connection, b"", _READY)
    features = await _hello(connection)
    if access.endpoint.tls is Tls.STARTTLS:
        if not features.starttls:
            raise SessionFailed(Answer(Stage.SESSION, None, "no_tls"))
        await _begin_tls(connection, access, timeout_s)
        features = await _hello(connection)  # Source: RFC 3207 §4.2, what it said before is void
    if access.login is not None:
        await _enter(connection, access.login, features)
    return features


async def _begin_tls(connection: Connection, access: Access, timeout_s: float) -> None:
    await _ask(connection, b"STARTTLS\r\n", _READY)
    plain = connection.transport
    if access.tls is None:
        raise SessionFailed(Answer(Stage.SESSION, None, "no_tls"))
    encrypted = await asyncio.get_running_loop().start_tls(
        plain,
        connection,
        access.tls,
        server_hostname=access.endpoint.host,
        ssl_handshake_timeout=timeout_s,
        ssl_shutdown_timeout=timeout_s,
    )
    if encrypted is None:
        raise SessionFailed(Answer(Stage.SESSION, None, "tls_failed"))
    connection.encrypted(encrypted)


async def _hello(connection: Connection) -> Features:
    """Say who we are: an address literal, which needs no name. Source: RFC 5321 §4.1.3."""
    address = connection.transport.get_extra_info("sockname")[0]
    literal = f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"
    reply = await _ask(connection, b"EHLO %b\r\n" % literal.encode("ascii"), _DONE)
    return read_features(reply)


async def _enter(connection: Connection, login: Login, features: Features) -> None:
    """Show user and password, by the first way of ours that the server offers; or a token."""
    user, password = login.user.encode(), login.password.encode()
    if login.is_token:
        await _show_token(connection, user, password, features)
    elif "PLAIN" in features.logins:  # Source: RFC 4616
        secret = b64encode(b"\0%b\0%b" % (user, password))
        await _ask(connection, b"AUTH PLAIN %b\r\n" % secret, _ENTERED)
    elif "LOGIN" in features.logins:
        await _ask(connection, b"AUTH LOGIN\r\n", _ASKS)
        await _ask(connection, b64encode(user) + b"\r\n", _ASKS)
        await _ask(connection, b64encode(password) + b"\r\n", _ENTERED)
    else:
        raise SessionFailed(Answer(Stage.SESSION, None, "no_login"))


async def _show_token(
    connection: Connection, user: bytes, token: bytes, features: Features
) -> None:
    """Show a token of OAuth 2.0. Source: Google, "The SASL XOAUTH2 Mechanism"."""
    if "XOAUTH2" not in features.logins:
        raise SessionFailed(Answer(Stage.SESSION, None, "no_login"))
    shown = b64encode(b"user=%b\1auth=Bearer %b\1\1" % (user, token))
    reply = await connection.ask(b"AUTH XOAUTH2 %b\r\n" % shown)
    if reply.code == _ASKS:  # the reason why not, behind which an empty line ends it
        reply = await connection.ask(b"\r\n")
    if reply.code != _ENTERED:
        raise SessionFailed(Answer(Stage.SESSION, reply))


async def _ask(connection: Connection, command: bytes, wanted: int) -> Reply:
    reply = await connection.ask(command)
    if reply.code != wanted:
        raise SessionFailed(Answer(Stage.SESSION, reply))
    return reply
