"""Senders: the From header of mails, the gateway's own or one that a mailing asks for. Pure."""

from collections.abc import Collection

from services.dispatcher.gateways.smtp.address import AddressInvalid, mailbox, normalized


class SenderNotAllowed(ValueError):
    """The gateway sends no mails from there."""


class Senders:
    """Who mails of one gateway may be from; the header of the sender before is kept."""

    def __init__(self, address: bytes, name: str | None, allowed: Collection[str]) -> None:
        """`allowed`: addresses, or domains such as `@shop.example`; `address` always is."""
        self._own = b"From: %b\r\n" % mailbox(name, address)
        self._allowed = {each.casefold() for each in (address.decode(), *allowed)}
        self._last: tuple[str, bytes] = ("", b"")

    def header(self, sender: str | None) -> bytes:
        """Return the From header for `NAME <ADDRESS>` or an address; None: the gateway's own.

        Raises:
            SenderNotAllowed: The gateway does not allow it, or no mail can come from there.
        """
        if sender is None:
            return self._own
        if sender != self._last[0]:
            self._last = (sender, self._header_of(sender))
        return self._last[1]

    def _header_of(self, sender: str) -> bytes:
        name, address = _split(sender)
        try:
            known = normalized(address)
        except AddressInvalid:
            raise SenderNotAllowed from None
        whole = known.decode().casefold()
        if not {whole, "@" + whole.rpartition("@")[2]} & self._allowed:
            raise SenderNotAllowed
        return b"From: %b\r\n" % mailbox(name, known)


def _split(sender: str) -> tuple[str | None, str]:
    """Return name and address."""
    name, bracket, rest = sender.rpartition("<")
    return (name, rest[:-1]) if bracket and rest.endswith(">") else (None, sender)
