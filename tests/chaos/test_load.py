"""What the load has created is expected, also what it creates at the end."""

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

from tests.chaos.load import Load


class SlowRig:
    """A rig whose catalog answers when it is let to."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.created: set[UUID] = set()

    async def ask(self, *_: object, **_request: object) -> dict[str, Any]:
        mailing_id = uuid4()
        self.created.add(mailing_id)
        self.is_asked.set()
        await self.may_answer.wait()
        return {"mailing_id": str(mailing_id)}

    async def rows(self, *_: object) -> list[object]:
        return []


async def test_a_mailing_whose_answer_comes_after_the_end_is_expected() -> None:
    rig = SlowRig()
    load = Load(cast("Any", rig), seed=1)
    creating = asyncio.create_task(load.run())
    await rig.is_asked.wait()

    load.end()
    rig.may_answer.set()
    await creating

    assert load.expected.keys() == rig.created
