"""The proof of audiences in short, and that it sees a difference."""

import pytest

from shared.audience import statement
from shared.database import Pool
from tests.proof.audience import Plan, compare

SMALL = Plan(seed=11, filters=400, clients=60, filters_each=80)


async def test_filters_by_chance_select_whom_the_model_selects(
    catalog_pool: Pool, dispatcher_pool: Pool
) -> None:
    figures = await compare(catalog_pool, dispatcher_pool, SMALL, print)

    assert figures["first_differences"] == []
    assert figures["filters"] == SMALL.filters
    assert figures["by_index"] > SMALL.filters / 4
    assert SMALL.filters < figures["clients_selected"] < SMALL.filters * SMALL.clients / 2


async def test_a_wrong_condition_is_a_difference(
    catalog_pool: Pool, dispatcher_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "canonical_zone", lambda name: name)
    statement._names.cache_clear()  # noqa: SLF001 - what it knows is right
    try:
        figures = await compare(catalog_pool, dispatcher_pool, SMALL, print)
    finally:
        statement._names.cache_clear()  # noqa: SLF001

    assert figures["differences"] > 0
