"""The logs of all parts, read as one."""

from pathlib import Path

import pytest

from deploy.local import logs
from deploy.local.errors import StackError
from deploy.local.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.make()
    home.log("catalog").write_text("one\ntwo\nthree\n")
    home.log("stats").write_text("four\n")
    return home


def test_the_last_lines_of_all_logs_are_shown_each_behind_its_name(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.show(home, None, lines=2, follow=False)

    assert capsys.readouterr().out == "catalog | two\ncatalog | three\nstats   | four\n"


def test_who_follows_without_old_lines_sees_only_new_ones(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = 0

    def write_then_end(_: float) -> None:
        nonlocal turns
        turns += 1
        if turns > 1:
            raise KeyboardInterrupt
        with home.log("catalog").open("a") as log:
            log.write("new\n")

    monkeypatch.setattr("time.sleep", write_then_end)

    logs.show(home, "catalog", lines=0, follow=True)

    assert capsys.readouterr().out == "catalog | new\n"


def test_a_log_that_is_not_there_is_told_with_those_that_are(home: Home) -> None:
    with pytest.raises(StackError, match=r"no log nobody .* there is: catalog, stats"):
        logs.show(home, "nobody", lines=1, follow=False)
