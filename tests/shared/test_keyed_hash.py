"""A keyed hash is what the standard library makes, whatever the key."""

import hmac

import pytest

from shared.keyed_hash import KeyedHash


@pytest.mark.parametrize("size", [0, 1, 32, 63, 64, 65, 200])
def test_it_is_hmac_with_sha256(size: int) -> None:
    key = bytes(range(size))
    prepared = KeyedHash(key)

    for message in (b"", b"phone:79161234567", b"x" * 1_000):
        assert prepared.digest(message) == hmac.digest(key, message, "sha256")
