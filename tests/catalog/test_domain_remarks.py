"""Who changes a mailing is told for what the change does not hold."""

from dataclasses import replace
from uuid import UUID

import pytest

from services.catalog.domain.mailing_state import Mailing, Status
from services.catalog.domain.remarks import Remark, of_plan, remarks
from tests.catalog.test_domain_recurring import NOW, PLAN, scheduled

RUN = UUID(int=7)
ONCE = replace(PLAN, schedule=None)
BEGUN = Mailing(status=Status.RUNNING, plan=ONCE, begun=(RUN,))
DAILY = Mailing(status=Status.RUNNING, plan=PLAN, begun=(RUN,), running=frozenset({RUN}))


@pytest.mark.parametrize(
    ("changed", "mailing", "said"),
    [
        ({"name"}, DAILY, []),
        ({"name", "body"}, DAILY, [Remark.NEXT_RUN]),
        ({"ends_at"}, DAILY, [Remark.OWN_WINDOW, Remark.NOT_EXPIRED]),
        ({"body"}, replace(DAILY, running=frozenset()), []),
        ({"body"}, replace(DAILY, status=Status.STOPPED), []),
        ({"ends_at"}, BEGUN, [Remark.NOT_EXPIRED]),
        ({"ends_at"}, replace(BEGUN, status=Status.PAUSED), [Remark.NOT_EXPIRED]),
        ({"name"}, BEGUN, []),
        ({"ends_at", "body"}, replace(BEGUN, begun=()), []),
    ],
)
def test_what_is_said_is_true_of_the_runs_that_are_going_on(
    changed: set[str], mailing: Mailing, said: list[Remark]
) -> None:
    assert remarks(changed, mailing, NOW) == said


LONG = scheduled(window_s=86_401)  # longer than a day


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"schedule"}, Status.CREATED, [Remark.OVERLAP]),
        ({"time_policy"}, Status.PAUSED, [Remark.OVERLAP]),
        ({"body"}, Status.CREATED, []),
        ({"schedule"}, Status.STOPPED, []),
    ],
)
def test_who_changes_the_times_is_told_that_occurrences_may_be_declined(
    changed: set[str], status: Status, said: list[Remark]
) -> None:
    assert remarks(changed, Mailing(status=status, plan=LONG), NOW) == said


def test_who_plans_a_mailing_is_told_the_same() -> None:
    assert of_plan(LONG, NOW) == [Remark.OVERLAP]
    assert of_plan(PLAN, NOW) == of_plan(ONCE, NOW) == []
