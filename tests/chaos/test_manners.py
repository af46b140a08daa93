"""What is called ill-mannered is."""

from tests.chaos.evidence import Request
from tests.chaos.manners import LATENCY_MS, broken, in_pauses

WELL = {
    "pauses": [24, 3],
    "beyond_in_flight": 0,
    "messages": 100,
    "requests_while_failing": 121,
    "probes": 1,
    "delivered": 100,
}


def refused(*at_ms: int) -> list[Request]:
    return [Request(each, "key", is_accepted=False) for each in at_ms]


def test_requests_belong_to_the_pause_that_the_first_of_them_led_to() -> None:
    pause_ms = LATENCY_MS + 5_000

    assert in_pauses([], 5) == []
    assert in_pauses(refused(0, 10, pause_ms - 1), 5) == [3]
    assert in_pauses(refused(pause_ms, 0, pause_ms + 9), 5) == [1, 2]


def test_each_manner_that_is_not_kept_is_named() -> None:
    assert broken(WELL) == []
    assert broken(WELL | {"beyond_in_flight": 1}) == ["beyond_in_flight"]
    assert broken(WELL | {"pauses": []}) == ["beyond_in_flight"]
    assert broken(WELL | {"requests_while_failing": 122}) == ["requests_while_failing"]
    assert broken(WELL | {"requests_while_failing": 0}) == ["requests_while_failing"]
    assert broken(WELL | {"delivered": 99}) == ["delivered"]
