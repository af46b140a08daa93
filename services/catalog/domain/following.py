"""Following: a mailing goes to whom its saved audience selects, also when that is changed."""

from dataclasses import replace

from services.catalog.domain.mailing_commands import FollowAudience
from services.catalog.domain.mailing_state import Mailing, Status
from services.catalog.domain.plan import MailingInvalid, Plan, in_audience
from shared.contracts.catalog import MailingChanged

ENDED = (Status.STOPPED, Status.FINISHED, Status.DELETED)


def followed(command: FollowAudience, mailing: Mailing) -> list[MailingChanged]:
    """Take the filter of the audience, unless the only run has begun: that keeps what it has.

    Raises:
        MailingInvalid: With that filter there is no room for it in the log.
    """
    before = mailing.plan
    if before is None or before.audience_id != command.audience_id or mailing.status in ENDED:
        return []
    if before.filter == command.filter or (before.schedule is None and mailing.has_begun):
        return []
    plan = replace(before, filter=command.filter)
    if wrong := list(in_audience(plan, before)):
        raise MailingInvalid(*wrong)
    return [
        MailingChanged(mailing_id=command.mailing_id, changed_at=command.now, **plan.as_dict())
    ]


def as_created(wanted: Plan, first: Plan | None) -> Plan:
    """Return a plan that came again with the filter that its audience had the first time."""
    if first is None or wanted.audience_id is None or wanted.audience_id != first.audience_id:
        return wanted
    return replace(wanted, filter=first.filter)
