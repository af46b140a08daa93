"""What can be said of a gateway: whether its failures are certain, and what follows if not."""

import pytest
from pydantic import ValidationError

from services.dispatcher.settings import Settings


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    base = {
        "KAFKA_SERVERS": "localhost:9092",
        "DISPATCHER_DATABASE_URL": "postgresql://me@localhost:5432/dispatcher",
    }
    for name, value in (base | values).items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("500,503", {500, 503}),
        (" 503 , 500 ", {500, 503}),
        ("500", {500}),
        ("503", {503}),
        ("", set()),
        (" ", set()),
    ],
)
def test_a_gateway_says_which_failures_mean_not_taken(
    monkeypatch: pytest.MonkeyPatch, text: str, statuses: set[int]
) -> None:
    settings = read(monkeypatch, DISPATCHER_HTTP_GATEWAY_NOT_TAKEN=text)

    assert settings.not_taken == statuses


def test_without_a_word_500_and_503_mean_not_taken_and_unknowns_go_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = read(monkeypatch)

    assert settings.not_taken == {500, 503}
    assert settings.http_gateway_resends_unknown


@pytest.mark.parametrize("text", ["502", "500;503", "500,", "all", "500,504", "5xx"])
def test_no_other_failure_can_be_said_to_mean_not_taken(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with pytest.raises(ValidationError, match="500, 503"):
        read(monkeypatch, DISPATCHER_HTTP_GATEWAY_NOT_TAKEN=text)
