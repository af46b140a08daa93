"""What a plan may say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.catalog.domain.content import LIMITS
from services.catalog.domain.gateway import Gateway
from services.catalog.domain.plan import (
    MailingAlreadyRunning,
    MailingInvalid,
    Plan,
    check,
    check_running,
)
from shared.contracts.catalog import Filter
from shared.errors import FieldError
from shared.template import TemplateInvalid

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
CENTURY, TOO_FAR = timedelta(days=36_525), "at most a hundred years from now"

PLAN = Plan(
    name="spring",
    body="Hello {{ full_name }}",
    subject=None,
    filter=Filter(operator_codes=("916",), tags=("vip",)),
    starts_at=NOW + HOUR,
    ends_at=NOW + 2 * HOUR,
    gateway="http",
)


REFUSED: list[tuple[dict[str, Any], FieldError]] = [
    ({"name": ""}, FieldError("/name", "length", "1 to 200 characters", (1, 200))),
    ({"name": "n" * 201}, FieldError("/name", "length", "1 to 200 characters", (1, 200))),
    ({"body": "b" * 50_001}, FieldError("/body", "length", "1 to 50000 characters", (1, 50_000))),
    ({"body": "a\0"}, FieldError("/body", "control_character", "no control characters")),
    ({"subject": ""}, FieldError("/subject", "length", "1 to 500 characters", (1, 500))),
    (
        {"ends_at": PLAN.starts_at},
        FieldError("/ends_at", "window_too_short", "at least a second after starts_at"),
    ),
    (
        {"starts_at": NOW - HOUR, "ends_at": NOW},
        FieldError("/ends_at", "window_over", "it has passed already"),
    ),
    (
        {"starts_at": NOW, "ends_at": NOW - HOUR},
        FieldError("/ends_at", "window_over", "it has passed already"),
    ),
    (
        {"starts_at": NOW, "ends_at": NOW + SECOND / 2},
        FieldError("/ends_at", "window_over", "at least a second from now"),
    ),
    *(
        ({"starts_at": at}, FieldError("/starts_at", "instant_too_far", TOO_FAR))
        for at in (FIRST, NOW - CENTURY - SECOND)
    ),
    *(
        ({"ends_at": at}, FieldError("/ends_at", "instant_too_far", TOO_FAR))
        for at in (LAST, NOW + CENTURY + SECOND)
    ),
    ({"html": "<p>"}, FieldError("/html", "of_mails", "only mails have HTML")),
    ({"sender": "a@b.de"}, FieldError("/sender", "of_mails", "only mails have a sender")),
    *(
        (
            {"max_attempts": n},
            FieldError("/max_attempts", "attempts", "1 to 1000000", (1, 1_000_000)),
        )
        for n in (-1, 0, 1_000_001)
    ),
    (
        {"filter": Filter(operator_codes=("91",))},
        FieldError("/filter/operator_codes/0", "operator_code", "three digits, as in 916"),
    ),
    (
        {"filter": Filter(tags=("vip", ""))},
        FieldError("/filter/tags/1", "tags", "1 to 100 characters", (1, 100)),
    ),
    (
        {"filter": Filter(tags=("\0",))},
        FieldError("/filter/tags/0", "tags", "1 to 100 characters", (1, 100)),
    ),
]


@pytest.mark.parametrize(("changes", "place"), REFUSED)
def test_a_plan_that_cannot_be_is_refused_with_its_place(
    changes: dict[str, Any], place: FieldError
) -> None:
    with pytest.raises(MailingInvalid) as refusal:
        check(replace(PLAN, **changes), NOW)

    assert refusal.value.field_errors == (place,)


MAIL = replace(PLAN, gateway="smtp", subject="Spring", html="<p>Hello</p>")


@pytest.mark.parametrize("name", ["name", "body", "subject", "html"])
def test_a_text_may_be_as_long_as_its_limit(name: str) -> None:
    longest: dict[str, Any] = {name: "x" * LIMITS[name]}
    longer: dict[str, Any] = {name: "x" * (LIMITS[name] + 1)}

    check(replace(MAIL, **longest), NOW)
    with pytest.raises(MailingInvalid):
        check(replace(MAIL, **longer), NOW)


def test_html_has_lines_and_variables_as_the_body() -> None:
    check(replace(MAIL, html="<p>\n{{ full_name }}\t{{ email }}"), NOW)
    with pytest.raises(TemplateInvalid) as refusal:
        check(replace(MAIL, html="<p>\n{{ nmae }}"), NOW)

    [place] = refusal.value.field_errors
    assert (place.pointer, place.detail[:16]) == ("/html", "line 2, column 1")


@pytest.mark.parametrize(
    "sender",
    [
        "news@shop.example",
        "<news@shop.example>",
        "Shop <news@shop.example>",
        "Лавка, 24/7 (Москва) <news@shop.example>",
        "Shop<news@shop.example>",
        "news@shop.example <news@shop.example>",
        "n" * 200 + f" <{'a' * 64}@{'.'.join(['d' * 44] * 4)}.example>",
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(sender: str) -> None:
    check(replace(MAIL, sender=sender), NOW)


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("", "length"),
        ("s" * 461, "length"),
        (" ", "blank"),
        ("Shop\r\nBcc: <all@shop.example>", "line_break"),
        ("Shop", "sender"),
        ("Shop <news>", "sender"),
        ("Shop news@shop.example", "sender"),
        ("Shop <news@shop.example> ", "sender"),
        ("Shop <news@shop.example", "sender"),
        ("news@shop.example, all@shop.example", "sender"),
        ("A <a@shop.example>, B <b@shop.example>", "sender"),
        ('"Shop" <news@shop.example>', "sender"),
        ("Sh\\op <news@shop.example>", "sender"),
        (f"{'a' * 64}@{'.'.join(['d' * 46] * 4)}.examples", "sender"),
    ],
)
def test_what_could_not_stand_in_from_is_no_sender(sender: str, code: str) -> None:
    with pytest.raises(MailingInvalid) as refusal:
        check(replace(MAIL, sender=sender), NOW)

    assert [(e.pointer, e.code) for e in refusal.value.field_errors] == [("/sender", code)]


def test_a_window_of_one_second_is_enough() -> None:
    check(replace(PLAN, starts_at=NOW, ends_at=NOW + SECOND), NOW)


@pytest.mark.parametrize("name", ["body", "subject"])
def test_a_variable_that_no_client_has_is_refused(name: str) -> None:
    changes: dict[str, Any] = {name: "Hi {{ nmae }}"}

    with pytest.raises(TemplateInvalid) as refusal:
        check(replace(PLAN, **changes), NOW)

    [place] = refusal.value.field_errors
    assert (place.pointer, place.code) == (f"/{name}", "unknown_variable")
    assert place.detail.startswith("line 1, column 4: 'nmae'")


def test_all_that_is_wrong_is_said_at_once_variables_too() -> None:
    wrong = replace(PLAN, name="", body="Hi {{ nmae }}", subject="{{ nmae }}")

    with pytest.raises(MailingInvalid) as refusal:
        check(wrong, NOW)

    assert [(each.pointer, each.code) for each in refusal.value.field_errors] == [
        ("/name", "length"),
        ("/body", "unknown_variable"),
        ("/subject", "unknown_variable"),
    ]


def test_a_text_that_is_too_long_is_not_read_for_variables() -> None:
    with pytest.raises(MailingInvalid) as refusal:
        check(replace(PLAN, body="{{ nmae }}" * 5_001), NOW)

    assert [each.code for each in refusal.value.field_errors] == ["length"]


@pytest.mark.parametrize(
    ("sender", "is_allowed"),
    [
        (None, True),
        ("news@shop.example", True),
        ("Another name <News@Shop.example>", True),
        ("sale@shop.example", False),
        ("Sale <sale@books.example>", True),
        ("sale@sub.books.example", False),
        ("a@xn--e1afmkfd.example", True),
        ("a@пример.example", True),
    ],
)
def test_a_sender_is_one_that_its_gateway_allows(sender: str | None, is_allowed: bool) -> None:
    allowed = ("@books.example", "@xn--e1afmkfd.example")
    gateways = {"smtp": Gateway("email", "Shop <news@shop.example>", allowed)}
    plan = replace(PLAN, gateway="smtp", subject="Spring", sender=sender)
    if is_allowed:
        check(plan, NOW, gateways=gateways)
        return

    with pytest.raises(MailingInvalid) as refusal:
        check(plan, NOW, gateways=gateways)

    [wrong] = refusal.value.field_errors
    assert (wrong.pointer, wrong.code) == ("/sender", "sender_not_allowed")
    assert wrong.detail == (
        "the gateway sends no mails from it; those that it allows are: "
        "news@shop.example, @books.example, @xn--e1afmkfd.example"
    )


def test_a_sender_that_was_allowed_before_keeps_nothing_else_from_changing() -> None:
    gateways = {"smtp": Gateway("email", "news@shop.example", ())}
    before = replace(PLAN, gateway="smtp", subject="Spring", sender="sale@shop.example")

    check(replace(before, name="summer"), NOW, before, gateways)
    with pytest.raises(MailingInvalid):
        check(before, NOW, replace(before, gateway="other"), gateways)


def test_any_sender_is_taken_where_it_is_not_known_which_are_allowed() -> None:
    plan = replace(PLAN, gateway="smtp", subject="Spring", sender="sale@shop.example")

    check(plan, NOW, gateways={"smtp": Gateway("email")})


def test_a_mail_has_a_subject() -> None:
    check(replace(PLAN, gateway="smtp", subject="Spring"), NOW)
    with pytest.raises(MailingInvalid) as refusal:
        check(replace(PLAN, gateway="smtp", subject=None), NOW)

    assert [(each.pointer, each.code) for each in refusal.value.field_errors] == [
        ("/subject", "required")
    ]


@pytest.mark.parametrize("by", [SECOND, -SECOND], ids=["later", "earlier"])
def test_once_a_run_has_begun_the_name_and_the_end_can_change(by: timedelta) -> None:
    check_running(PLAN, replace(PLAN, name="summer", ends_at=PLAN.ends_at + by))


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "other"},
        {"subject": "other"},
        {"filter": Filter()},
        {"starts_at": NOW},
        {"gateway": "log"},
        {"html": "<p>"},
        {"sender": "news@shop.example"},
        {"priority": "urgent"},
        {"max_attempts": 3},
        {"on_unknown": "prefer_silence"},
        {"message_class": "critical"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_once_a_run_has_begun_the_rest_is_fixed(changes: dict[str, Any]) -> None:
    with pytest.raises(MailingAlreadyRunning) as refusal:
        check_running(PLAN, replace(PLAN, **changes))

    assert [place.pointer for place in refusal.value.field_errors] == [f"/{next(iter(changes))}"]


def test_a_mailing_of_the_time_before_that_bound_can_still_be_changed() -> None:
    before = replace(PLAN, starts_at=FIRST, ends_at=LAST)

    check(replace(before, ends_at=NOW + HOUR), NOW, before)
    check(replace(before, name="summer"), NOW, before)


def test_a_window_may_be_a_century_away() -> None:
    check(replace(PLAN, starts_at=NOW - CENTURY, ends_at=NOW + CENTURY), NOW)
