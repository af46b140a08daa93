"""`.env.example` names every setting there is, with its default."""

from pathlib import Path

from deploy.env_example import example

ROOT = Path(__file__).parents[2]


def test_the_example_is_what_the_settings_say() -> None:
    told = "run: python -m deploy.env_example > .env.example"
    assert (ROOT / ".env.example").read_text() == example(), told
