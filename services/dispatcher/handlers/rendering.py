"""Rendering: a message as its gateway gets it."""

from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.handlers.ready import Job


def outgoing(job: Job) -> OutgoingMessage:
    """Return a message with its texts, ready to be handed over."""
    run, contact = job.lease.run, job.contact
    body, subject, html = run.templates.body, run.templates.subject, run.templates.html
    return OutgoingMessage(
        job.message_id.encode(),
        contact.phone,
        contact.email,
        subject.render_line(contact) if subject else None,
        body.render(contact),
        run.trace,
        contact.full_name,
        html.render(contact) if html else None,
        run.templates.sender,
    )
