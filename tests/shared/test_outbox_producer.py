"""The producer: which partition a key has."""

import pytest

from shared.outbox.producer import partition_of

# Frozen: were one of these to change, a key's records would lie in two partitions, in no order.
FROZEN = [
    (b"123456789", 3, 2),
    (b"123456789", 12, 2),
    (b"123456789", 100, 62),
    (b"019b0000-0000-7000-8000-000000000001", 3, 2),
    (b"019b0000-0000-7000-8000-000000000001", 12, 8),
    ("почта".encode(), 12, 3),
    (b"", 12, 0),
]


@pytest.mark.parametrize(("key", "count", "partition"), FROZEN)
def test_the_partition_of_a_key_never_changes(key: bytes, count: int, partition: int) -> None:
    assert partition_of(key, count) == partition


def test_the_partition_is_the_one_that_other_producers_compute_by_crc_32() -> None:
    # Source: the check value of CRC-32/ISO-HDLC.
    assert partition_of(b"123456789", 2**32) == 0xCBF43926
