"""A loop: how long it waits, and what it says of why."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from shared.errors import Unavailable
from shared.loop import LONGEST_PAUSE, Backoff, forever
from shared.testing import swallow_cancellation

PHONE = "79161234567"
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give how long the loop would have slept, each time."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("shared.loop.asyncio.sleep", sleep)
    return slept


async def test_each_wait_is_twice_as_long_up_to_a_limit(pauses: list[float]) -> None:
    backoff = Backoff("test")
    for _ in range(8):
        await backoff.wait(Unavailable())

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


async def test_after_a_success_waits_are_short_again(pauses: list[float]) -> None:
    backoff = Backoff("test")
    for _ in range(8):
        await backoff.wait(Unavailable())
    backoff.succeeded()
    await backoff.wait(Unavailable())

    assert pauses[-1] == pauses[0]


async def test_a_loop_that_waits_says_so_less_and_less_often(pauses: list[float]) -> None:
    backoff = Backoff("test")
    with capture_logs() as lines:
        for _ in range(8):
            await backoff.wait(Unavailable())

    assert [line["failures"] for line in lines] == [1, 2, 4, 8]
    assert len(pauses) == 8


@pytest.mark.parametrize("is_caused", [True, False], ids=["of its cause", "of the error itself"])
async def test_the_log_of_a_loop_that_waits_holds_no_value(
    pauses: list[float], is_caused: bool
) -> None:
    shown = RuntimeError(f"duplicate key (phone)=({PHONE})")
    error: Exception = shown
    if is_caused:
        error = Unavailable()
        error.__cause__ = shown

    with capture_logs() as lines:
        await Backoff("test").wait(error)

    (line,) = lines
    assert line["reason"] == "RuntimeError"
    assert PHONE not in str(line)
    assert pauses


async def test_a_loop_goes_on_at_once_while_it_finds_something_to_do(pauses: list[float]) -> None:
    found = iter([True, True, False])

    async def step() -> bool:
        try:
            return next(found)
        except StopIteration:
            raise asyncio.CancelledError from None

    with pytest.raises(asyncio.CancelledError):
        await forever("test", step, every=AN_HOUR)

    assert pauses == [0, 0, AN_HOUR.total_seconds()]


async def test_a_cancellation_that_a_step_swallows_ends_the_loop_all_the_same() -> None:
    turns = 0

    async def step() -> bool:
        nonlocal turns
        turns += 1
        assert turns == 1, "it goes on"
        await swallow_cancellation()
        return True

    looping = asyncio.create_task(forever("test", step, every=AN_HOUR))
    await asyncio.wait({looping}, timeout=30)

    assert looping.cancelled()
