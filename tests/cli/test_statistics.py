"""The figures, and the progress of a mailing."""

from typing import Any

import pytest

from cli import Exit
from cli.statistics.figures import STATUSES
from cli.statistics.progress import Progress, Rate, line
from tests.cli.conftest import Json, Mailings, Services

RUN = "0d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"


def counted(**by_status: int) -> Json:
    counts = dict.fromkeys(STATUSES, 0) | by_status
    return {"planned": sum(counts.values()), "attempts": 7, "by_status": counts}


def figures(mailing_id: str, *, is_finished: bool, **by_status: int) -> Json:
    run = {
        "run_id": RUN,
        "mailing_id": mailing_id,
        "is_expanded": True,
        "is_finished": is_finished,
        "scheduled_at": "2026-01-01T12:00:00Z",
        "missed_at": None,
        "finished_at": "2026-01-01T12:10:00Z" if is_finished else None,
        **counted(**by_status),
    }
    fresh = {"as_of": "2026-01-01T12:00:09Z", "lag_s": 0.25}
    return {"mailing_id": mailing_id, "runs": [run], **counted(**by_status), **fresh}


def reconcile(**run: Any) -> Json:
    return {"as_of": None, "lag_s": None, "reconciles": not run, "runs": [run] if run else []}


@pytest.fixture
def path(mailing: Json) -> str:
    return f"/v1/mailings/{mailing['mailing_id']}"


def test_totals_are_shown_with_their_age_and_whether_they_reconcile(
    services: Services, mailings: Mailings
) -> None:
    totals = {"mailings": 1, "runs": 1, "as_of": "2026-01-01T12:00:09Z", "lag_s": 0.25}
    services.answer("/v1/totals", {**totals, **counted(delivered=3, failed=1)})
    services.answer("/v1/reconcile", reconcile())

    lines = [each.split() for each in mailings("stats", "--reconcile").out.splitlines()]

    assert ["delivered", "3", "75.00", "%"] in lines
    assert ["reconciles", "yes"] in lines
    assert ["as", "of", "2026-01-01", "12:00:09", "UTC,", "0.2", "s", "ago"] in lines


def test_where_something_was_resent_clients_stand_beside_messages(
    services: Services, mailings: Mailings
) -> None:
    totals = {"mailings": 1, "runs": 2, "as_of": None, "lag_s": None}
    recipients = {"clients": 3, "by_status": counted(delivered=3)["by_status"]}
    figures = {**totals, **counted(delivered=3, failed=1), "recipients": recipients}
    services.answer("/v1/totals", figures)

    lines = [each.split() for each in mailings("stats").out.splitlines()]

    assert ["delivered", "3", "75.00", "%", "3"] in lines
    assert ["failed", "1", "25.00", "%", "0"] in lines


def test_figures_that_do_not_reconcile_are_named(services: Services, mailings: Mailings) -> None:
    totals = {"mailings": 0, "runs": 0, "as_of": None, "lag_s": None}
    wrong = {"run_id": RUN, "planned": 4, "sum_of_statuses": 3, "attempts": 1}
    services.answer("/v1/totals", {**totals, **counted()})
    services.answer("/v1/reconcile", reconcile(**wrong, counted_attempts=2, reconciles=False))

    lines = [each.split() for each in mailings("stats", "--reconcile").out.splitlines()]

    assert ["reconciles", "no"] in lines
    assert [RUN, "4", "3", "1", "2"] in lines


def test_figures_over_time_are_shown_in_a_few_rows_and_as_json_whole(
    services: Services, mailings: Mailings, mailing: Json, path: str
) -> None:
    at = [f"2026-01-01T12:00:{second:02}Z" for second in (0, 1, 2, 40)]
    by_status = {"delivered": [10, 0, 20, 5], "failed": [0, 1, 0, 0], "expired": [0] * 4}
    series = {"run_id": RUN, "step_s": 1, "at": at, "by_status": by_status}
    services.answer(path, figures(mailing["mailing_id"], is_finished=True, delivered=36))
    services.answer(f"/public{path}/series", series)

    lines = [each.split() for each in mailings("stats", mailing["mailing_id"]).out.splitlines()]
    whole = mailings("stats", mailing["mailing_id"], "-o", "json").json

    began = lines.index(["from", "delivered", "failed"])
    assert lines[began + 1] == ["2026-01-01", "12:00:00", "UTC", "30", "1", "█" * 20]
    assert lines[began + 2] == ["2026-01-01", "12:00:04", "UTC", "0", "0", "-"]
    assert lines[-1] == ["2026-01-01", "12:00:40", "UTC", "5", "0", "█" * 3]
    assert whole["series"] == series


def test_figures_without_a_series_are_shown_all_the_same(
    services: Services, mailings: Mailings, mailing: Json, path: str
) -> None:
    services.answer(path, figures(mailing["mailing_id"], is_finished=True, delivered=36))
    services.answer(f"/public{path}/series", {"title": "It is archived."}, status=410)

    result = mailings("stats", mailing["mailing_id"])

    assert result.code == Exit.OK
    assert "over time" not in result.out


def test_every_message_is_counted_anew_only_when_asked(
    services: Services, mailings: Mailings
) -> None:
    totals = {"mailings": 1, "runs": 1, "as_of": None, "lag_s": None}
    services.answer("/v1/totals", {**totals, **counted(delivered=3)})

    result = mailings("stats", "-o", "json")

    assert result.code == Exit.OK
    assert "reconcile" not in result.json
    assert [each.path for each in services.asked] == ["/v1/totals"]


def test_an_identifier_may_be_that_of_a_run(services: Services, mailings: Mailings) -> None:
    unknown = {"title": "No run of this mailing is known."}
    services.refuse(f"/v1/mailings/{RUN}", 404, **unknown)
    fresh = {"run_id": RUN, "as_of": None, "lag_s": None}
    services.answer(f"/v1/runs/{RUN}", {**fresh, **counted(delivered=2)})
    services.answer("/v1/reconcile", reconcile())

    result = mailings("stats", RUN, "--reconcile", "-o", "json")

    assert result.json["by_status"]["delivered"] == 2
    assert result.json["reconcile"]["reconciles"] is True
    assert services.asked[-1].parameters == {"run_id": RUN}


def test_where_there_are_no_figures_that_may_be_because_nothing_has_begun(
    services: Services, mailings: Mailings
) -> None:
    for path in (f"/v1/mailings/{RUN}", f"/v1/runs/{RUN}"):
        services.refuse(path, 404, title="Nothing has this identifier.")

    result = mailings("stats", RUN)

    assert result.code == Exit.NOT_FOUND
    assert f"There are no figures of {RUN}" in result.err
    assert "`./mailings mailings list`" in result.err


def test_watching_ends_when_the_mailing_has_finished_and_all_of_it_is_counted(
    services: Services, mailings: Mailings, mailing: Json, path: str
) -> None:
    mailing_id, finished = mailing["mailing_id"], {**mailing, "status": "finished"}
    services.answers[path] = []
    services.answer(
        path,
        mailing,
        figures(mailing_id, is_finished=False, planned=4),
        finished,
        figures(mailing_id, is_finished=True, planned=1, delivered=3),  # not all is counted
        finished,
        figures(mailing_id, is_finished=True, delivered=4),
    )

    result = mailings("mailings", "watch", mailing_id)

    assert result.code == Exit.OK
    assert len(services.asked) == 6
    assert "4 of 4 (100 %)" in result.out.splitlines()[-1]


def test_watching_as_json_gives_an_object_a_line(
    services: Services, mailings: Mailings, mailing: Json, path: str
) -> None:
    mailing_id = mailing["mailing_id"]
    done = figures(mailing_id, is_finished=True, delivered=4)
    services.answer(path, {**mailing, "status": "finished"}, done)

    result = mailings("mailings", "watch", mailing_id, "-o", "json")

    assert result.json["is_over"] is True
    assert (result.json["planned"], result.json["done"]) == (4, 4)


def test_watching_bears_with_a_service_that_is_away_for_a_moment(
    services: Services, mailings: Mailings, mailing: Json, path: str
) -> None:
    mailing_id = mailing["mailing_id"]
    services.refuse(path, 503, title="Try again later.")
    away = services.answers[path]
    done = figures(mailing_id, is_finished=True, delivered=4)
    services.answer(path, {**mailing, "status": "finished"}, done)
    services.answers[path] = away + services.answers[path]

    assert mailings("mailings", "watch", mailing_id).code == Exit.OK


def test_watching_what_is_not_there_ends_at_once(
    services: Services, mailings: Mailings, mailing: Json, path: str
) -> None:
    services.refuse(path, 404, title="No mailing has this identifier.")

    assert mailings("mailings", "watch", mailing["mailing_id"]).code == Exit.NOT_FOUND


def test_a_mailing_that_was_missed_is_over_and_says_why(mailing: Json) -> None:
    missed = {**mailing, "status": "finished", "missed_reason": "window_over"}

    now = Progress(missed, None)

    assert now.is_over
    assert "missed: window_over" in line(now).plain


def test_a_finished_mailing_is_not_over_before_its_run_is_known(mailing: Json) -> None:
    assert not Progress({**mailing, "status": "finished"}, None).is_over
    assert Progress({**mailing, "status": "stopped"}, None).is_over


def test_the_time_that_is_left_follows_from_the_rate(mailing: Json) -> None:
    half = figures(mailing["mailing_id"], is_finished=False, planned=50, delivered=50)

    assert Progress(mailing, half, 10.0).left_s == pytest.approx(5)
    assert Progress(mailing, half).left_s is None
    assert Progress(mailing, half, 0.0).left_s is None


def test_nobody_says_how_long_it_takes_while_messages_are_still_being_planned(
    mailing: Json,
) -> None:
    half = figures(mailing["mailing_id"], is_finished=False, planned=50, delivered=50)
    half["runs"][0]["is_expanded"] = False

    assert Progress(mailing, half, 10.0).left_s is None


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()

    rates = [
        rate.at(float(second), count) for second, count in enumerate([0, 0, 10, 20, 30, 40, 90])
    ]

    assert rates[0] is None
    assert rates[5] == pytest.approx(10)
    assert rates[6] == pytest.approx(20)
