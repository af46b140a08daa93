"""What a mailing says: its texts, what bounds them, and what stands in for a client's values."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from services.catalog.domain.sender import sender_mistake
from services.catalog.domain.text import mistake
from shared.errors import FieldError
from shared.template import TemplateInvalid, compile_template

Texts: TypeAlias = Mapping[str, str | None]  # by the names of `LIMITS`

# Characters. The bounds of body and HTML keep a run's event below what Kafka takes; a mail program
# shows no more of HTML (Gmail: 102 kB). A sender is a name like any other, and an address.
LIMITS = {"name": 200, "subject": 500, "body": 50_000, "html": 100_000, "sender": 460}
TEMPLATES = ("body", "subject", "html")


def in_texts(texts: Texts, before: Texts | None) -> Iterator[FieldError]:
    """Give what is wrong with the texts that are new to `before`."""
    for name, limit in LIMITS.items():
        text = texts[name]
        if text is None or (before is not None and before[name] == text):
            continue
        if not 1 <= len(text) <= limit:
            yield FieldError(f"/{name}", "length", f"1 to {limit} characters", (1, limit))
        elif wrong := _mistake(name, text):
            yield wrong


def _mistake(name: str, text: str) -> FieldError | None:
    wrong = mistake(f"/{name}", text, has_lines=name in {"body", "html"})
    return sender_mistake("/sender", text) if name == "sender" and wrong is None else wrong


def in_templates(texts: Texts) -> Iterator[FieldError]:
    """Give what is wrong with the variables of all texts; one that is too long is not read."""
    for name in TEMPLATES:
        text = texts[name]
        if text is None or len(text) > LIMITS[name]:
            continue
        try:
            compile_template(text, f"/{name}", is_html=name == "html")
        except TemplateInvalid as error:
            yield from error.field_errors
