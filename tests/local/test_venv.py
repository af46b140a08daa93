"""Which Python the recipe of .venv takes, and that all is compiled once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "env", "dirname", "cmp", "cp", "rm")

# It answers as another Python would, and can make no venv: what is chosen is known by then.
FAKE = """#!/bin/sh
case "$1" in
  -c) exec "{real}" -c '
import sys, sysconfig
sysconfig.get_config_vars()["CONFIG_ARGS"] = sys.argv[1]
sys.version_info = tuple(map(int, sys.argv[2].split(".")))
if not {has_ensurepip}:
    sys.path[:] = []
exec(sys.argv[3])' "{built}" {version} "$2" ;;
  --version) echo "Python {version}" ;;
  *) exit 1 ;;
esac
"""
FAST, LTO = "'--enable-optimizations' '--with-lto'", "'--with-lto'"
DISTRIBUTED, PLAIN, OWN = (
    "'--prefix=/usr' '--enable-shared'",
    "'--prefix=/opt'",
    "'--prefix=/usr/local'",
)


def fake(home: Path, place: str, version: str, built: str, *, has_ensurepip: bool = True) -> None:
    """Put a Python into a folder of the path."""
    path = home / place
    path.parent.mkdir(exist_ok=True)
    real = sys.executable
    values = {"version": version, "built": built, "has_ensurepip": has_ensurepip}
    path.write_text(FAKE.format(real=real, **values))
    path.chmod(0o755)


def run_recipe(home: Path) -> "subprocess.CompletedProcess[str]":
    recipe, tools = home / "deploy/local/venv", home / "tools"
    recipe.parent.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/local/venv", recipe)
    (home / "requirements.lock").write_text("")
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(str(shutil.which(name)))
    path = ":".join(str(each) for each in (home / "first", home / "second", tools))
    return subprocess.run(  # noqa: S603 - a copy of our recipe
        [recipe], env={"PATH": path}, capture_output=True, text=True, check=False
    )


def taken(home: Path) -> str:
    """Return what the recipe says first."""
    done = run_recipe(home)
    assert done.returncode == 1
    return done.stderr.splitlines()[0]


@pytest.mark.parametrize("built", [FAST, LTO, DISTRIBUTED])
def test_a_python_that_was_built_to_be_fast_is_preferred(tmp_path: Path, built: str) -> None:
    fake(tmp_path, "first/python3", "3.13.1", PLAIN)
    fake(tmp_path, "second/python3", "3.12.4", built)

    assert taken(tmp_path) == "making .venv with Python 3.12.4 (optimized)"


@pytest.mark.parametrize("built", [PLAIN, OWN])
def test_the_only_python_is_taken_however_it_was_built(tmp_path: Path, built: str) -> None:
    fake(tmp_path, "second/python3.12", "3.12.4", built)

    assert taken(tmp_path) == "making .venv with Python 3.12.4"


@pytest.mark.parametrize("built", [PLAIN, FAST])
def test_of_equals_the_first_on_the_path_is_taken(tmp_path: Path, built: str) -> None:
    fake(tmp_path, "first/python3", "3.11.9", built)
    fake(tmp_path, "first/python3.12", "3.12.4", built)
    fake(tmp_path, "second/python3", "3.13.1", built)

    assert taken(tmp_path).startswith("making .venv with Python 3.11.9")


def test_a_fast_python_that_can_make_no_venv_is_not_preferred(tmp_path: Path) -> None:
    fake(tmp_path, "first/python3", "3.12.4", FAST, has_ensurepip=False)
    fake(tmp_path, "second/python3", "3.11.9", PLAIN)

    assert taken(tmp_path) == "making .venv with Python 3.11.9"


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0"])
def test_a_python_that_the_lock_is_not_for_is_not_taken(tmp_path: Path, version: str) -> None:
    fake(tmp_path, "first/python3", version, FAST)

    assert taken(tmp_path) == (f"Python 3.11, 3.12 or 3.13 is needed; Python {version} was found.")


def test_without_any_python_it_says_so(tmp_path: Path) -> None:
    assert taken(tmp_path) == "Python 3.11, 3.12 or 3.13 is needed; no python3 was found."


def test_packages_are_compiled_when_they_are_installed(tmp_path: Path) -> None:
    python, called = tmp_path / ".venv/bin/python", tmp_path / "called"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >>"{called}"\n')
    python.chmod(0o755)

    assert run_recipe(tmp_path).returncode == 0

    assert "--compile-bytecode" in called.read_text().splitlines()[-1]


def test_whoever_keeps_no_bytecode_has_it_kept_by_make() -> None:
    shown = 'shown:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"'
    done = subprocess.run(  # noqa: S603 - a goal of our own
        ["make", "--silent", "--eval", shown, "shown"],  # noqa: S607 - the one of the path
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[]\n"
