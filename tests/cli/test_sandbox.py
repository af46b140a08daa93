"""`sandbox` shows mails as a person reads them, what was taken, and sets faults."""

import json

import pytest

from cli import Exit
from tests.cli.conftest import Mailings, Services

MAIL = {
    "message_id": "<one@shop.example>",
    "date": "Sat, 29 Nov 2025 08:00:00 -0000",
    "sender": "Shop <news@shop.example>",
    "to": "Anna <anna@example.com>",
    "subject": "News",
    "text": "Good day\n[bold]Anna[/bold]",
}


def test_the_last_mails_are_shown_with_their_text(mailings: Mailings, services: Services) -> None:
    services.answer("/mails", {"items": [MAIL]})

    shown = mailings("sandbox", "mails", "--limit", "3")
    as_json = mailings("sandbox", "mails", "--output", "json")

    assert services.asked[0].parameters == {"limit": "3"}
    assert all(text in shown.out for text in ("Shop <news@shop.example>", "News"))
    assert "Good day\n[bold]Anna[/bold]\n" in shown.out
    assert json.loads(as_json.out) == [MAIL]


def test_without_mails_it_says_so(mailings: Mailings, services: Services) -> None:
    services.answer("/mails", {"items": []})

    assert "There are no mails." in mailings("sandbox", "mails").err


FAULTS = {"latency_ms": "0", "fail_share": 0.0, "has_starttls": True, "outage": None}


@pytest.mark.parametrize("part", ["mail", "gateway"])
def test_faults_of_both_gateways_are_shown_and_changed(
    mailings: Mailings, services: Services, part: str
) -> None:
    services.answer("/faults", FAULTS)

    shown = mailings("sandbox", "faults", part)
    mailings(
        "sandbox", "faults", part,
        "latency_ms=30", "fail_share=0.1", "has_starttls=false", "outage=0..5",
    )  # fmt: skip

    assert all(name in shown.out for name in FAULTS)
    asked = services.asked[-1]
    assert (asked.method, json.loads(asked.body)) == (
        "PATCH",
        {"latency_ms": "30", "fail_share": 0.1, "has_starttls": False, "outage": "0..5"},
    )


@pytest.mark.parametrize("change", ["unknown=1", "fail_share", "fail_share=much"])
def test_a_change_that_cannot_be_read_is_refused_and_nothing_is_changed(
    mailings: Mailings, services: Services, change: str
) -> None:
    services.answer("/faults", FAULTS)

    done = mailings("sandbox", "faults", "mail", "latency_ms=30", change)

    assert done.code == Exit.USAGE
    assert change.partition("=")[-1] in done.err
    assert [asked.method for asked in services.asked] == ["GET"]


def test_what_a_gateway_has_taken_is_counted(mailings: Mailings, services: Services) -> None:
    counts = {"accepted": 7, "failed": 1_000, "hung": 0}
    summary = {"requests": 1_007, "accepted": 7, "accepted_distinct": 6, "by_decision": counts}
    services.answer("/ledger/summary", summary)

    shown = mailings("sandbox", "ledger", "mail").out

    assert all(text in shown for text in ("1,007", "accepted_distinct", "1,000"))
    assert "hung" not in shown
    assert json.loads(mailings("sandbox", "ledger", "mail", "--output", "json").out) == summary
