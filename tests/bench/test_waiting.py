import pytest

from bench.waiting import wait_for
from cli import Failure


async def test_a_wait_ends_when_the_condition_is_true() -> None:
    answers = iter([False, False, True])

    async def condition() -> bool:
        return next(answers)

    await wait_for(condition, "the third answer", within_s=10, every_s=0)

    assert next(answers, None) is None


async def test_a_wait_in_vain_says_for_what_it_was() -> None:
    async def never() -> bool:
        return False

    with pytest.raises(Failure, match="for the moon"):
        await wait_for(never, "the moon", within_s=0, every_s=0)
