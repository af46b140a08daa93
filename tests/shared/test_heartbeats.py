"""The heartbeats: whose silence counts as death, and whose does not."""

from collections.abc import Mapping

import pytest

from shared.errors import Unavailable
from shared.heartbeats import Heartbeats

LEASE = 10.0


class Watcher:
    """Looks when it is told to, at what it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._heartbeats = Heartbeats[str](LEASE, lambda: self.seconds)

    async def look(
        self, beats: Mapping[str, int] | None, *, after: float = 0.0, taking: float = 0.0
    ) -> dict[str, int]:
        self.seconds += after

        async def read() -> Mapping[str, int]:
            if beats is None:
                raise Unavailable
            self.seconds += taking
            return beats

        return await self._heartbeats.update(read)


async def test_who_was_silent_for_a_whole_lease_is_dead_and_no_sooner() -> None:
    watcher = Watcher()

    assert await watcher.look({"a": 1, "b": 1}) == {}
    assert await watcher.look({"a": 1, "b": 2}, after=LEASE) == {}
    assert await watcher.look({"a": 1, "b": 2}, after=0.1) == {"a": 1}


async def test_who_beats_again_lives_for_another_lease() -> None:
    watcher = Watcher()
    await watcher.look({"a": 1})
    await watcher.look({"a": 2}, after=LEASE)

    assert await watcher.look({"a": 2}, after=LEASE) == {}


async def test_what_was_seen_before_a_failed_look_counts_no_more() -> None:
    watcher = Watcher()
    await watcher.look({"a": 1})
    with pytest.raises(Unavailable):
        await watcher.look(None, after=LEASE)

    assert await watcher.look({"a": 1}, after=1.0) == {}


async def test_who_is_seen_for_the_first_time_is_alive_however_late() -> None:
    watcher = Watcher()
    await watcher.look({})

    assert await watcher.look({"a": 7}, after=2 * LEASE) == {}


async def test_a_heartbeat_stands_still_from_the_answer_that_shows_it_on() -> None:
    watcher = Watcher()
    await watcher.look({"a": 1}, taking=LEASE)  # it may have moved until the very end of this

    assert await watcher.look({"a": 1}, after=LEASE) == {}
    assert await watcher.look({"a": 1}, after=0.1) == {"a": 1}


async def test_a_heartbeat_stands_still_until_the_question_whose_answer_shows_it() -> None:
    watcher = Watcher()
    await watcher.look({"a": 1})

    # What the answer shows may be from its very beginning.
    assert await watcher.look({"a": 1}, after=LEASE, taking=LEASE) == {}
