"""Building: a described gateway becomes one that sends."""

import os
from functools import partial
from pathlib import Path

from services.dispatcher.gateways import Gateway
from services.dispatcher.gateways.description import (
    Described,
    HttpDescription,
    LogDescription,
    SmtpDescription,
    channel_of,
    check_destination,
    references,
)
from services.dispatcher.gateways.http.composer import (
    Composer,
    ContractComposer,
    DescribedComposer,
)
from services.dispatcher.gateways.http.contract import judge
from services.dispatcher.gateways.http.endpoint import check_token
from services.dispatcher.gateways.http.gateway import Compose, HttpGateway, Judge, LookUp
from services.dispatcher.gateways.http.rules import LookUpJudge, RulesJudge
from services.dispatcher.gateways.http.template import OWN_ID, Values, basic, values_of
from services.dispatcher.gateways.http.url import parse_url
from services.dispatcher.gateways.log import LogGateway
from services.dispatcher.gateways.parts import SecretRef
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


def build(name: str, description: Described, *, allows_private: bool = False) -> Gateway:
    """Return the gateway that is described, not connected yet. Needs a running event loop.

    `allows_private`: whether it may be in a private network.

    Raises:
        Misconfigured: A secret cannot be read, or something in it cannot be used.
    """
    try:
        check_destination(description, allows_private=allows_private)
        match description:
            case HttpDescription():
                return _http(name, description, allows_private)
            case SmtpDescription():
                return _smtp(name, description, allows_private)
            case LogDescription():
                path = _writable(Path(description.path))
                return LogGateway(path, name=name, rotation=description.rotation)
    except ValueError as error:
        raise Misconfigured(str(error)) from error


def secrets_of(description: Described) -> tuple[str, ...]:
    """Return the secrets that a description refers to, as they are now.

    Raises:
        Misconfigured: One cannot be read.
    """
    return tuple(secret(each) for each in references(description))


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


def _http(name: str, described: HttpDescription, allows_private: bool) -> Gateway:  # noqa: FBT001 - it is passed on
    token = None if described.token is None else secret(described.token)
    password = None if described.password is None else secret(described.password)
    secrets = {key: secret(each) for key, each in described.secrets.items()}
    url, authorization = parse_url(described.url), None
    if described.user is not None and password is not None:
        authorization = basic(described.user, password)
    elif token is not None:
        check_token(token)
        authorization = f"Bearer {token}"
    composer: Composer = ContractComposer(url.endpoint, authorization)
    values = values_of(described.numeric_id_bits, described.sender, secrets)
    if described.request is not None:
        composer = DescribedComposer(url, described.request, values, authorization)
    judged: Judge = partial(judge, not_taken=described.not_taken)
    if described.answer is not None:
        judged = RulesJudge(described.answer, described.not_taken, described.contact).judge
    return HttpGateway(
        url.origin,
        name=name,
        is_idempotent=described.idempotent,
        resends_unknown=described.resends_unknown,
        connections=described.max_connections,
        connect_timeout_s=described.connect_timeout_s,
        composer=composer,
        look_up=_look_up(described, values, authorization),
        judge_answer=judged,
        channel=channel_of(described),
        allowed_senders=[*described.allowed_senders, *filter(None, [described.sender])],
        allows_private=allows_private,
        secrets=[each for each in (token, password, authorization, *secrets.values()) if each],
    )


def _look_up(
    described: HttpDescription, values: Values, authorization: str | None
) -> LookUp | None:
    lookup = described.lookup
    if lookup is None:
        return None

    def composing(url: str | None) -> Compose | None:
        if url is None:
            return None
        return DescribedComposer(
            parse_url(url, OWN_ID), lookup.request, values, authorization
        ).compose

    judged = LookUpJudge(lookup).judge
    return LookUp(composing(lookup.url), composing(lookup.url_by_own_id), judged)


def _smtp(name: str, description: SmtpDescription, allows_private: bool) -> Gateway:  # noqa: FBT001 - the same
    endpoint = smtp.parse_endpoint(description.url, description.tls)
    login, shown = None, description.token or description.password
    if description.user is not None and shown is not None:
        is_token = description.token is not None
        login = smtp.Login(description.user, secret(shown), is_token=is_token)
    reply_to = description.reply_to
    sender_name, sender = named_address(description.sender)
    return SmtpGateway(
        endpoint,
        allows_private=allows_private,
        name=name,
        sender=sender,
        sender_name=sender_name,
        allowed_senders=frozenset(description.allowed_senders),
        reply_to=named_address(reply_to) if reply_to else None,
        login=login,
        resends_unknown=description.resends_unknown,
        connections=description.max_connections,
        most_mails=description.mails_per_connection,
        most_age_s=description.connection_age_s,
    )


def _writable(path: Path) -> Path:
    """Check that a file can be written there: messages to nowhere would be tried for ever."""
    if path.is_dir():
        raise Misconfigured(f"{path} is a folder; a file is needed")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise Misconfigured(f"{path} cannot be written; is its folder there, may we write in it?")
    return path
