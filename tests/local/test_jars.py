"""Kafka's files."""

from pathlib import Path

import pytest

from deploy.local.classpath import kafka_jars
from deploy.local.errors import StackError
from deploy.local.jars import LOCK, Jar, locked

JAR = Jar("org.example", "a-thing", "1.0", "ab" * 32)


def test_the_lock_names_kafka_with_all_that_it_needs() -> None:
    jars = locked()

    assert len(jars) == 46
    assert all(len(jar.sha256) == 64 for jar in jars)


def test_the_lock_names_no_address() -> None:
    assert "://" not in LOCK.read_text()


def test_a_jar_lies_where_maven_has_it() -> None:
    assert JAR.path == Path("org/example/a-thing/1.0/a-thing-1.0.jar")


def test_a_file_with_another_hash_is_not_the_jar(tmp_path: Path) -> None:
    (tmp_path / "broken.jar").write_bytes(b"half of i")

    assert not JAR.is_at(tmp_path / "broken.jar")


def test_without_a_network_it_says_what_is_missing_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    monkeypatch.setenv("MAVEN_MIRROR", "http://127.0.0.1:1/maven")
    said: list[str] = []

    with pytest.raises(StackError, match=r"(?s)could not be fetched.*MAVEN_MIRROR.*run the"):
        kafka_jars(said.append)

    assert said == ["fetching Kafka: 46 of 46 files are not here yet"]
