"""The option that renews the pictures."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-pictures", action="store_true", help="let them be as it looks now")
