"""Building: a described gateway becomes one that sends."""

import os
from pathlib import Path

from services.dispatcher.gateways import Gateway
from services.dispatcher.gateways.description import (
    Described,
    HttpDescription,
    LogDescription,
    SecretRef,
    SmtpDescription,
)
from services.dispatcher.gateways.http.gateway import HttpGateway
from services.dispatcher.gateways.log import LogGateway
from services.dispatcher.gateways.smtp import endpoint as smtp
from services.dispatcher.gateways.smtp.address import named_address
from services.dispatcher.gateways.smtp.gateway import SmtpGateway
from shared.setting_files import (
    UnreadableFile,
    file_settings,
    secret_settings,
    secrets_folder,
)

LONGEST_SECRET = 65_536  # bytes


class Misconfigured(Exception):
    """This process cannot make such a gateway now; the argument says why, without a secret."""


def build(name: str, description: Described) -> Gateway:
    """Return the gateway that is described, not connected yet. Needs a running event loop.

    Raises:
        Misconfigured: A secret cannot be read, or something in it cannot be used.
    """
    try:
        match description:
            case HttpDescription():
                return _http(name, description)
            case SmtpDescription():
                return _smtp(name, description)
            case LogDescription():
                return LogGateway(_writable(Path(description.path)), name=name)
    except ValueError as error:
        raise Misconfigured(str(error)) from error


def secret(reference: SecretRef) -> str:
    """Return what a reference names, as it is now; a file's last line break does not count.

    Raises:
        Misconfigured: It is not there, is empty or is no text.
    """
    if reference.env is not None:
        found, where = _setting(reference.env), f"the variable {reference.env}"
    else:
        where = f"the file {reference.file}"
        try:
            with Path(reference.file or "").open("rb") as file:
                found = file.read(LONGEST_SECRET).decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise Misconfigured(f"{where} of a secret cannot be read") from None
    if not found:
        raise Misconfigured(f"{where} of a secret is not there, or empty")
    return found


def _setting(name: str) -> str | None:
    """Return a variable where settings are read as well: it may be a file of secrets."""
    try:
        given = secret_settings(secrets_folder()) | file_settings() | dict(os.environ)
    except UnreadableFile as error:
        raise Misconfigured(str(error)) from None
    return given.get(name)


def _http(name: str, description: HttpDescription) -> Gateway:
    token = description.token
    return HttpGateway(
        description.url,
        name=name,
        token=secret(token) if token is not None else None,
        is_idempotent=description.idempotent,
        resends_unknown=description.resends_unknown,
        not_taken=frozenset(description.not_taken),
        connections=description.max_connections,
        connect_timeout_s=description.connect_timeout_s,
    )


def _smtp(name: str, description: SmtpDescription) -> Gateway:
    login = None
    if description.user is not None and description.password is not None:
        login = smtp.Login(description.user, secret(description.password))
    sender_name, sender = named_address(description.sender)
    return SmtpGateway(
        smtp.parse_endpoint(description.url, description.tls),
        name=name,
        sender=sender,
        sender_name=sender_name,
        login=login,
        resends_unknown=description.resends_unknown,
        connections=description.max_connections,
    )


def _writable(path: Path) -> Path:
    """Check that a file can be written there: messages to nowhere would be tried for ever."""
    if path.is_dir():
        raise Misconfigured(f"{path} is a folder; a file is needed")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise Misconfigured(f"{path} cannot be written; is its folder there, may we write in it?")
    return path
