"""The alarm: what ends a sleep, and what keeps one from beginning."""

import asyncio

from shared.alarm import Alarm

AN_HOUR = 3_600.0


async def test_a_ring_ends_the_sleep() -> None:
    alarm = Alarm()
    asyncio.get_running_loop().call_soon(alarm.ring)

    async with asyncio.timeout(60):
        assert await alarm.sleep(AN_HOUR)


async def test_what_rang_before_the_sleep_is_not_missed() -> None:
    alarm = Alarm()
    alarm.ring()

    async with asyncio.timeout(60):
        assert await alarm.sleep(AN_HOUR)


async def test_one_ring_ends_one_sleep_and_without_it_the_sleep_ends_by_itself() -> None:
    alarm = Alarm()
    alarm.ring()
    await alarm.sleep(AN_HOUR)

    assert not await alarm.sleep(0.001)
