"""What services read from their environment."""

import pytest
from pydantic import ValidationError

from services.catalog.settings import Settings


def test_an_address_that_is_refused_is_not_repeated_for_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_SERVERS", "localhost:9092")
    monkeypatch.setenv("CATALOG_DATABASE_URL", "postgresql://catalog:secret@host:port/catalog")

    with pytest.raises(ValidationError) as refused:
        Settings()

    assert "database_url" in str(refused.value)
    assert "secret" not in str(refused.value)
