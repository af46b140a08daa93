import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.expansion import Expansion
from bench.features import Feature
from bench.idle import Idle
from bench.importing import Imported
from bench.limited import RATE, Limited, Twin, flow_alone
from bench.mail.alone import Alone
from bench.pausing import Pause, Pausing
from bench.pipeline import Pipeline, percentile_95
from bench.rebuild import Rebuilt
from bench.report import Report
from bench.small import Small
from bench.stored import Stored

RSS = {"catalog": 110.0, "dispatcher": 250.5}
SPENT = {"catalog": 50.0}
QUIET = {"idle": 0.2, "elsewhere": 0.01}
PIPELINE = Pipeline(
    gateway="idempotent",
    connections=256,
    latency_ms=(0, 0),
    messages=1_000,
    seconds=0.5,
    rate_per_s=2_000.0,
    ceiling_rate_per_s=10_000.0,
    ratio=0.2,
    lost=0,
    duplicated=0,
    stats_lag_p95_s=0.25,
    rss_mb=RSS,
    cpu_us_per_message={"dispatcher": 40.0, "postgres": 30.5},
    machine=QUIET,
    stored_per_million=Stored(kafka_mb=50.0, postgres_mb=150.0, outbox_mb=80.0),
)


SMALL = Small(
    mailings=2_000,
    clients=1,
    delivered=1_999,
    lost=0,
    duplicated=0,
    sent_after_s=60.0,
    finished_after_s=61.5,
    projected_after_s=62.0,
    cpu_ms_per_mailing=SPENT,
    machine=QUIET,
)


def _report(pipeline: Pipeline = PIPELINE) -> Report:
    return Report(
        Imported(1_000, 0.05, 20_000.0, 0.1, 0.2, RSS, SPENT, QUIET),
        pipeline,
        replace(PIPELINE, gateway="plain", rate_per_s=1_500.0),
        Expansion(1_000, 0.1, 10_000.0),
        Rebuilt(2_000, 20, 0.04, 50_000.0),
    )


def _lines(report: Report) -> dict[str, list[str]]:
    screen = Console(width=200, force_terminal=False)
    with screen.capture() as capture:
        screen.print(report.table())
    lines = (line.split("  ") for line in capture.get().splitlines())
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    return {line[0]: line[1:] for line in cells if line}


def test_the_files_have_the_keys_that_others_read(tmp_path: Path) -> None:
    _report().write(tmp_path)

    written = {path.stem: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert written["pipeline"].keys() >= {
        *("messages", "seconds", "rate_per_s", "ceiling_rate_per_s", "ratio", "cores", "lost"),
        *("duplicated", "stats_lag_p95_s", "expand_rate_per_s", "rss_mb", "cpu_us_per_message"),
    }
    assert written["pipeline"]["expand_rate_per_s"] == 10_000.0
    assert written["import"].keys() >= {"rows", "seconds", "rate_per_s"}
    assert written["rebuild"] == {
        "messages": 2_000,
        "events": 20,
        "seconds": 0.04,
        "rate_per_s": 50_000.0,
    }


def test_what_was_not_measured_is_not_written(tmp_path: Path) -> None:
    Report(Imported(1_000, 0.05, 20_000.0, 0.1, 0.2, RSS, SPENT, QUIET)).write(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["import.json"]


def test_each_figure_stands_beside_its_floor() -> None:
    lines = _lines(_report())

    assert lines["import, rows/s"] == ["20,000", "20,000", "yes"]
    assert lines["expansion, messages/s"] == ["10,000", "50,000", "no"]
    assert lines["rebuild, messages/s"] == ["50,000", "40,000", "yes"]
    assert lines["memory, most: dispatcher"] == ["250 MB", "300 MB", "yes"]
    assert lines["all"] == ["70.5"]


def test_on_a_slow_machine_the_ratio_counts() -> None:
    assert _lines(_report())["pipeline, messages/s"] == ["2,000", "10,000, or", "yes"]
    slow = replace(PIPELINE, ratio=0.16)
    assert _lines(_report(slow))["pipeline, messages/s"] == ["2,000", "10,000, or", "no"]


@pytest.mark.parametrize(("lost", "duplicated"), [(1, 0), (0, 1)])
def test_a_lost_or_a_duplicated_message_is_a_failure(lost: int, duplicated: int) -> None:
    assert _report().is_sound
    assert not _report(replace(PIPELINE, lost=lost, duplicated=duplicated)).is_sound
    assert Report(small=[SMALL]).is_sound
    assert not Report(small=[replace(SMALL, lost=lost, duplicated=duplicated)]).is_sound


def test_small_mailings_must_all_be_delivered_within_their_window(tmp_path: Path) -> None:
    report = Report(small=[SMALL])
    report.write(tmp_path)

    assert json.loads((tmp_path / "small.json").read_text())["delivered"] == 1_999
    assert _lines(report)["delivered"] == ["1,999", "2,000", "no"]
    assert _lines(report)["sent after"] == ["60.0 s", "60 s", "no"]
    complete = _lines(Report(small=[replace(SMALL, delivered=2_000, sent_after_s=47.0)]))
    assert complete["sent after"] == ["47.0 s", "60 s", "yes"]


def test_a_thousand_mailings_of_a_hundred_must_be_projected_in_time(tmp_path: Path) -> None:
    hundreds = replace(
        SMALL, mailings=1_000, clients=100, delivered=100_000, projected_after_s=15.5
    )
    report = Report(small=[hundreds])
    report.write(tmp_path)

    assert json.loads((tmp_path / "small_100.json").read_text())["clients"] == 100
    assert _lines(report)["delivered"] == ["100,000", "100,000", "yes"]
    assert _lines(report)["projected after"] == ["15.5 s", "15 s", "no"]


IDLE = Idle(
    seconds=60.0,
    cpu_share={"catalog": 0.01, "postgres": 0.02},
    services_and_postgres=0.03,
    mailings=40,
    first_request_p50_s=0.1,
    first_request_p95_s=0.62,
    first_request_max_s=0.7,
    pause_to_silence_s=0.3,
    machine=QUIET,
)


def test_what_is_idle_must_cost_little_and_wake_soon(tmp_path: Path) -> None:
    report = Report(idle=IDLE)
    report.write(tmp_path)

    assert json.loads((tmp_path / "idle.json").read_text())["services_and_postgres"] == 0.03
    lines = _lines(report)
    assert lines["idle, of a core: services and PostgreSQL"] == ["3.0%", "5%", "yes"]
    assert lines["due to the first request, p95"] == ["0.62 s", "0.5 s", "no"]
    assert lines["pause to silence"] == ["0.30 s", "1 s", "yes"]
    assert lines["catalog"] == ["1.00%"]


def test_mails_stand_beside_their_floors_and_a_lost_one_is_a_failure(tmp_path: Path) -> None:
    alone = Alone(mails=1_000, rate_per_s=12_000.0, cpu_us_per_mail=50.0, ceiling_cpu_us=15.0)
    report = Report(mail=PIPELINE, mail_alone=alone)
    report.write(tmp_path)

    assert json.loads((tmp_path / "mail.json").read_text())["alone"]["rate_per_s"] == 12_000.0
    lines = _lines(report)
    assert lines["mails of 5 kB, mails/s"] == ["2,000", "5,000", "no"]
    assert lines["the gateway alone, mails/s"] == ["12,000", "10,800", "yes"]
    assert report.is_sound
    assert not Report(mail=replace(PIPELINE, lost=1), mail_alone=alone).is_sound


def test_a_feature_stands_beside_what_it_is_without_it(tmp_path: Path) -> None:
    plain = Feature(1_000, 1, 20_000.0, 1.0, 40.0, 0.0, (20_000.0,), (40.0,))
    local = replace(plain, chunks=60, rate_per_s=15_000.0, of_plain=0.75)
    capped = replace(plain, of_plain=0.9, cpu_us_per_message=47.0, more_cpu_us=7.0)
    report = Report(features={"plain": plain, "recipient_local": local, "capped": capped})
    report.write(tmp_path)

    assert json.loads((tmp_path / "features.json").read_text())["capped"]["more_cpu_us"] == 7.0
    lines = _lines(Report(features={"plain": plain, "recipient_local": local}))
    assert lines["sent without features, messages/s"] == ["20,000", "-", "-"]
    assert lines["of that without it"] == ["0.75", "0.8", "no"]
    lines = _lines(Report(features={"capped": capped}))
    assert lines["of that without it"] == ["0.90", "0.8", "yes"]
    assert lines["more CPU"] == ["7.0 us", "8 us", "yes"]


def test_pauses_at_full_rate_must_hold_within_a_second(tmp_path: Path) -> None:
    soon, late = Pause(10_000.0, 0.02, 0.3), Pause(12_000.0, 0.01, 1.05)
    of = Pausing(2, 1_000, (soon, soon), (soon, late), lost=0, duplicated=0, machine=QUIET)
    report = Report(pausing=of)
    report.write(tmp_path)

    written = json.loads((tmp_path / "pausing.json").read_text())
    assert written["gateway"][1]["silent_after_s"] == 1.05
    lines = _lines(report)
    assert lines["of a mailing, most"] == ["0.30 s", "1 s", "yes"]
    assert lines["of a gateway, most"] == ["1.05 s", "1 s", "no"]
    assert lines["messages/s before"][0] == "11,000"
    assert report.is_sound
    assert not Report(pausing=replace(of, lost=1)).is_sound


def test_a_limit_stands_beside_the_same_without_one(tmp_path: Path) -> None:
    twin = Twin(2_000.0, 40.0, 9.0, 0.2, (PIPELINE,))
    limited = replace(twin, dispatcher_us=41.5, flow_us=0.345)
    report = Report(limited=Limited(1_000_000, twin, limited))
    report.write(tmp_path)

    assert json.loads((tmp_path / "limited.json").read_text())["without"]["dispatcher_us"] == 40.0
    lines = _lines(report)
    assert lines["without a limit, messages/s"][0] == "2,000"
    assert lines["with one of 1,000,000/s, messages/s"][0] == "2,000"
    assert lines["its turn, alone in a loop"][0] == "0.345 us"
    assert report.is_sound
    lost = replace(limited, rounds=(replace(PIPELINE, lost=1),))
    assert not Report(limited=Limited(1_000_000, twin, lost)).is_sound


async def test_a_gateway_without_a_limit_asks_the_database_for_nothing() -> None:
    assert flow_alone(None) > 0
    assert flow_alone(RATE) > 0


def test_of_a_hundred_values_ninety_five_are_at_most_the_percentile() -> None:
    assert percentile_95([float(each) for each in range(101)]) == 95.0
    assert percentile_95([0.5]) == 0.5
    assert percentile_95([]) is None
