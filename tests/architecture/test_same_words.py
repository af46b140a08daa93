"""The dispatcher has the same word for a thing on every floor: a use case and its rows."""

from pathlib import Path

DISPATCHER = Path(__file__).parents[2] / "services" / "dispatcher"
# What has no rows of its own, and rows that are only read for others.
HANDLERS_ONLY = {
    *(
        "backlog",
        "batching",
        "breaking",
        "events",
        "failing",
        "jobs",
        "packing",
        "ready",
        "sending",
        "tracing",
        "gateway_tests",
    ),
}
QUEUE_ONLY = {
    "audience",
    "blocks",
    "controls",
    "doubles",
    "exceptions",
    "expanded",
    "pending",
    "retries",
    "timing",
    "starts",
    "suppressions",
}


def modules(folder: str) -> set[str]:
    return {path.stem for path in (DISPATCHER / folder).glob("*.py")} - {"__init__"}


def test_a_use_case_and_its_rows_have_the_same_name() -> None:
    assert modules("handlers") - HANDLERS_ONLY == modules("queue") - QUEUE_ONLY


def test_what_stands_alone_is_there() -> None:
    assert modules("handlers") >= HANDLERS_ONLY
    assert modules("queue") >= QUEUE_ONLY
