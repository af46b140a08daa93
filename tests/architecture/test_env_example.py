"""`.env.example` names every setting there is, with its default, and is copied to `.env`."""

import shutil
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from deploy.env_example import SERVICES, example
from services.dispatcher.settings import Settings
from shared.settings import read

ROOT = Path(__file__).parents[2]


def test_the_example_is_what_the_settings_say() -> None:
    told = "run: python -m deploy.env_example > .env.example"
    assert (ROOT / ".env.example").read_text() == example(), told


def test_a_copy_of_the_example_needs_only_what_is_required(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / ".env.example").read_text()
    text = text.replace("KAFKA_SERVERS=", "KAFKA_SERVERS=localhost:9092")
    text = text.replace("_DATABASE_URL=", "_DATABASE_URL=postgresql://u@localhost/name")
    Path(".env").write_text(text)

    settings = read(Settings)

    assert settings.http_gateway_token is None
    required = {f"{name.upper()}_DATABASE_URL" for name in SERVICES} | {"KAFKA_SERVERS"}
    assert set(dotenv_values(".env")) == required


def test_each_default_in_the_example_is_taken_as_it_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"KAFKA_SERVERS": "localhost:9092", "DISPATCHER_DATABASE_URL": "postgresql://u@h/n"}
    lines = [line.removeprefix("# ") for line in (ROOT / ".env.example").read_text().splitlines()]
    shown = [line for line in lines if "=" in line and not line.endswith("=")]
    Path(".env").write_text("\n".join([*shown, *(f"{n}={v}" for n, v in given.items())]))

    settings = read(Settings)

    assert settings == Settings.model_construct(
        **{name: field.default for name, field in Settings.model_fields.items()}
        | {"kafka_servers": settings.kafka_servers, "database_url": settings.database_url}
    )


def test_the_file_with_secrets_is_ignored_by_git() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git")

    asked = subprocess.run([git, "check-ignore", "--quiet", ".env"], cwd=ROOT, check=False)  # noqa: S603

    assert asked.returncode == 0
