"""The command that postpones a mailing which has not begun."""

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services
from tests.cli.test_mailings import sent

WINDOW = {"starts_at": "2099-10-24T08:00:00Z", "ends_at": "2099-10-24T18:00:00Z"}


@pytest.fixture
def planned(services: Services, mailing: Json) -> Json:
    """Give a mailing on the day before clocks are put back in Berlin."""
    found = mailing | WINDOW | {"status": "created", "version": 7}
    services.answer(f"/v1/mailings/{found['mailing_id']}", found)
    return found


def seconds(changes: Json) -> Json:
    """Return changes with instants to the second, in UTC."""
    return {name: at.replace("+00:00", "Z") for name, at in changes.items()}


@pytest.mark.parametrize(
    ("how", "starts_at", "ends_at"),
    [
        (("--by", "1d"), "2099-10-25T08:00:00Z", "2099-10-25T18:00:00Z"),
        (("--by", "1h30m"), "2099-10-24T09:30:00Z", "2099-10-24T19:30:00Z"),
        (("--to", "2099-10-24T20:00Z"), "2099-10-24T20:00:00Z", "2099-10-25T06:00:00Z"),
    ],
)
def test_the_end_of_what_is_postponed_moves_along(
    services: Services,
    mailings: Mailings,
    planned: Json,
    how: tuple[str, str],
    starts_at: str,
    ends_at: str,
) -> None:
    result = mailings("mailings", "postpone", planned["mailing_id"], *how)

    assert result.code == Exit.OK
    assert seconds(sent(services)) == {"starts_at": starts_at, "ends_at": ends_at}


def test_what_was_changed_meanwhile_is_not_postponed(
    services: Services, mailings: Mailings, planned: Json
) -> None:
    mailings("mailings", "postpone", planned["mailing_id"], "--by", "1d")

    assert [(each.method, each.if_match) for each in services.asked] == [
        ("GET", None),
        ("PATCH", '"7"'),
    ]


@pytest.mark.parametrize(
    ("at", "changed"),
    [("2099-10-24T12:00", {"at": "2099-10-26T12:00"}), ("12:00", None)],
)
def test_the_day_that_clients_clocks_are_to_show_moves_by_the_clock(
    services: Services, mailings: Mailings, planned: Json, at: str, changed: Json | None
) -> None:
    policy = {"kind": "recipient_local", "zone": "Europe/Berlin", "at": at}
    path = f"/v1/mailings/{planned['mailing_id']}"
    services.answer(
        path, planned | {"time_policy": policy | {"already_passed": "skip", "no_zone": "skip"}}
    )

    to = "2099-10-26T10:00+01:00"  # 49 hours later, at the same time of day
    mailings("mailings", "postpone", planned["mailing_id"], "--to", to)

    assert sent(services).get("time_policy") == changed


@pytest.mark.parametrize(
    "how",
    [
        (),
        ("--by", "1d", "--to", "2099-10-25T10:00Z"),
        ("--by", "0s"),
        ("--by", "9999999d"),
        ("--to", "2020-01-01T10:00Z"),
        ("--to", "tomorrow"),
    ],
)
def test_a_start_that_cannot_be_is_a_mistake_of_usage(
    services: Services, mailings: Mailings, planned: Json, how: tuple[str, ...]
) -> None:
    result = mailings("mailings", "postpone", planned["mailing_id"], *how)

    assert result.code == Exit.USAGE
    assert [each for each in services.asked if each.method == "PATCH"] == []


def test_what_recurs_is_not_postponed_but_edited(
    services: Services, mailings: Mailings, planned: Json
) -> None:
    services.answer(f"/v1/mailings/{planned['mailing_id']}", planned | {"schedule": {}})

    result = mailings("mailings", "postpone", planned["mailing_id"], "--by", "1d")

    assert (result.code, "mailings edit" in result.err) == (Exit.CONFLICT, True)
    assert [each.method for each in services.asked] == ["GET"]


def test_what_was_changed_meanwhile_is_said_to_have_been(
    services: Services, mailings: Mailings, planned: Json
) -> None:
    path = f"/v1/mailings/{planned['mailing_id']}"
    found = services.answers[path]
    services.refuse(path, 412, title="It has another version by now.", type="StaleVersion")
    services.answers[path] = [*found, *services.answers[path]]

    result = mailings("mailings", "postpone", planned["mailing_id"], "--by", "1d")

    assert (result.code, "look at it again" in result.err) == (Exit.CONFLICT, True)
