"""Unsubscribe links: texts may name one only where links are made."""

from services.catalog.domain.plan import MailingInvalid, Plan
from shared.errors import FieldError
from shared.template import compile_template
from shared.unsubscribe import VARIABLE

TEXTS = ("body", "subject", "html")


def check_links(plan: Plan, before: Plan | None, *, has_links: bool) -> None:
    """Refuse texts with a link that nobody can make, but for those of before.

    Raises:
        MailingInvalid: With the place of each.
    """
    if has_links:
        return
    detail = f"{VARIABLE}: there are no links, for UNSUBSCRIBE_URL is not set"
    mistakes = [
        FieldError(f"/{name}", "no_links", detail)
        for name in TEXTS
        if (text := getattr(plan, name)) is not None
        and text != getattr(before, name, None)
        and VARIABLE in compile_template(text, f"/{name}", is_html=name == "html").variables
    ]
    if mistakes:
        raise MailingInvalid(*mistakes)
