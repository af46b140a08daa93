"""What of a run may be sent again, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from services.dispatcher.domain.resend import (
    MailingIsStopped,
    ResendInvalid,
    ResendUnderWay,
    Resent,
    RunNotEnded,
    check,
    window,
)
from shared.errors import Conflict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def run(
    state: str = "finished", *, is_stopped: bool = False, is_under_way: bool = False
) -> Resent:
    return Resent(state, is_stopped, is_under_way)


@pytest.mark.parametrize(
    ("of", "refusal"),
    [
        (run("sending"), RunNotEnded),
        (run("expanding"), RunNotEnded),
        (run(is_stopped=True), MailingIsStopped),
        (run(is_under_way=True), ResendUnderWay),
    ],
)
def test_what_may_change_yet_or_is_not_wanted_is_not_sent_again(
    of: Resent, refusal: type[Conflict]
) -> None:
    check(run())

    with pytest.raises(refusal):
        check(of)


def test_a_resend_has_a_window_of_its_own_that_begins_now_at_the_earliest() -> None:
    assert window(None, NOW + HOUR, NOW) == (NOW, NOW + HOUR)
    assert window(NOW - HOUR, NOW + HOUR, NOW) == (NOW, NOW + HOUR)
    assert window(NOW + HOUR, NOW + 2 * HOUR, NOW) == (NOW + HOUR, NOW + 2 * HOUR)


@pytest.mark.parametrize(
    ("starts_at", "ends_at"), [(None, None), (None, NOW), (NOW + HOUR, NOW + HOUR)]
)
def test_a_window_without_an_end_or_that_never_is_open_is_refused(
    starts_at: datetime | None, ends_at: datetime | None
) -> None:
    with pytest.raises(ResendInvalid) as refused:
        window(starts_at, ends_at, NOW)

    assert refused.value.field_errors[0].pointer == "/ends_at"
