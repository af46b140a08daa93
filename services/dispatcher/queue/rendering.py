"""Rendering: what the messages of runs say, and from whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.dispatcher.tables import runs
from shared.contracts.catalog import MessageClass
from shared.database import Connection
from shared.template import Template, TemplateInvalid, compile_template
from shared.unsubscribe import VARIABLE

NO_TEXT = compile_template("", "/body")


@dataclass(frozen=True, slots=True)
class RunTemplates:
    """The texts of a run's messages."""

    body: Template
    subject: Template | None = None
    html: Template | None = None
    sender: str | None = None  # None: the gateway's own
    traceparent: str | None = None
    is_by_chunk: bool = True
    is_valid: bool = True  # if not, nothing of it can be sent
    topic: str | None = None
    message_class: str = MessageClass.MARKETING

    def needs_link(self, *, is_mail: bool) -> bool:
        """Return whether its messages have an unsubscribe link: mails of marketing always do."""
        if is_mail and self.message_class == MessageClass.MARKETING:
            return True
        texts = (self.body, self.subject, self.html)
        return any(VARIABLE in each.variables for each in texts if each is not None)


NAMES = (
    *("run_id", "body", "subject", "html", "sender", "traceparent", "is_by_chunk"),
    *("topic", "message_class"),
)


async def templates(db: Connection, run_ids: Sequence[UUID]) -> dict[UUID, RunTemplates]:
    """Return the texts of these runs, ready to be rendered."""
    wanted = select(*(runs.c[name] for name in NAMES))
    rows = await db.execute(wanted.where(runs.c.run_id.in_(run_ids)))
    return {row.run_id: _templates(row) for row in rows}


def _templates(row: Any) -> RunTemplates:  # noqa: ANN401 - a row of runs
    """Return a run's texts. The catalog lets only templates pass, but a run may be older."""
    try:
        return RunTemplates(
            body=compile_template(row.body, "/body"),
            subject=_compiled(row.subject, "/subject"),
            html=_compiled(row.html, "/html", is_html=True),
            sender=row.sender,
            traceparent=row.traceparent,
            is_by_chunk=row.is_by_chunk,
            topic=row.topic,
            message_class=row.message_class,
        )
    except TemplateInvalid:
        return RunTemplates(
            body=NO_TEXT,
            traceparent=row.traceparent,
            is_by_chunk=row.is_by_chunk,
            is_valid=False,
        )


def _compiled(text: str | None, pointer: str, *, is_html: bool = False) -> Template | None:
    return None if text is None else compile_template(text, pointer, is_html=is_html)
