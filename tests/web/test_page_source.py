"""The page's source: its unit tests pass. Its types and lint are `make web-check`."""

from deploy.local import page


def test_the_unit_tests_of_the_page_pass() -> None:
    page.run_unit_tests()
