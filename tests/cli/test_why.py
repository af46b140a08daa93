"""The command that says why a run, or a mailing, stands where it does."""

from typing import Any

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services, page

RUN = "0d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"
MAILING = "01a201e4-6c68-70f0-baaf-d5cbd070123b"


def why(**fields: Any) -> Json:
    numbers = {"planned": 3_000, "open": 2_000, "leased": 0, "retries": 0, "senders": 1}
    unknown = dict.fromkeys(("until", "unread", "rate_per_s", "left_s", "too_late", "behind_s"))
    about = {"run_id": RUN, "mailing_id": MAILING, "code": "behind", "sentence": "It is late."}
    return {**about, "as_of": "2026-01-01T12:00:00Z", **numbers, **unknown, **fields}


def test_a_run_says_why_in_a_sentence_and_in_numbers(
    services: Services, mailings: Mailings
) -> None:
    services.answer(f"/v1/runs/{RUN}/why", why(behind_s=75.0, until="2026-01-01T12:30:00Z"))

    lines = mailings("why", RUN).out.splitlines()

    assert lines[0].rstrip() == "It is late."
    shown = [line.split() for line in lines]
    assert ["code", "behind"] in shown
    assert ["open", "2,000"] in shown
    assert ["behind", "1", "min", "15", "s"] in shown
    assert ["until", "2026-01-01", "12:30:00", "UTC"] in shown
    assert not any("rate" in line for line in lines)  # it is not known


def test_programs_get_the_answer_as_it_is(services: Services, mailings: Mailings) -> None:
    services.answer(f"/v1/runs/{RUN}/why", why())

    assert mailings("why", RUN, "--output", "json").json == why()


def test_a_mailing_says_it_of_its_newest_run(services: Services, mailings: Mailings) -> None:
    services.refuse(f"/v1/runs/{MAILING}/why", 404, title="No run has this identifier.")
    services.answer("/v1/runs", page([{"run_id": RUN}]))
    services.answer(f"/v1/runs/{RUN}/why", why())

    assert mailings("why", MAILING).out.startswith("It is late.")
    assert services.asked[1].parameters == {"mailing_id": MAILING, "limit": "1"}


@pytest.mark.parametrize("runs", [[], [{"run_id": RUN}]])
@pytest.mark.parametrize("status", ["created", "running", "paused"])
def test_a_mailing_that_recurs_says_when_it_runs_next(
    services: Services, mailings: Mailings, mailing: Json, runs: list[Json], status: str
) -> None:
    services.refuse(f"/v1/runs/{MAILING}/why", 404, title="No run has this identifier.")
    services.answer("/v1/runs", page(runs))
    services.answer(f"/v1/runs/{RUN}/why", why(code="ended", sentence="It ended."))
    services.answer(
        f"/v1/mailings/{MAILING}",
        mailing | {"mailing_id": MAILING, "status": status, "schedule": {"entries": []}},
    )
    next_one = {"next_fire_at": "2030-03-01T06:00:00Z", "next_nominal": "2030-03-01T09:00[X]"}
    services.answer(f"/v1/schedules/{MAILING}", next_one)

    result = mailings("why", MAILING)

    assert "the next run begins at 2030-03-01" in result.out
    assert ("will wait" in result.out) == (status == "paused")


@pytest.mark.parametrize("is_deleted", [False, True])
def test_the_end_of_the_only_run_is_the_answer(
    services: Services, mailings: Mailings, mailing: Json, *, is_deleted: bool
) -> None:
    services.refuse(f"/v1/runs/{MAILING}/why", 404, title="No run has this identifier.")
    services.answer("/v1/runs", page([{"run_id": RUN}]))
    services.answer(f"/v1/runs/{RUN}/why", why(code="ended", sentence="It ended."))
    if is_deleted:
        services.refuse(f"/v1/mailings/{MAILING}", 404, title="No mailing has this identifier.")
    else:
        services.answer(f"/v1/mailings/{MAILING}", mailing | {"status": "finished"})

    assert mailings("why", MAILING).out.startswith("It ended.")


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        (
            {"status": "created", "starts_at": "2999-01-01T12:00:00Z"},
            "not_begun",
            "It begins at 2",
        ),
        ({"status": "created"}, "not_begun", "Its start has come"),
        ({"status": "paused"}, "paused", "no run yet"),
        ({"status": "stopped"}, "stopped", "before it had a run"),
        ({"status": "finished", "missed_reason": "window_over"}, "missed", "missed: window_over"),
        ({"status": "running"}, "not_heard", "It is running; the dispatcher has not read"),
    ],
)
def test_a_mailing_without_a_run_says_why_it_has_none(
    services: Services, mailings: Mailings, mailing: Json, fields: Json, code: str, words: str
) -> None:
    services.refuse(f"/v1/runs/{MAILING}/why", 404, title="No run has this identifier.")
    services.answer("/v1/runs", page([]))
    services.answer(f"/v1/mailings/{MAILING}", mailing | fields)

    found = mailings("why", MAILING, "--output", "json").json

    assert (found["code"], words in found["sentence"]) == (code, True)


def test_what_is_neither_a_run_nor_a_mailing_is_said_to_be_none(
    services: Services, mailings: Mailings
) -> None:
    services.refuse(f"/v1/runs/{RUN}/why", 404, title="No run has this identifier.")
    services.answer("/v1/runs", page([]))
    services.refuse(f"/v1/mailings/{RUN}", 404, title="No mailing has this identifier.")

    result = mailings("why", RUN)

    assert result.code == Exit.NOT_FOUND
    assert "No run and no mailing" in result.err


def test_a_service_that_is_away_is_not_taken_for_an_answer(
    services: Services, mailings: Mailings
) -> None:
    services.refuse(f"/v1/runs/{RUN}/why", 503, title="Not now.")

    assert mailings("why", RUN).code == Exit.UNAVAILABLE
