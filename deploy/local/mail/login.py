"""Logging in at the sandbox mail server: AUTH PLAIN, LOGIN and XOAUTH2, for one account."""

import binascii
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

ENTERED = b"235 2.7.0 Entered\r\n"
_WRONG = b"535 5.7.8 User or password are wrong\r\n"
_NO_BASE64 = b"501 5.5.2 Not base64\r\n"
_GIVEN_UP = b"501 5.7.0 Given up\r\n"
_ASKS = b"334 %b\r\n"


class Account(msgspec.Struct, frozen=True):
    """Who may enter."""

    user: str = "sandbox"
    password: str = "sandbox"  # noqa: S105 - of a sandbox; for XOAUTH2 it is the token

    def fits(self, user: bytes, password: bytes) -> bool:
        """Return whether this is the account."""
        return (user, password) == (self.user.encode(), self.password.encode())


class Dialog:
    """One AUTH: lines come in, an answer goes out for each, the last one is not a 334."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._step: Callable[[bytes], bytes] = self._wrong
        self._user = b""

    def begin(self, way: str, first: bytes) -> bytes:
        """Return the answer to AUTH, with what came behind it."""
        match way:
            case "PLAIN":
                self._step, asks = self._plain, b""
            case "XOAUTH2":
                self._step, asks = self._xoauth2, b""
            case _:
                self._step, asks = self._login_user, b"Username:"
        return self.go_on(first) if first else _ASKS % b64encode(asks)

    def go_on(self, line: bytes) -> bytes:
        """Return the answer to what came after a 334."""
        if line == b"*":  # Source: RFC 4954 §4
            return _GIVEN_UP
        try:
            raw = b"" if line == b"=" else b64decode(line, validate=True)
        except binascii.Error:
            return _NO_BASE64
        return self._step(raw)

    def _plain(self, raw: bytes) -> bytes:
        _, user, password = (*raw.split(b"\0"), b"", b"", b"")[:3]
        return self._judge(user, password)

    def _login_user(self, raw: bytes) -> bytes:
        self._user, self._step = raw, self._login_password
        return _ASKS % b64encode(b"Password:")

    def _login_password(self, raw: bytes) -> bytes:
        return self._judge(self._user, raw)

    def _xoauth2(self, raw: bytes) -> bytes:
        """Judge a token; what is wrong with it is said first, and waits for a line."""
        wanted = b"user=%b\1auth=Bearer %b\1\1"
        account = self._account
        if raw == wanted % (account.user.encode(), account.password.encode()):
            return ENTERED
        self._step = self._wrong
        return _ASKS % b64encode(b'{"status":"400"}')

    def _wrong(self, _: bytes) -> bytes:
        return _WRONG

    def _judge(self, user: bytes, password: bytes) -> bytes:
        return ENTERED if self._account.fits(user, password) else _WRONG
