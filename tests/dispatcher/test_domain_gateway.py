"""A gateway's life: which command leads to which event, and which is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.dispatcher.domain.gateway import (
    DescribeGateway,
    GatewayCommand,
    GatewayInUse,
    GatewayUnknown,
    PauseGateway,
    RemoveGateway,
    ResumeGateway,
    Status,
    gateway,
    gateway_id,
    stream,
)
from shared.contracts.gateways import (
    GatewayDescribed,
    GatewayPaused,
    GatewayRemoved,
    GatewayResumed,
)
from shared.errors import Error

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)
NAME = "sms"
FIRST, SECOND = {"kind": "http", "url": "http://a"}, {"kind": "http", "url": "http://b"}
SAME: dict[str, Any] = {"gateway_id": gateway_id(NAME), "name": NAME}


def described(description: dict[str, Any]) -> GatewayDescribed:
    return GatewayDescribed(
        **SAME, kind="http", contact="phone", description=description, described_at=NOW
    )


def describing(description: dict[str, Any], *, only_new: bool = False) -> DescribeGateway:
    return DescribeGateway(
        name=NAME,
        kind="http",
        contact="phone",
        description=description,
        only_new=only_new,
        now=NOW,
    )


PAUSED, RESUMED = GatewayPaused(**SAME, paused_at=NOW), GatewayResumed(**SAME, resumed_at=NOW)
REMOVED = GatewayRemoved(**SAME, removed_at=NOW)
PAUSE, RESUME = PauseGateway(name=NAME, now=NOW), ResumeGateway(name=NAME, now=NOW)
REMOVE = RemoveGateway(name=NAME, is_used=False, now=NOW)
REMOVE_USED = RemoveGateway(name=NAME, is_used=True, now=NOW)
INHERIT = describing(SECOND, only_new=True)

HISTORIES: dict[str, list[Any]] = {
    "absent": [],
    "active": [described(FIRST)],
    "paused": [described(FIRST), PAUSED],
    "removed": [described(FIRST), PAUSED, REMOVED],
}


@pytest.mark.parametrize(
    ("history", "command", "events"),
    [
        ("absent", describing(FIRST), [described(FIRST)]),
        ("absent", INHERIT, [described(SECOND)]),
        ("active", describing(FIRST), []),
        ("active", describing(SECOND), [described(SECOND)]),
        ("active", INHERIT, []),
        ("active", PAUSE, [PAUSED]),
        ("active", RESUME, []),
        ("active", REMOVE, [REMOVED]),
        ("paused", describing(SECOND), [described(SECOND)]),
        ("paused", PAUSE, []),
        ("paused", RESUME, [RESUMED]),
        ("paused", REMOVE, [REMOVED]),
        ("removed", describing(FIRST), [described(FIRST)]),
        ("removed", INHERIT, []),
        ("removed", REMOVE, []),
        ("removed", REMOVE_USED, []),
    ],
)
def test_a_command_leads_to_what_has_not_happened_yet(
    history: str, command: GatewayCommand, events: list[Any]
) -> None:
    assert gateway.decide(command, gateway.replay(HISTORIES[history])) == events


@pytest.mark.parametrize(
    ("history", "command", "refusal"),
    [
        *(("absent", command, GatewayUnknown) for command in (PAUSE, RESUME, REMOVE)),
        *(("removed", command, GatewayUnknown) for command in (PAUSE, RESUME)),
        ("active", REMOVE_USED, GatewayInUse),
        ("paused", REMOVE_USED, GatewayInUse),
    ],
)
def test_what_makes_no_sense_is_refused(
    history: str, command: GatewayCommand, refusal: type[Error]
) -> None:
    with pytest.raises(refusal):
        gateway.decide(command, gateway.replay(HISTORIES[history]))


def test_a_gateway_that_is_changed_while_it_is_paused_stays_so() -> None:
    state = gateway.replay([described(FIRST), PAUSED, described(SECOND)])

    assert (state.status, state.description) == (Status.PAUSED, SECOND)


def test_one_that_is_described_after_its_removal_begins_anew() -> None:
    assert gateway.replay([*HISTORIES["removed"], described(FIRST)]).status is Status.ACTIVE


def test_a_gateways_stream_follows_from_its_name() -> None:
    assert stream("sms") == f"gateway-{gateway_id('sms')}" != stream("mail")
