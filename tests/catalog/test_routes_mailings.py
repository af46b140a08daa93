"""Mailings over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.catalog.domain.mailing_commands import FinishRun, RecordRun
from services.catalog.handlers import handle
from shared.contracts.catalog import Filter, MailingCreated
from shared.event import Instant
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore
from shared.http import cursor_of
from shared.testing import FrozenClock
from tests.otlp import recorded_spans, trace_of

SPRING = {
    "name": "spring",
    "body": "Hello {{ full_name }}",
    "filter": {"operator_codes": ["916"], "tags": ["vip"]},
    "starts_at": "2026-01-01T13:00:00Z",
    "ends_at": "2026-01-01T14:00:00+00:00",
    "gateway": "log",
}

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


async def created(http: AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await http.post("/mailings", json=SPRING | fields)
    assert response.status_code == 201, response.text
    mailing: dict[str, Any] = response.json()
    return mailing


async def test_a_mailing_that_was_created_is_shown_at_once(http: AsyncClient) -> None:
    response = await http.post("/mailings", json=SPRING)

    mailing = response.json()
    assert (response.status_code, response.headers["etag"]) == (201, '"1"')
    assert response.headers["location"] == f"/v1/mailings/{mailing['mailing_id']}"
    assert mailing == SPRING | {
        "mailing_id": mailing["mailing_id"],
        "subject": None,
        "html": None,
        "sender": None,
        "priority": "normal",
        "max_attempts": None,
        "on_unknown": None,
        "schedule": None,
        "message_class": "marketing",
        "topic": None,
        "time_policy": None,
        "quiet_hours": None,
        "ends_at": "2026-01-01T14:00:00Z",
        "status": "created",
        "missed_reason": None,
        "paused_at": None,
        "paused_by": None,
        "paused_runs": [],
        "version": 1,
        "created_at": "2026-01-01T12:00:00Z",
        "changed_at": "2026-01-01T12:00:00Z",
    }
    shown = await http.get(f"/mailings/{mailing['mailing_id']}")
    assert (shown.json(), shown.headers["etag"]) == (mailing, '"1"')


async def test_a_command_and_what_it_puts_into_the_outbox_are_in_one_trace(
    http: AsyncClient,
) -> None:
    with recorded_spans() as spans:
        mailing = await created(http)

    command, put = spans.one("CreateMailing"), spans.one("put outbox")
    assert trace_of(command) == trace_of(put)
    assert (command.attributes or {})["mailings.stream"] == f"mailing-{mailing['mailing_id']}"


async def test_what_is_left_out_is_for_everybody_now_over_http(http: AsyncClient) -> None:
    body = {name: SPRING[name] for name in ("name", "body", "ends_at")}

    mailing = (await http.post("/mailings", json=body)).json()

    assert mailing["filter"] == {"operator_codes": [], "tags": []}
    assert (mailing["starts_at"], mailing["gateway"]) == ("2026-01-01T12:00:00Z", "http")


async def test_each_command_answers_with_the_next_version(http: AsyncClient) -> None:
    mailing = await created(http)
    path = f"/mailings/{mailing['mailing_id']}"

    answers = [await http.post(f"{path}/{verb}") for verb in ("start", "pause", "resume", "stop")]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.headers["etag"] for answer in answers] == ['"2"', '"3"', '"4"', '"5"']
    statuses = [answer.json()["status"] for answer in answers]
    assert statuses == ["created", "paused", "created", "stopped"]


@pytest.mark.parametrize("verb", ["pause", "resume", "stop"])
async def test_who_moves_the_switch_of_a_mailing_may_name_themselves(
    http: AsyncClient, verb: str
) -> None:
    path = f"/mailings/{(await created(http))['mailing_id']}"
    await http.post(f"{path}/pause")

    named = await http.post(f"{path}/{verb}", json={"by": "anna"})
    refused = await http.post(f"{path}/{verb}", json={"by": "a\nb"})

    assert (named.status_code, refused.status_code) == (200, 422)


async def test_a_command_that_came_already_changes_nothing(http: AsyncClient) -> None:
    mailing = await created(http)
    path = f"/mailings/{mailing['mailing_id']}"

    first, second = [await http.post(f"{path}/stop") for _ in range(2)]

    assert (second.status_code, second.json()) == (200, first.json())


async def test_a_stopped_mailing_cannot_be_started_again(http: AsyncClient) -> None:
    mailing = await created(http)
    path = f"/mailings/{mailing['mailing_id']}"
    await http.post(f"{path}/stop")

    response = await http.post(f"{path}/start")

    assert (response.status_code, response.json()["type"]) == (409, "MailingAlreadyEnded")
    assert "Create another one" in response.json()["title"]


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "stop"])
async def test_a_command_for_a_version_that_is_gone_is_refused(
    http: AsyncClient, verb: str
) -> None:
    mailing = await created(http)
    path = f"/mailings/{mailing['mailing_id']}"
    await http.patch(path, json={"name": "summer"})

    response = await http.post(f"{path}/{verb}", headers={"If-Match": '"1"'})

    assert (response.status_code, response.json()["type"]) == (412, "StaleVersion")


async def test_a_mailing_that_someone_else_changed_meanwhile_is_not_changed(
    http: AsyncClient,
) -> None:
    mailing = await created(http)
    path = f"/mailings/{mailing['mailing_id']}"

    first = await http.patch(path, json={"name": "summer"}, headers={"If-Match": '"1"'})
    second = await http.patch(path, json={"name": "winter"}, headers={"If-Match": '"1"'})

    assert (first.status_code, second.status_code) == (200, 412)
    assert (await http.get(path)).json() == mailing | {"name": "summer", "version": 2}


async def test_a_filter_that_is_given_in_part_keeps_its_other_part(http: AsyncClient) -> None:
    mailing = await created(http, subject="Dear")
    changes = {"filter": {"tags": ["new"]}, "subject": None, "gateway": "http"}

    response = await http.patch(f"/mailings/{mailing['mailing_id']}", json=changes)

    assert response.json() == mailing | {
        "filter": {"operator_codes": ["916"], "tags": ["new"]},
        "subject": None,
        "gateway": "http",
        "version": 2,
    }


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"filter": None}, {"filter": {"operator_codes": [], "tags": []}}),
        ({"filter": {"tags": None}}, {"filter": {"operator_codes": ["916"], "tags": []}}),
        ({"filter": {"operator_codes": None, "tags": ["a"]}},
         {"filter": {"operator_codes": [], "tags": ["a"]}}),
        ({"filter": {}}, {}),
        ({"subject": None}, {"subject": None}),
        ({"html": None, "sender": None}, {}),
        ({"priority": None}, {"priority": "normal"}),
        ({"message_class": None}, {"message_class": "marketing"}),
        ({"max_attempts": None, "on_unknown": None}, {"max_attempts": None, "on_unknown": None}),
        ({"gateway": None}, {"gateway": "http"}),
        ({"starts_at": None}, {"starts_at": "2026-01-01T12:00:00Z"}),
        ({}, {}),
    ],
)  # fmt: skip
async def test_null_removes_as_if_it_had_never_been_named(
    http: AsyncClient, changes: dict[str, Any], after: dict[str, Any]
) -> None:
    mailing = await created(
        http,
        subject="Dear",
        filter={"operator_codes": ["916"], "tags": ["vip"]},
        gateway="log",
        starts_at="2026-01-01T12:30:00Z",
        priority="urgent",
        max_attempts=3,
        on_unknown="prefer_silence",
        message_class="critical",
    )

    response = await http.patch(
        f"/mailings/{mailing['mailing_id']}",
        json=changes,
        headers={"Content-Type": "application/merge-patch+json"},
    )

    version = 2 if after else 1
    assert response.status_code == 200, response.text
    assert response.json() == mailing | after | {"version": version}


async def test_a_mail_has_html_and_a_sender_which_can_be_removed_again(http: AsyncClient) -> None:
    fields = {
        "subject": "Spring",
        "html": "<b>{{ full_name }}</b>",
        "sender": "S <s@shop.example>",
    }
    mailing = await created(http, gateway="smtp", **fields)
    path = f"/mailings/{mailing['mailing_id']}"
    assert mailing.items() >= fields.items()

    other = await http.patch(path, json={"html": "<i>", "sender": "a@shop.example"})
    plain = await http.patch(path, json={"html": None, "sender": None})

    assert (other.json()["html"], other.json()["sender"]) == ("<i>", "a@shop.example")
    assert (plain.json()["html"], plain.json()["sender"]) == (None, None)


async def test_a_mailing_has_a_priority_and_a_class_and_says_how_its_messages_are_retried(
    http: AsyncClient,
) -> None:
    fields = {"priority": "bulk", "max_attempts": 5, "on_unknown": "prefer_silence"}
    fields["message_class"] = "transactional"
    mailing = await created(http, **fields)
    path = f"/mailings/{mailing['mailing_id']}"
    assert mailing.items() >= fields.items()

    others = {"priority": "urgent", "max_attempts": 1, "on_unknown": "prefer_delivery"}
    others["message_class"] = "critical"
    changed = await http.patch(path, json=others)
    [listed] = (await http.get("/mailings")).json()["items"]

    assert changed.json().items() >= others.items()
    assert listed == (await http.get(path)).json() == changed.json()


@pytest.mark.parametrize("name", ["name", "body", "ends_at"])
async def test_what_a_mailing_needs_cannot_be_removed(http: AsyncClient, name: str) -> None:
    mailing = await created(http)

    response = await http.patch(f"/mailings/{mailing['mailing_id']}", json={name: None})

    assert (response.status_code, response.json()["type"]) == (422, "MailingInvalid")
    assert response.json()["errors"] == [
        {"pointer": f"/{name}", "code": "required", "detail": "it cannot be removed"}
    ]


@pytest.mark.parametrize(
    "instant", [1_770_000_000, 1.77e9, "1770000000", "1.77e9", "+1770000000.5", True, None]
)
async def test_a_number_is_no_instant(http: AsyncClient, instant: object) -> None:
    response = await http.post("/mailings", json=SPRING | {"ends_at": instant})

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {
            "pointer": "/ends_at",
            "code": "datetime_type",
            "detail": "a date-time is needed, as in 2026-01-31T12:00:00Z",
        }
    ]


@pytest.mark.parametrize("status", ["absent", "deleted", "nonsense"])
async def test_a_status_that_is_never_shown_cannot_be_asked_for(
    http: AsyncClient, status: str
) -> None:
    response = await http.get("/mailings", params={"status": status})

    assert response.status_code == 422
    assert "'created'" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"ends_at": "2026-01-01T13:00:00.5Z"}, "/ends_at", "window_too_short"),
        ({"ends_at": "2026-01-01T12:00:00"}, "/ends_at", "timezone_aware"),
        ({"ends_at": "soon"}, "/ends_at", "datetime_from_date_parsing"),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, "/ends_at", "value_error"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "/starts_at", "value_error"),
        ({"gateway": "pigeon"}, "/gateway", "unknown_gateway"),
        ({"gateway": "Pigeon"}, "/gateway", "unknown_gateway"),
        ({"body": "Hello {{ nmae }}"}, "/body", "unknown_variable"),
        ({"body": ""}, "/body", "length"),
        ({"html": "<p>"}, "/html", "of_mails"),
        ({"sender": "S <s@shop.example>"}, "/sender", "of_mails"),
        ({"priority": "asap"}, "/priority", "enum"),
        ({"priority": None}, "/priority", "enum"),
        ({"message_class": "spam"}, "/message_class", "enum"),
        ({"max_attempts": 0}, "/max_attempts", "greater_than_equal"),
        ({"max_attempts": 1_000_001}, "/max_attempts", "less_than_equal"),
        ({"max_attempts": "3"}, "/max_attempts", "int_type"),
        ({"on_unknown": "prefer_luck"}, "/on_unknown", "enum"),
        ({"filter": {"tgas": []}}, "/filter/tgas", "extra_forbidden"),
        ({"filter": {"tags": ["\0"]}}, "/filter/tags/0", "tags"),
        ({"filter": {"operator_codes": ["9"]}}, "/filter/operator_codes/0", "operator_code"),
        ({"mailing_id": str(UUID(int=1))}, "/mailing_id", "extra_forbidden"),
    ],
)
async def test_a_mailing_that_cannot_be_is_refused_with_the_place(
    http: AsyncClient, fields: dict[str, Any], pointer: str, code: str
) -> None:
    response = await http.post("/mailings", json=SPRING | fields)

    assert response.status_code == 422
    assert [(each["pointer"], each["code"]) for each in response.json()["errors"]] == [
        (pointer, code)
    ]


async def test_a_mailing_that_was_deleted_is_gone(http: AsyncClient) -> None:
    mailing = await created(http)
    path = f"/mailings/{mailing['mailing_id']}"

    response = await http.delete(path)

    assert response.status_code == 204
    assert (await http.get(path)).json()["type"] == "MailingUnknown"
    assert (await http.post(f"{path}/start")).status_code == 404
    assert (await http.get("/mailings")).json()["items"] == []


async def test_a_request_that_is_repeated_with_its_key_creates_one_mailing(
    http: AsyncClient, clock: FrozenClock
) -> None:
    body = {name: SPRING[name] for name in ("name", "body", "ends_at")}
    key = {"Idempotency-Key": "k1"}
    first = await http.post("/mailings", json=body, headers=key)
    clock.now += timedelta(seconds=5)

    second = await http.post("/mailings", json=body, headers=key)
    other = await http.post("/mailings", json=body | {"name": "x"}, headers=key)

    assert (second.status_code, second.json()) == (201, first.json())
    assert (other.status_code, other.json()["type"]) == (422, "MailingDiffers")
    assert len((await http.get("/mailings")).json()["items"]) == 1


async def test_a_key_whose_mailing_was_deleted_is_refused(http: AsyncClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await http.post("/mailings", json=SPRING, headers=key)
    await http.delete(f"/mailings/{first.json()['mailing_id']}")

    response = await http.post("/mailings", json=SPRING, headers=key)

    assert (response.status_code, response.json()["type"]) == (409, "MailingWasDeleted")
    assert (await http.get("/mailings")).json()["items"] == []


async def test_the_newest_mailing_stands_first_and_pages_follow(
    http: AsyncClient, clock: FrozenClock
) -> None:
    ids = []
    for _ in range(4):
        ids.append((await created(http))["mailing_id"])
        clock.now += timedelta(seconds=1)
    first = (await http.get("/mailings", params={"limit": 2})).json()
    behind = {"limit": 2, "cursor": first["next_cursor"]}

    second = (await http.get("/mailings", params=behind)).json()
    await http.delete(f"/mailings/{ids[2]}")  # the last one shown: its place stays
    again = (await http.get("/mailings", params=behind)).json()

    assert [each["mailing_id"] for each in first["items"]] == [ids[3], ids[2]]
    assert [each["mailing_id"] for each in second["items"]] == [ids[1], ids[0]]
    assert second["next_cursor"] is None
    assert again == second


@pytest.mark.parametrize(
    "key",
    [
        "2026-01-01T12:00:00+00:00",
        f"2026-01-01T12:00:00+00:00,{UUID(int=1)},1",
        "2026-01-01T12:00:00+00:00,1",
        f"2026-01-01T12:00:00,{UUID(int=1)}",
        f"0001-01-01T00:00:00+14:00,{UUID(int=1)}",
        f"9999-12-31T23:59:59-14:00,{UUID(int=1)}",
        f"yesterday,{UUID(int=1)}",
    ],
)
async def test_a_cursor_that_is_none_of_ours_is_refused(http: AsyncClient, key: str) -> None:
    response = await http.get("/mailings", params={"cursor": cursor_of(key)})

    assert (response.status_code, response.json()["type"]) == (422, "BadCursor")


async def test_mailings_are_found_by_their_status(
    http: AsyncClient, store: PostgresEventStore, now: Instant
) -> None:
    ids = [UUID((await created(http))["mailing_id"]) for _ in range(3)]
    for mailing_id in ids[1:]:
        await handle(store, RecordRun(mailing_id=mailing_id, now=now))
    await handle(store, FinishRun(mailing_id=ids[2], is_last=True, now=now))

    async def found(status: str) -> list[str]:
        page = (await http.get("/mailings", params={"status": status})).json()
        return [each["mailing_id"] for each in page["items"]]

    found_ids = [await found(status) for status in ("created", "running", "finished")]
    assert found_ids == [[str(each)] for each in ids]


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        ("start", "unexpected_body"),
        ("pause", "extra_forbidden"),
        ("resume", "extra_forbidden"),
        ("stop", "extra_forbidden"),
    ],
)
async def test_a_verb_with_what_it_does_not_know_is_refused_and_nothing_is_done(
    http: AsyncClient, verb: str, code: str
) -> None:
    mailing = await created(http)
    path = f"/mailings/{mailing['mailing_id']}"

    response = await http.post(f"{path}/{verb}", json={"until": "2026-01-01T14:00:00Z"})

    assert response.status_code == 422
    assert response.json()["errors"][0]["code"] == code
    assert (await http.get(path)).json() == mailing


async def test_a_status_that_does_not_exist_is_refused(http: AsyncClient) -> None:
    response = await http.get("/mailings", params={"status": "sleeping"})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/status"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"starts_at": "0001-01-01T00:00:00Z"}, "/starts_at"),  # the zero time of Go and .NET
        ({"starts_at": "1899-12-30T00:00:00Z"}, "/starts_at"),  # that of spreadsheets
        ({"ends_at": "9999-12-31T23:59:59.999999Z"}, "/ends_at"),
        ({"ends_at": "9999-12-31T23:59:59Z"}, "/ends_at"),
        ({"ends_at": "2262-04-11T23:47:16Z"}, "/ends_at"),  # the last one in nanoseconds
    ],
)
async def test_an_instant_that_is_no_plan_is_refused_and_nothing_is_stored(
    http: AsyncClient, fields: dict[str, str], pointer: str
) -> None:
    response = await http.post("/mailings", json=SPRING | fields)

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]
    mailing = await created(http)
    changed = await http.patch(f"/mailings/{mailing['mailing_id']}", json=fields)
    assert changed.status_code == 422
    assert (await http.get("/mailings")).json()["items"] == [mailing]


async def test_a_mailing_that_was_stored_with_such_instants_is_shown_and_can_be_changed(
    http: AsyncClient, store: PostgresEventStore, now: Instant
) -> None:
    mailing_id, window = UUID(int=1), {"starts_at": FIRST, "ends_at": LAST}
    state: dict[str, Any] = (
        SPRING | window | {"filter": Filter(), "gateway": "log", "subject": None}
    )
    event = MailingCreated(**state, mailing_id=mailing_id, created_at=now)
    await store.append_many([Append(f"mailing-{mailing_id}", [event], 0)], now=now)

    (shown,) = (await http.get("/mailings")).json()["items"]
    ended = await http.patch(f"/mailings/{mailing_id}", json={"ends_at": SPRING["ends_at"]})

    assert shown["starts_at"] == "0001-01-01T00:00:00Z"
    assert shown["ends_at"] == "9999-12-31T23:59:59.999999Z"
    assert ended.status_code == 200, ended.text


async def test_a_preview_counts_whom_it_would_go_to_and_creates_nothing(
    http: AsyncClient,
) -> None:
    for number, tags, code in ((1, ["vip"], "916"), (2, ["vip", "new"], "917"), (3, [], "916")):
        body = {"phone": f"7916000000{number}", "tags": tags, "operator_code": code}
        assert (await http.post("/clients", json=body)).status_code == 201
    mail_only = {"email": "a@b.example", "tags": ["vip"], "operator_code": "916"}
    assert (await http.post("/clients", json=mail_only)).status_code == 201

    async def counted(**fields: Any) -> tuple[int, int]:
        answer = await http.post("/mailings/preview", json=SPRING | {"gateway": "http"} | fields)
        assert answer.status_code == 200
        found = answer.json()
        return found["clients"], found["without_contact"]

    assert await counted(filter={}) == (4, 1)
    assert await counted(filter={"tags": ["vip", "new"]}) == (3, 1)
    assert await counted(filter={"tags": ["vip"], "operator_codes": ["916"]}) == (2, 1)
    assert await counted(filter={"tags": ["vip"]}, gateway="log") == (3, 0)
    assert await counted(filter={"tags": ["vip"]}, gateway="smtp", subject="Spring") == (3, 2)
    assert await counted(filter={"tags": ["nobody"]}) == (0, 0)
    assert (await http.get("/mailings")).json()["items"] == []


async def test_a_preview_refuses_what_a_creation_would(http: AsyncClient) -> None:
    wrong = SPRING | {"body": "{{ nonsense }}"}

    created = await http.post("/mailings", json=wrong)
    previewed = await http.post("/mailings/preview", json=wrong)

    assert (previewed.status_code, previewed.json()["errors"]) == (422, created.json()["errors"])
