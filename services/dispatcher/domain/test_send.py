"""A test send: one message of a mailing, saved or not, to one client or to a bare contact.

It is a run of its own, whose identifier says that it is a test: so whatever is done to runs and
messages is done to it, and whoever publishes something of it knows that he must not. All of them
belong to one mailing that is none, by which no switch of a mailing holds them.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from shared import ids
from shared.errors import Conflict, FieldError, Invalid, NotFound
from shared.phone import is_phone
from shared.template import compile_template

TEST_SENDS = ids.keyed_id("mailings", "test sends")  # what all test sends are runs of
WINDOW = timedelta(minutes=10)  # in which it is tried: somebody waits for it
# A bare contact is kept for so long after its test has ended: to see what became of it.
CONTACT_KEPT = timedelta(days=1)

LABEL = r"[^\s@.,:;<>()\[\]\\\"\x00-\x20\x7f]{1,63}"
EMAIL = re.compile(rf"""[^\s@,:;<>()\[\]\\"\x00-\x20\x7f]{{1,64}}@(?:{LABEL}\.)+(?!\d+$){LABEL}""")


class TestSendInvalid(Invalid):
    """A test send cannot be like this."""


class TestSendUnknown(NotFound):
    """No test send has this identifier."""


class TestSendDiffers(Conflict):
    """This Idempotency-Key was used for another test send."""


class ClientUnknown(NotFound):
    """No client with this identifier is known to the dispatcher."""


class Content(NamedTuple):
    """What a test send says, and through which gateway."""

    gateway: str
    body: str
    subject: str | None = None
    html: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom it goes: a client, or whoever has a phone or an e-mail address."""

    client_id: UUID | None = None
    phone: str | None = None
    email: str | None = None
    full_name: str | None = None

    @property
    def is_bare(self) -> bool:
        """Whether it is nobody that the catalog knows."""
        return self.client_id is None


@dataclass(frozen=True, slots=True)
class TestSend:
    """A test send that is to be made."""

    run_id: UUID
    content: Content
    recipient: Recipient
    mailing_id: UUID | None = None  # of which it is a test, if that is saved


def check(new: TestSend, needed: Literal["phone", "email"] | None) -> None:
    """Return if it can be sent through its gateway, which needs this contact.

    Raises:
        TestSendInvalid: With the place of each mistake.
        TemplateInvalid: One of its texts is no template.
    """
    to, content = new.recipient, new.content
    mistakes = _in_recipient(to)
    if not mistakes and to.is_bare and needed is not None and getattr(to, needed) is None:
        mistakes.append(FieldError(f"/to/{needed}", "missing", "its gateway needs it"))
    if needed == "email" and content.subject is None:
        mistakes.append(FieldError("/subject", "required", "a mail has a subject"))
    if mistakes:
        raise TestSendInvalid(*mistakes)
    compile_template(content.body, "/body")
    compile_template(content.subject or "", "/subject")
    compile_template(content.html or "", "/html", is_html=True)


def _in_recipient(to: Recipient) -> list[FieldError]:
    given = [name for name in ("phone", "email", "full_name") if getattr(to, name) is not None]
    if not to.is_bare:
        detail = "a client has its own"
        return [FieldError(f"/to/{name}", "of_client", detail) for name in given]
    if to.phone is None and to.email is None:
        return [FieldError("/to", "missing", "a client, a phone or an e-mail address")]
    mistakes = []
    if to.phone is not None and not is_phone(to.phone):
        mistakes.append(FieldError("/to/phone", "phone", "7 and ten digits, as in 79161234567"))
    if to.email is not None and not EMAIL.fullmatch(to.email):
        mistakes.append(FieldError("/to/email", "email", "as in anna@example.com"))
    if to.full_name is not None and not to.full_name.isprintable():
        mistakes.append(FieldError("/to/full_name", "characters", "one line of text"))
    return mistakes
