"""Rendering: messages as their gateway gets them, before they start.

A text that cannot be rendered for a client fails that message and no other. What takes long is
rendered slice by slice: between two of them leases are renewed and answers are taken.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.handlers.jobs import Job
from shared import telemetry
from shared.template import as_line

log = structlog.get_logger()

# Of the event loop's time; what is rendered by one join takes some microseconds.
SLICE_S = 0.02


class Rendered(NamedTuple):
    """What became of jobs."""

    ready: Sequence[Job]  # with their messages
    failed: Sequence[Job]
    rest: Sequence[Job]  # not looked at in this slice


def render(jobs: Sequence[Job], gateway: str) -> Rendered:
    """Give jobs their messages, as many as can be rendered in a slice of time."""
    end = perf_counter() + SLICE_S
    failed: list[Job] = []
    for place, job in enumerate(jobs):
        if place and perf_counter() > end:
            return Rendered(_without(jobs[:place], failed), failed, jobs[place:])
        try:
            job.message = _message(job)
        except Exception as error:  # noqa: BLE001 - whatever a template does, the others go on
            _report(job, error)
            failed.append(job)
    if failed:
        telemetry.count("dispatcher.messages.unrendered", len(failed), gateway=gateway)
    return Rendered(_without(jobs, failed), failed, ())


def _without(jobs: Sequence[Job], failed: Sequence[Job]) -> Sequence[Job]:
    if not failed:
        return jobs
    names = {id(job) for job in failed}
    return [job for job in jobs if id(job) not in names]


def _report(job: Job, error: Exception) -> None:
    """Say once for each run what went wrong; never with a text, which has what a client has."""
    run = job.lease.run
    if not run.is_reported:
        run.is_reported = True
        cause = error.__cause__ or error
        log.warning("dispatcher.template_failed", run_id=run.run_id, error=type(cause).__name__)


def _message(job: Job) -> OutgoingMessage:
    """Return a message with its texts, ready to be handed over."""
    run, contact = job.lease.run, _with_link(job)
    body, subject, html = run.templates.body, run.templates.subject, run.templates.html
    return OutgoingMessage(
        job.message_id.encode(),
        contact.phone,
        contact.email,
        as_line(subject.render(contact)) if subject else None,
        body.render(contact),
        run.trace,
        contact.full_name,
        html.render(contact) if html else None,
        run.templates.sender,
        job.before.unknowns,
        contact.unsubscribe_url,
        job.gateway_message_id,
    )


def _with_link(job: Job) -> Contact:
    """Return the job's contact with its link; what may have arrived is repeated as it was."""
    contact, make = job.contact, job.lease.run.link
    if make is not None and not job.before.may_have_arrived:
        job.contact = contact = replace(contact, unsubscribe_url=make(job.client_id))
    return contact
