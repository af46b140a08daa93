"""What services answer to the page, without services: examples of their documents, and values.

So a screen looks the same each time. A value that their document does not know is an error.
"""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

from deploy.local.home import PROJECT

Json = dict[str, Any]

SERVICES = ("catalog", "scheduler", "dispatcher", "stats")
NOW = "2026-03-01T12:00:00Z"
STATES = ("planned", "retry", "delivered", "failed")
STATES_LATE = ("expired", "cancelled", "undetermined", "suppressed")


@cache
def document(service: str) -> Json:
    found: Json = json.loads((PROJECT / "docs" / "openapi" / f"{service}.json").read_text())
    return found


def example(service: str, schema: str, /, **values: Any) -> Json:
    """Return the document's example of a schema, with other values for some of its fields.

    Raises:
        KeyError: The schema has no such field.
    """
    found = document(service)["components"]["schemas"][schema]
    unknown = set(values) - set(found["properties"])
    if unknown:
        raise KeyError(f"{service} {schema} has no {sorted(unknown)}")
    shown: Json = deepcopy(found["examples"][0])
    return shown | values


def series(_: str) -> Json:
    """Return how a run went: faster and faster, with a disturbance."""
    at = [f"2026-03-01T12:{minute:02}:{second:02}Z" for minute in range(4) for second in range(60)]
    delivered = [min(40 + 2 * step, 300) if not 90 < step < 110 else 20 for step in range(len(at))]
    failed = [4 if 90 < step < 110 else 0 for step in range(len(at))]
    none = [0] * len(at)
    states = dict.fromkeys((*STATES_LATE, "retry"), none)
    by_status = states | {"delivered": delivered, "failed": failed}
    return example("stats", "Series", at=at, by_status=by_status, step_s=1, is_complete=True)


def number(of: int) -> str:
    return f"01890a5d-0000-7000-8000-{of:012d}"


def counts(*values: int) -> Json:
    """Return how many messages are in which state, in the order of `STATES` and `STATES_LATE`."""
    return dict(zip((*STATES, *STATES_LATE), (*values, *[0] * (8 - len(values))), strict=True))


NAMES = (
    ("Spring sale for everybody who has bought something since the autumn", "running"),
    ("Night news", "paused"),
    ("Ежедневная сводка", "created"),
    ("Winter farewell", "finished"),
    ("Price list", "stopped"),
)
RECURRING, PLANNED = 3, 6  # the latter is in no list
RESENT = 1_000  # messages of the second run
RUNNING_IMPORT, RUNNING_CHECK = 42, 43
COUNTS = {
    1: counts(38_884, 14, 61_002, 88, 0, 0, 12),
    2: counts(7_000, 0, 2_000),
    4: counts(0, 0, 99_100, 400, 250, 0, 50, 200),
    5: counts(0, 0, 1_200, 10, 0, 3_790),
}


def mailings() -> list[Json]:
    made = []
    for at, (name, status) in enumerate(NAMES, start=1):
        recurs = {"schedule": None} if at != RECURRING else {}
        made.append(
            example(
                "catalog",
                "MailingView",
                mailing_id=number(at),
                name=name,
                status=status,
                ends_at="2026-03-01T18:00:00Z",
                gateway="http" if at != 2 else "smtp",
                paused_at=NOW if status == "paused" else None,
                paused_by=None,
                paused_runs=[],
                audience_id=None,
                audience_name=None,
                quiet_hours=None,
                time_policy=None,
                **recurs,
            )
        )
    made[2]["schedule"] |= {
        "entries": [{"daily": {"at": "09:00", "zone": "Europe/Moscow"}}],
        "except_dates": [],
        "count": None,
        "missed": "skip",
        "overlap": "allow",
    }
    return made


def planned() -> Json:
    """Return a mailing that runs once, and has not begun."""
    window = {"starts_at": "2026-03-03T07:00:00Z", "ends_at": "2026-03-03T15:00:00Z"}
    own = {"mailing_id": number(PLANNED), "name": "An offer for Tuesday", "status": "created"}
    return mailings()[0] | window | own


def by_client(known: Json) -> Json:
    """Return counts in which those of the second run count once."""
    counted = known | {"planned": max(known["planned"] - RESENT, 0)}
    return {"clients": sum(counted.values()), "by_status": counted}


def live() -> list[Json]:
    """Return the figures of the mailings, as everybody sees them."""
    public = {"created": "planned"}
    made = []
    for at, (name, status) in enumerate(NAMES, start=1):
        known = COUNTS.get(at, counts())
        is_running = status == "running"
        made.append(
            example(
                "stats",
                "LiveMailing",
                mailing_id=number(at),
                name=name,
                status=public.get(status, status),
                created_at=f"2026-03-01T0{9 - at}:00:00Z",
                ends_at="2026-03-01T18:00:00Z",
                is_recurring=at == RECURRING,
                next_at="2026-03-02T06:00:00Z" if at == RECURRING else None,
                run={"number": 0 if at == RECURRING else 1, "nominal": "once"},
                planned=sum(known.values()),
                attempts=sum(known.values()) + 4,
                by_status=known,
                recipients=by_client(known) if at == 1 else None,
                rate_per_s=212.0 if is_running else None,
                done_at="2026-03-01T12:03:00Z" if is_running else None,
                will_expire=1_300 if is_running else None,
            )
        )
    return made


def live_runs(mailing_id: str) -> Json:
    """Return a mailing with its run, as everybody sees it."""
    shown = next(each for each in live() if each["mailing_id"] == mailing_id)
    ran = {name: shown[name] for name in ("planned", "attempts", "by_status")}
    over = {"missed_at": None, "missed_reason": None, "finished_at": None}
    return shown | {"runs": [example("stats", "PublicRun", nominal="once", **over, **ran)]}


def runs() -> list[Json]:
    common: Json = {"mailing_id": number(1), "archived_at": None, "paused": [], "stopped": []}
    return [
        example(
            "dispatcher",
            "RunView",
            run_id=number(11),
            state="sending",
            planned=100_000,
            open=38_898,
            finished_at=None,
            **common,
        ),
        example(
            "dispatcher",
            "RunView",
            run_id=number(12),
            planned=RESENT,
            open=0,
            resent_from=number(11),
            **common,
        ),
    ]


def messages() -> list[Json]:
    states = (*STATES, *STATES_LATE)
    return [
        example(
            "dispatcher",
            "MessageView",
            message_id=f"message-{at}",
            client_id=number(30 + at),
            run_id=number(11),
            mailing_id=number(1),
            status=state,
            attempts=at,
            reason="timeout" if state in ("failed", "retry", "undetermined") else None,
        )
        for at, state in enumerate(states)
    ]


def clients() -> list[Json]:
    people: tuple[tuple[str | None, str, list[str]], ...] = (
        ("Анна Петрова", "79161234567", ["vip"]),
        (None, "79261234568", []),
    )
    return [
        example(
            "catalog",
            "ClientView",
            client_id=number(31 + at),
            full_name=name,
            phone=phone,
            email="anna.petrova@example.com" if name else None,
            operator_code=phone[1:4],
            tags=tags,
        )
        for at, (name, phone, tags) in enumerate(people)
    ]


def usage(in_flight: int, accepted: int, unknown: int) -> Json:
    answers: Json = {"accepted": accepted, "refused": 12, "not_processed": 3, "unknown": unknown}
    return example(
        "dispatcher", "UsageView", in_flight=in_flight, free=512 - in_flight, answers=answers
    )


def replica(at: int, *figures: int) -> Json:
    values = usage(*figures) | {"replica_id": number(60 + at), "is_stale": at == 1}
    return example("dispatcher", "ReplicaView", replica=f"dispatcher-{at}", **values)


PROBLEMS = [{"replica": "dispatcher-2", "problem": "no file at /run/secrets/sms"}]


def gateways() -> list[Json]:
    good: Json = {
        "breaker": "closed",
        "breaker_reason": None,
        "next_probe_at": None,
        "waits_until": None,
        "is_paused": False,
        "problem": None,
        "replicas_with_problem": 0,
        "problems": [],
        "description": {"kind": "http", "rate": 500, "max_connections": 64},
        "together": usage(84, 12_000, 340),
        "replicas": [replica(0, 60, 8_000, 40), replica(1, 24, 4_000, 300)],
    }
    return [
        example("dispatcher", "GatewayView", **good | {"name": "http", "kind": "http"}),
        example(
            "dispatcher",
            "GatewayView",
            **good
            | {"name": "smtp", "kind": "smtp", "contact": "email", "breaker": "open"}
            | {"breaker_reason": "timeout", "next_probe_at": "2026-03-01T12:00:30Z"},
        ),
        example(
            "dispatcher",
            "GatewayView",
            **good
            | {"name": "sms", "replicas_with_problem": 1}
            | {"problem": "no file at /run/secrets/sms", "problems": PROBLEMS},
        ),
        example(
            "dispatcher",
            "GatewayView",
            **good | {"name": "log", "kind": "log", "contact": None, "is_paused": True},
        ),
    ]


def letters() -> list[Json]:
    first = {"is_held": False, "is_requested": False, "key": number(1)}
    return [
        example("stats", "DeadLetterView", **first),
        example("stats", "DeadLetterView", **first | {"is_held": True, "offset": 2}),
    ]


def events() -> list[Json]:
    common: Json = {"run_id": None, "nominal": None, "reason": None, "changes": []}
    renamed = [
        {"field": "name", "before": "Spring", "after": NAMES[0][0]},
        {"field": "topic", "before": None, "after": "news"},
    ]
    return [
        example("catalog", "MailingEventView", **common | values)
        for values in (
            {"type": "MailingResumed", "version": 4},
            {"type": "MailingPaused", "version": 3},
            {"type": "MailingChanged", "version": 2, "by": None, "changes": renamed},
            {"type": "MailingCreated", "version": 1, "by": None, "causation_id": None},
        )
    ]


def why(_: str) -> Json:
    return example("dispatcher", "WhyView", code="sending", open=38_898, left_s=183.0)


def imports() -> list[Json]:
    common: Json = {"file_name": "clients.csv", "bytes": 120_000, "rows": 2_000}
    return [
        example(
            "catalog",
            "ImportView",
            import_id=number(41),
            rejected=12,
            dry_run=False,
            **common,
        ),
        *(
            example("catalog", "ImportView", import_id=number(each), status="running", **common)
            | {"dry_run": is_dry, "rejected": 0, "ended_at": None, "failure_reason": None}
            for each, is_dry in ((RUNNING_IMPORT, False), (RUNNING_CHECK, True))
        ),
    ]


def page(items: list[Json]) -> Json:
    return {"items": items, "next_cursor": None}


def live_page() -> Json:
    return {"items": live(), "next_cursor": None, "as_of": NOW, "lag_s": 0.2}


def facets() -> Json:
    values: list[Json] = [{"value": "vip", "count": 12_345}]
    return example(
        "catalog",
        "FacetsView",
        count=100_000,
        tags=values,
        operator_codes=[{"value": "916", "count": 50_000}],
    )


def figures(mailing_id: str) -> Json:
    known = COUNTS.get(int(mailing_id[-2:]), counts())
    run = {"planned": sum(known.values()), "attempts": sum(known.values()), "by_status": known}
    total = run | {"recipients": by_client(known)}
    found = example("stats", "MailingView", mailing_id=mailing_id, **total)
    found["runs"][0] |= run | {"run_id": number(11), "nominal": "once", "archived_at": None}
    return found


def one(items: list[Json], key: str, wanted: str) -> Json | None:
    return next((each for each in items if each[key] == wanted), None)


def named(gateway: Json) -> Json:
    """Return what the catalog knows of a gateway."""
    is_mail = gateway["contact"] == "email"
    senders: Json = {
        "sender": "Shop <news@shop.example>" if is_mail else None,
        "allowed_senders": ["@books.example"] if is_mail else [],
    }
    known = {name: gateway[name] for name in ("name", "contact", "is_paused")}
    return example("catalog", "GatewayView", **known | senders)


def about(service: str) -> Json:
    settings = {"LOG_FORMAT": "auto", "DATABASE_URL": "set", "HTTP_DRAIN": "PT20S"}
    return example(service, "AboutView", service=service, settings=settings)


METRICS = """kafka_consumer_lag{consumer="stats",topic="a"} 12
kafka_dead_letters_stored{consumer="stats"} 2
"""

ALIKE: dict[str, Json | str] = {"/metrics": METRICS, "/readyz": {"status": "ready"}}  # of all

Own = Callable[..., Json | str | None]
OWN: dict[tuple[str, str], Own] = {
    ("stats", "/public/v1/mailings"): live_page,
    ("stats", "/public/v1/mailings/{mailing_id}"): live_runs,
    ("stats", "/public/v1/mailings/{mailing_id}/series"): series,
    ("stats", "/v1/mailings/{mailing_id}"): figures,
    ("catalog", "/v1/mailings"): lambda: page(mailings()),
    ("catalog", "/v1/mailings/{mailing_id}"): lambda wanted: one(
        [*mailings(), planned()], "mailing_id", wanted
    ),
    ("catalog", "/v1/gateways"): lambda: page([named(each) for each in gateways()]),
    ("catalog", "/v1/clients"): lambda: page(clients()),
    ("catalog", "/v1/clients/facets"): facets,
    ("catalog", "/v1/suppressions/clients"): lambda: page(
        [{"client_id": number(32), "kind": "phone", "is_whole": False}]
    ),
    ("catalog", "/v1/clients/{client_id}"): lambda wanted: one(clients(), "client_id", wanted),
    ("catalog", "/v1/imports"): lambda: page(imports()),
    ("catalog", "/v1/imports/{import_id}"): lambda wanted: one(imports(), "import_id", wanted),
    ("catalog", "/v1/mailings/{mailing_id}/events"): lambda _: page(events()),
    ("stats", "/v1/dead-letters"): lambda: page(letters()),
    ("dispatcher", "/v1/runs/{run_id}/why"): why,
    ("dispatcher", "/v1/runs"): lambda: page(runs()),
    ("dispatcher", "/v1/messages"): lambda: page(messages()),
    ("dispatcher", "/v1/gateways"): lambda: page(gateways()),
    ("dispatcher", "/v1/gateways/{name}"): lambda wanted: one(gateways(), "name", wanted),
}


def answer(service: str, method: str, path: str, query: str = "") -> tuple[int, Json | str]:
    """Return status and body of a request: a value of ours, else the example of the document."""
    if path == "/v1/about":
        return 200, about(service)
    if path == "/v1/runs" and number(PLANNED) in query:
        return 200, page([])
    if path in ALIKE:
        return 200, ALIKE[path]
    paths = document(service)["paths"]
    for template in sorted(paths, key=lambda each: each.count("{")):
        found = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", template), path)
        if found is None or method.lower() not in paths[template]:
            continue
        own = OWN.get((service, template)) if method == "GET" else None
        body = (
            own(*found.groups()) if own else _example_of(service, paths[template][method.lower()])
        )
        if body is None:
            return 404, {"type": "Unknown", "title": "There is none.", "status": 404}
        return 200, body
    return 404, {"type": "NotFound", "title": f"No {method} {path}", "status": 404}


def _example_of(service: str, operation: Json) -> Json:
    for status in ("200", "201", "202"):
        content = operation["responses"].get(status, {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if "$ref" in schema:
            return example(service, schema["$ref"].rsplit("/", 1)[1])
    return {}
