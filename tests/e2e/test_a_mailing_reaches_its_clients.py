"""A due mailing reaches every client, through a gateway that misbehaves, and all of it adds up."""

import httpx

from tests.e2e.outside import Platform, in_seconds, new_tag


async def test_every_client_is_reached_once_though_the_gateway_misbehaves(
    platform: Platform,
) -> None:
    tag = new_tag()
    await platform.import_clients(3_000, tag=tag, first=9_100_000_000)
    await platform.misbehave(
        latency_ms="0-5",
        fail_share=0.05,
        throttle_share=0.01,  # each of them holds all others up for a second
        garbage_share=0.05,
        hang_share=0.002,
    )

    mailing = await platform.create_mailing(tag=tag)
    run = await platform.finished(mailing)

    ledger = await platform.statistics_equal_the_ledger(run)
    accepted = await platform.accepted()
    ids = await platform.attempts(run, "outcome = 'accepted'")
    assert ledger.by_status == {"delivered": 3_000}
    assert ledger.attempts > 3_000
    assert len(ids) == 3_000
    assert set(accepted.values()) == {1}


async def test_a_mailing_with_a_start_in_the_future_starts_by_itself(platform: Platform) -> None:
    tag = new_tag()
    await platform.import_clients(100, tag=tag, first=9_110_000_000)
    starts_at = in_seconds(1.5)

    mailing = await platform.create_mailing(tag=tag, starts_at=starts_at)
    run = await platform.finished(mailing)

    early = await platform.attempts(
        run, "started_at < (SELECT starts_at FROM runs r WHERE r.run_id = all_attempts.run_id)"
    )
    assert early == []
    assert (await platform.ledger(run)).by_status == {"delivered": 100}
    assert (await platform.mailing(mailing))["status"] in {"running", "finished"}


async def test_a_mailing_can_be_started_earlier_by_hand(platform: Platform) -> None:
    tag = new_tag()
    await platform.import_clients(10, tag=tag, first=9_120_000_000)
    mailing = await platform.create_mailing(tag=tag, starts_at=in_seconds(1800))

    await platform.command(mailing, "start")
    run = await platform.finished(mailing)

    assert run["starts_at"] < in_seconds(60)
    assert (await platform.ledger(run)).by_status == {"delivered": 10}


async def test_what_is_open_when_the_window_ends_expires_and_nothing_is_sent_late(
    platform: Platform,
) -> None:
    tag = new_tag()
    await platform.import_clients(2_000, tag=tag, first=9_130_000_000)
    await platform.misbehave(latency_ms="300")

    mailing = await platform.create_mailing(tag=tag, ends_at=in_seconds(4))
    run = await platform.finished(mailing)

    ledger = await platform.statistics_equal_the_ledger(run)
    late = await platform.attempts(
        run,
        "started_at >= (SELECT ends_at FROM runs r WHERE r.run_id = all_attempts.run_id)"
        " - interval '500 ms'",
    )
    assert late == []
    assert ledger.planned == 2_000
    assert ledger.by_status.keys() <= {"delivered", "expired", "undetermined"}
    assert ledger.by_status["expired"] > 0


async def test_after_a_pause_nothing_starts_a_second_later_and_resuming_goes_on(
    platform: Platform,
) -> None:
    tag = new_tag()
    await platform.import_clients(3_000, tag=tag, first=9_140_000_000)
    await platform.misbehave(latency_ms="100")
    mailing = await platform.create_mailing(tag=tag)
    await platform.sent(mailing, 200)

    paused = await platform.command(mailing, "pause")
    held = await platform.stands_still(mailing, over=2)
    resumed = await platform.command(mailing, "resume")
    run = await platform.finished(mailing)

    late = await platform.attempts(
        run,
        f"started_at > timestamptz '{paused['changed_at']}' + interval '1 s'"
        f" AND started_at < timestamptz '{resumed['changed_at']}'",
    )
    ledger = await platform.statistics_equal_the_ledger(run)
    assert held["open"] > 0
    assert paused["status"] == "paused"
    assert late == []
    assert ledger.by_status == {"delivered": 3_000}


async def test_a_run_is_paused_by_its_own_switch_and_what_it_left_is_sent_again(
    platform: Platform,
) -> None:
    tag = new_tag()
    await platform.import_clients(3_000, tag=tag, first=9_145_000_000)
    await platform.misbehave(latency_ms="100")
    mailing = await platform.create_mailing(tag=tag)
    await platform.sent(mailing, 200)
    run = await platform.run(mailing)
    assert run is not None

    await platform.move(run, "pause")
    paused = await platform.move(run, "pause")  # is it already: the answer is the same
    held = await platform.stands_still(mailing, over=2)
    late = await platform.attempts(
        run, f"started_at > timestamptz '{paused['paused'][0]['since']}' + interval '1 s'"
    )
    stopped = await platform.move(run, "stop")
    run = await platform.finished(mailing)
    await platform.misbehave()
    again = await platform.resend(run, ["cancelled"])
    left = await platform.finished(mailing)  # of its runs the newest

    first, second = [await platform.statistics_equal_the_ledger(each) for each in (run, left)]
    assert (left["run_id"], left["resent_from"]) == (again["run"]["run_id"], run["run_id"])
    assert held["open"] > 0
    assert late == []
    assert stopped["stopped"][0]["of"] == "run"
    assert first.by_status.keys() == {"delivered", "cancelled"}
    assert second.by_status == {"delivered": first.by_status["cancelled"]}


async def test_stopping_a_mailing_cancels_what_is_left(platform: Platform) -> None:
    tag = new_tag()
    await platform.import_clients(3_000, tag=tag, first=9_150_000_000)
    await platform.misbehave(latency_ms="100")
    mailing = await platform.create_mailing(tag=tag)
    await platform.sent(mailing, 200)

    stopped = await platform.command(mailing, "stop")
    run = await platform.finished(mailing)

    late = await platform.attempts(
        run, f"started_at > timestamptz '{stopped['changed_at']}' + interval '1 s'"
    )
    ledger = await platform.statistics_equal_the_ledger(run)
    assert late == []
    assert ledger.planned == 3_000
    assert ledger.by_status.keys() == {"delivered", "cancelled"}
    assert (await platform.mailing(mailing))["status"] == "stopped"


async def test_a_client_without_a_phone_gets_a_final_state_and_a_reason(
    platform: Platform,
) -> None:
    tag = new_tag()
    client = {"email": f"{tag}@example.com", "tags": [tag]}
    answer = await platform.http.post(platform.env["CATALOG_URL"] + "/v1/clients", json=client)
    client_id = answer.json()["client_id"]

    run = await platform.finished(await platform.create_mailing(tag=tag))

    [message] = (await platform.get("DISPATCHER_URL", "/v1/messages", client_id=client_id))[
        "items"
    ]
    ledger = await platform.statistics_equal_the_ledger(run)
    assert (message["status"], message["reason"]) == ("failed", "no_phone")
    assert (ledger.by_status, ledger.attempts) == ({"failed": 1}, 0)


async def test_while_one_gateway_hangs_mailings_through_another_are_sent(
    platform: Platform,
) -> None:
    tag = new_tag()
    await platform.import_clients(500, tag=tag, first=9_180_000_000)
    await platform.misbehave(hang_share=1)
    stuck = await platform.create_mailing(tag=tag)
    await platform.attempted(stuck)

    other = await platform.finished(await platform.create_mailing(tag=tag, gateway="log"))
    meanwhile = await platform.run(stuck)
    await platform.misbehave(hang_share=0)
    run = await platform.finished(stuck)

    assert (await platform.ledger(other)).by_status == {"delivered": 500}
    assert meanwhile
    assert meanwhile["open"] == 500
    ledger = await platform.statistics_equal_the_ledger(run)
    assert ledger.by_status == {"delivered": 500}
    assert ledger.attempts > 500


async def test_statistics_of_everything_are_the_sum_of_the_runs(platform: Platform) -> None:
    tag = new_tag()
    await platform.import_clients(5, tag=tag, first=9_170_000_000)
    run = await platform.finished(await platform.create_mailing(tag=tag))
    await platform.statistics_equal_the_ledger(run)

    totals = await platform.get("STATS_URL", "/v1/totals")
    reconciled = await platform.get("STATS_URL", "/v1/reconcile")

    assert sum(totals["by_status"].values()) == totals["planned"]
    assert totals["planned"] == sum(each["planned"] for each in reconciled["runs"])
    assert reconciled["reconciles"]


async def test_no_service_logs_a_phone_or_a_name(platform: Platform, stack: object) -> None:
    del platform
    logs = stack.home.path / "logs"  # type: ignore[attr-defined]
    for log in logs.iterdir():
        text = log.read_text(errors="replace")
        assert "Anna Petrova" not in text, log.name
        assert "example.com" not in text, log.name


async def test_an_unknown_run_is_a_404(platform: Platform) -> None:
    for address in ("SCHEDULER_URL", "DISPATCHER_URL", "STATS_URL"):
        path = "/v1/runs/00000000-0000-0000-0000-000000000001"
        answer = await platform.http.get(platform.env[address] + path)
        assert answer.status_code == httpx.codes.NOT_FOUND
