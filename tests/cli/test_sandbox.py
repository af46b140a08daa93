"""`sandbox mails` shows mails as a person reads them."""

import json

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
