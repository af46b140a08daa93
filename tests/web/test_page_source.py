"""The page's source: its types hold against the APIs' documents, and its own tests pass."""

from deploy.local import page


def test_types_hold_and_unit_tests_pass() -> None:
    page.check()
