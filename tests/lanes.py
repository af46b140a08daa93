"""The lanes of `make test`: which tests run beside each other.

Three workers run at once, so that two cores have work while one of them waits. Tests of whole
stacks take all cores, and kill processes in between: they run one after the other in one lane. The
files of all other tests share the other two, and the first too when its tests are done.
"""

from xdist.scheduler import LoadScopeScheduling

STACKS = ("tests/e2e/", "tests/local/", "tests/upgrade/")
SOURCE = "tests/web/test_page_source.py"  # one long test: as the last one it would run alone
SCREENS = "tests/screens/"  # each test by itself: they need nothing of each other


class Lanes(LoadScopeScheduling):  # type: ignore[misc] # without types
    """Gives each worker one file after the other, and all tests of stacks to one worker, first."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(SCREENS):
            return nodeid
        return "stacks" if nodeid.startswith(STACKS) else nodeid.partition("::")[0]

    def _assign_work_unit(self, node: object) -> None:
        for first in (SOURCE, "stacks"):
            if first in self.workqueue:
                self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)
