"""A preview: what the message of a mailing says to one client."""

from dataclasses import dataclass
from types import SimpleNamespace

from services.catalog.domain.gateway import Contact
from services.catalog.domain.plan import Plan
from services.catalog.domain.profile import Profile
from services.catalog.domain.sms import Sms, sms_of
from shared.errors import FieldError, Invalid
from shared.template import RenderFailed, Template, as_line, compile_template
from shared.unsubscribe import PATH

EXAMPLE = f"https://unsubscribe.example{PATH}{'x' * 43}"  # as long as a link is


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it would be sent."""

    subject: str | None
    text: str
    html: str | None
    sms: Sms | None  # None: it is a mail
    missing: tuple[str, ...]  # variables of its texts that the client does not have


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a mailing, ready to be rendered."""

    body: Template
    subject: Template | None
    html: Template | None
    is_mail: bool

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that they name."""
        used = [each.variables for each in (self.body, self.subject, self.html) if each]
        return tuple(sorted({name for names in used for name in names}))

    def message(self, profile: Profile) -> Message:
        """Return the message to one client; its unsubscribe link leads nowhere.

        Raises:
            MessageNotRendered: It would fail.
        """
        client = SimpleNamespace(**profile.as_dict(), unsubscribe_url=EXAMPLE)
        subject = self._rendered(self.subject, client, "/subject")
        text = self._rendered(self.body, client, "/body") or ""
        return Message(
            subject=None if subject is None else as_line(subject),
            text=text,
            html=self._rendered(self.html, client, "/html"),
            sms=None if self.is_mail else sms_of(text),
            missing=tuple(name for name in self.variables if not getattr(client, name)),
        )

    @staticmethod
    def _rendered(template: Template | None, client: object, pointer: str) -> str | None:
        try:
            return None if template is None else template.render(client)
        except RenderFailed as error:
            raise MessageNotRendered(FieldError(pointer, "template_failed")) from error


def texts_of(plan: Plan, contact: Contact) -> Texts:
    """Return the texts of a plan whose gateway needs this contact.

    Raises:
        TemplateInvalid: One is no template; only those of older releases can be.
    """
    return Texts(
        body=compile_template(plan.body, "/body"),
        subject=None if plan.subject is None else compile_template(plan.subject, "/subject"),
        html=None if plan.html is None else compile_template(plan.html, "/html", is_html=True),
        is_mail=contact == "email",
    )


class MessageNotRendered(Invalid):
    """The message to this client cannot be rendered; sent, it would fail."""
