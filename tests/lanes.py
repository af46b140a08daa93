"""The lanes of `make test`: which tests run beside each other.

Three workers run at once, so that two cores have work while one of them waits. Tests of whole
stacks take all cores, and kill processes in between: they run one after the other in one lane.
Those of them that only wait for what must come, and have their stacks for themselves, are a lane
of their own: so two stacks run at once at most. The files of all other tests share what is left.
"""

from xdist.scheduler import LoadScopeScheduling

STACKS = ("tests/e2e/", "tests/local/", "tests/upgrade/")
PATIENT = (  # nothing in these has to happen at a certain time, as a kill or a pause has
    "tests/e2e/test_a_mailing_recurs.py",
    "tests/e2e/test_apis_are_fuzzed.py",
    "tests/e2e/test_kafka_with_accounts.py",
    "tests/local/",
    "tests/upgrade/",
)
# The other files that are long by their wall time, in two parts: behind them nothing is long.
LONGEST = (
    "tests/shared/test_kafka_positions.py",
    "tests/stats/test_workers_proving.py",
    "tests/dispatcher/test_workers.py",
    "tests/dispatcher/test_handlers_adopting.py",
    "tests/shared/test_kafka.py",
    "tests/contracts/test_extreme_events.py",
    "tests/together/test_an_edit_is_refused_or_holds.py",
    "tests/dispatcher/test_handlers_sending.py",
    "tests/dispatcher/test_certainty.py",
    "tests/stats/test_queries.py",
    "tests/catalog/test_app.py",
    "tests/stats/test_workers_rebuilding.py",
)
LONG = (
    "tests/catalog/test_search.py",
    "tests/shared/test_outbox_apart.py",
    "tests/dispatcher/test_gateways_garbage.py",
    "tests/catalog/test_files_damaged.py",
    "tests/web/test_page_source.py",
)
STACK_LANE, PATIENT_LANE = "stacks", "patient stacks"
# So that at the end no worker is alone for long; and when the second lane of stacks begins, most
# of what kills processes in the first is over.
FIRST = (STACK_LANE, *LONGEST, PATIENT_LANE, *LONG)
SCREENS = "tests/screens/"  # each test by itself: they need nothing of each other


class Lanes(LoadScopeScheduling):  # type: ignore[misc] # without types
    """Gives each worker one file after the other; the tests of a lane of stacks to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(SCREENS):
            return nodeid
        if nodeid.startswith(PATIENT):
            return PATIENT_LANE
        return STACK_LANE if nodeid.startswith(STACKS) else nodeid.partition("::")[0]

    def _assign_work_unit(self, node: object) -> None:
        for first in reversed(FIRST):
            if first in self.workqueue:
                self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)
