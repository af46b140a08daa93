"""A run reads about as many clients as it is for, whatever the planner believes of them."""

import pytest
from sqlalchemy import text

from services.dispatcher.queue import planning
from shared.contracts.catalog import Filter
from shared.database import Pool, autocommit, transaction
from tests.dispatcher.world import CHANNELS, World

CLIENTS, STEP, FEW = 50_000, 2_000, 100
KEPT = 8  # executions: more than PostgreSQL makes before it may keep one plan for all values

# Without a phone is every second, and one of those that are `rare`; of each code there are 500.
# They are stored in another order than that of their identifiers.
REGISTER = text("""
    INSERT INTO clients (client_id, version, is_removed, phone, operator_code, tags)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 1, false,
        CASE WHEN n % 2 = 0 AND n <> 500 THEN CAST(79160000000 + n AS text) END,
        CAST(900 + (n - 1) / 500 AS text),
        array_remove(ARRAY[
            CASE WHEN n % 500 = 0 THEN 'rare' END, CASE WHEN n % 2 = 0 THEN 'half' END
        ], NULL)
    FROM generate_series(1, CAST(:count AS int)) AS n ORDER BY n * 7919 % 50021
""")
REGISTER_OTHERS = text("""
    INSERT INTO clients (client_id, version, is_removed, phone, operator_code, tags)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 1, false, NULL, '800', '{other}'
    FROM generate_series(1000001, 1001000) AS n
""")
ANALYZE = text("ANALYZE clients")
# What was read before the transaction may still be in it.
ROWS_READ = text("""
    SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'clients'
""")
RARE, HALF, CODE = Filter(tags=("rare",)), Filter(tags=("half",)), Filter(operator_codes=("950",))
RARE_OF_CODE = Filter(tags=("rare", "none"), operator_codes=("950", "951"))
HALF_OF_CODE = Filter(tags=("half",), operator_codes=("950",))


@pytest.fixture(params=["analyzed", "analyzed before the import"])
async def many(
    dispatcher_pool: Pool, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> World:
    """Give a world of many clients, of which the planner knows, or not yet."""
    monkeypatch.setattr(planning, "CHUNK", STEP // planning.AT_ONCE)
    statements = [REGISTER_OTHERS, ANALYZE, REGISTER]
    async with autocommit(dispatcher_pool) as db:
        for statement in [*statements, ANALYZE] if request.param == "analyzed" else statements:
            await db.execute(statement, {"count": CLIENTS})
    return World(dispatcher_pool)


async def plan(world: World, wanted: Filter) -> tuple[int, int, list[int]]:
    """Plan a run; return how many it is for, who has no phone, and the rows each step reads."""
    run = await world.schedule(filter=wanted)
    await run.begin()
    reads, planned, unreachable = [], 0, 0
    async with transaction(world.pool) as db:
        before = await db.scalar(ROWS_READ)
        while step := await planning.expand_next(db, CHANNELS):
            read = await db.scalar(ROWS_READ)
            reads.append(read - before)
            before, planned = read, step.planned
            unreachable += len(step.rejected)
    return planned, unreachable, reads


@pytest.mark.parametrize(
    ("wanted", "planned", "unreachable"),
    [(RARE, FEW, 1), (CODE, 500, 250), (RARE_OF_CODE, 2, 0), (HALF_OF_CODE, 250, 0)],
    ids=["tag", "code", "rare tag and codes", "common tag and code"],
)
async def test_a_run_for_few_reads_few_in_one_step(
    many: World, wanted: Filter, planned: int, unreachable: int
) -> None:
    for _ in range(KEPT):
        found, without_phone, reads = await plan(many, wanted)

        assert (found, without_phone) == (planned, unreachable)
        assert len(reads) == 1
        assert reads[0] <= 3 * planned


@pytest.mark.parametrize("many", ["analyzed"], indirect=True)
async def test_a_run_for_many_reads_in_each_step_only_its_own_clients(many: World) -> None:
    for _ in range(KEPT):
        planned, _, reads = await plan(many, HALF)

        assert planned == CLIENTS // 2
        # Those with the tag and those between them; then those of both without a phone.
        assert max(reads[1:]) <= 3 * STEP + FEW, reads
