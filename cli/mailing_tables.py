"""Mailings as tables, for people."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType

from cli.render import Json, facts, grid, instant, note

FEW = 5  # identifiers that are shown


def preview_table(preview: Json) -> RenderableType:
    """Return whom a mailing would go to, and what it says to one of them."""
    whole = preview.get("is_whole", True)
    lacking = preview.get("missing", {})
    return facts([
        ("would go to", preview["clients"] if whole else f"more than {preview['clients']:,}"),
        ("of them without contact", preview["without_contact"]),
        *((f"of them without {name}", count) for name, count in lacking.items()),
        ("starts", instant(preview["starts_at"])),
        ("ends", instant(preview["ends_at"])),
        *_message(preview.get("message")),
    ])  # fmt: skip


def _message(message: Json | None) -> list[tuple[str, object]]:
    """Return what a message says; catalogs of older releases show none."""
    if message is None:
        return []
    sms = message["sms"]
    of_mails = [(name, message[name]) for name in ("sender", "subject", "html") if message[name]]
    return [
        ("shown to", message["client_id"]),
        ("lacks", message["missing"]),
        ("text", message["text"]),
        *of_mails,
        *([("as SMS", _sms(sms))] if sms else []),
    ]


def _sms(sms: Json) -> str:
    names = {"gsm7": "GSM 7-bit", "ucs2": "UCS-2"}
    alphabet = names.get(sms["alphabet"], sms["alphabet"])
    return f"{sms['segments']} of {alphabet}, {sms['characters']} characters"


def mailings_table(found: Sequence[Json]) -> RenderableType:
    """Return mailings, one a line."""
    rows = (
        [
            each["mailing_id"],
            each["name"],
            "missed" if each.get("missed_reason") == "window_over" else each["status"],
            each["gateway"],
            instant(each["starts_at"]),
            instant(each["ends_at"]),
        ]
        for each in found
    )
    return grid(("mailing_id", "name", "status", "gateway", "starts", "ends"), rows)


def history_table(found: Sequence[Json]) -> RenderableType:
    """Return what happened to a mailing, one event a line."""
    rows = (
        [
            each["version"],
            instant(each["recorded_at"]),
            each["type"],
            each["by"],
            each["nominal"],
            each["reason"],
            ", ".join(change["field"] for change in each["changes"]),
        ]
        for each in found
    )
    return grid(("version", "at", "event", "by", "run", "reason", "changed"), rows)


def paused(switch: Json) -> str:
    """Return since when something is paused, and by whom, as far as that is known."""
    since = f" since {instant(switch['since'])}" if switch["since"] else ""
    return f"paused{since}" + (f" by {switch['by']}" if switch["by"] else "")


def _switches(found: Json) -> Iterator[tuple[str, object]]:
    """Yield what pauses it: its own switch, and those of its runs."""
    if found["status"] == "paused":
        yield "switch", paused({"since": found.get("paused_at"), "by": found.get("paused_by")})
    for each in found.get("paused_runs", ()):
        yield "switch of run", f"{each['run_id']} {paused(each)}"


def _schedule(schedule: Json | None) -> Iterator[tuple[str, object]]:
    """Yield when it recurs; catalogs of older releases say nothing."""
    if schedule is None:
        return
    for entry in schedule["entries"]:
        rest = {name: value for name, value in entry.items() if name not in ("kind", "zone")}
        shown = " ".join(map(_value, rest.values()))
        yield "repeats", f"{entry['kind']} {shown} ({entry['zone']})"
    yield "window of a run", f"{schedule['window_s']:,} s"
    yield "overlap, missed", f"{schedule['overlap']}, {schedule['missed']}"
    if schedule["count"]:
        yield "at most", f"{schedule['count']:,} times"
    if schedule["except_dates"]:
        yield "except on", schedule["except_dates"]


def _times(found: Json) -> Iterator[tuple[str, object]]:
    """Yield by whose clock messages are due; catalogs of older releases say nothing."""
    policy, quiet = found.get("time_policy"), found.get("quiet_hours")
    if policy is not None:
        at = f" at {policy['at']}" if policy["at"] else ""
        zone = f" ({policy['zone']})" if policy["zone"] else ""
        yield "due", f"{policy['kind']}{at}{zone}"
        yield "if passed, no zone", f"{policy['already_passed']}, {policy['no_zone']}"
        if policy["kind"] == "preferred_times":
            yield "else due", policy["otherwise"]
    if quiet is not None:
        is_none = quiet["begins"] == quiet["ends"]
        yield "quiet hours", "none" if is_none else f"{quiet['begins']}-{quiet['ends']}"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(map(str, value.values()))
    return ",".join(value) if isinstance(value, list) else str(value)


def filter_rows(wanted: Json) -> Iterator[tuple[str, object]]:
    """Yield whom a filter selects; its conditions as they are sent."""
    yield "tags", wanted["tags"] or "all"
    yield "operator codes", wanted["operator_codes"] or "all"
    for name in ("include", "exclude"):
        if condition := wanted.get(name):
            yield name, json.dumps(_counted(condition), ensure_ascii=False)
    if wanted.get("one_per_contact"):
        yield "of one contact", "one client"


def _counted(value: Any) -> Any:  # noqa: ANN401 - as JSON has it
    """Return a condition with the number of its identifiers where they are many."""
    if isinstance(value, list):
        return [_counted(each) for each in value]
    if not isinstance(value, dict):
        return value
    few = {name: each for name, each in value.items() if name != "client_ids" or len(each) <= FEW}
    counts = {"clients": f"{len(value['client_ids']):,}"} if len(few) < len(value) else {}
    return {name: _counted(each) for name, each in few.items()} | counts


def mailing_table(found: Json) -> RenderableType:
    """Return all that there is to say of a mailing."""
    return facts([
        ("mailing_id", found["mailing_id"]),
        ("name", found["name"]),
        ("status", found["status"]),
        ("missed", found["missed_reason"]),
        *_switches(found),
        *([("audience", found["audience_name"])] if found.get("audience_name") else []),
        *filter_rows(found["filter"]),
        ("starts", instant(found["starts_at"])),
        ("ends", instant(found["ends_at"])),
        *_schedule(found.get("schedule")),
        ("gateway", found["gateway"]),
        ("priority", found.get("priority")),
        ("class", found.get("message_class")),
        *_times(found),
        ("topic", found.get("topic")),
        ("attempts at most", found.get("max_attempts")),
        ("if unknown", found.get("on_unknown")),
        ("sender", found.get("sender")),
        ("subject", found["subject"]),
        ("body", found["body"]),
        ("html", found.get("html")),
        ("version", found["version"]),
        ("created", instant(found["created_at"])),
        ("changed", instant(found["changed_at"])),
    ])  # fmt: skip


def note_remarks(answer: Json) -> None:
    """Say what there is to be said of what was saved, or of a schedule."""
    for remark in answer.get("remarks") or ():  # none of an older release
        note(f"Note: {remark['detail']}.", "yellow")
