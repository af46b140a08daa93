"""The image: what the Dockerfile says, and the two commands that are in it."""

import asyncio
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from deploy.env_example import SERVICES

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMMANDS = ROOT / "deploy" / "image"
TEXT = DOCKERFILE.read_text()
LAST = TEXT[TEXT.rindex("\nFROM ") :]  # the stage that is the image

# What `python` is in these tests: it prints what it was called with.
PRINT = '#!/bin/sh\nprintf "%s\\n" "$*"\n'


def instructions(stage: str, name: str) -> list[str]:
    joined = stage.replace("\\\n", " ")
    return [" ".join(each.split()) for each in re.findall(rf"^{name} (.+)$", joined, re.MULTILINE)]


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    tool = Path(sys.executable).parent / "hadolint"

    done = subprocess.run(  # noqa: S603 - a tool of the lock
        [tool, DOCKERFILE], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.returncode) == ("", 0)


def test_both_stages_have_the_same_base_of_an_exact_version() -> None:
    assert set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    [base] = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", TEXT, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base)


def test_it_runs_as_an_account_that_is_not_root() -> None:
    [user] = instructions(LAST, "USER")

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)  # a number: Kubernetes can check it
    assert f"--uid {user.partition(':')[0]} " in LAST


def test_packages_are_those_of_the_lock_and_nothing_is_built_in_the_image() -> None:
    runs = " ".join(instructions(LAST, "RUN"))

    assert "--require-hashes" in TEXT
    assert "--only-binary :all:" in TEXT
    assert not re.search(r"\b(apt|apt-get|pip|curl|wget|gcc)\b", runs)


def test_no_index_proxy_or_certificate_is_named_in_it() -> None:
    mounts = re.findall(r"--mount=type=(\w+),id=(\w+)", TEXT)

    assert mounts == [("secret", "pip"), ("secret", "ca")]
    assert not re.search(r"https?://|index-url|_proxy|trusted-host", TEXT, re.IGNORECASE)


def test_it_says_how_it_is_stopped_looked_at_and_called() -> None:
    assert instructions(LAST, "STOPSIGNAL") == ["SIGTERM"]
    assert instructions(LAST, "ENTRYPOINT") == ['["mailings"]']
    [health] = instructions(LAST, "HEALTHCHECK")
    assert health.endswith('CMD ["healthy"]')


def test_it_has_the_labels_by_which_registries_show_it() -> None:
    [labels] = instructions(LAST, "LABEL")

    names = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", labels))
    assert names == {"title", "description", "licenses", "version", "revision"}


def test_the_context_is_what_is_named_and_no_secret_can_come_into_it() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    kept = {line[1:] for line in rules if line.startswith("!")}
    assert all((ROOT / each).exists() for each in kept)
    assert not any(".env" in each or "tests" in each for each in kept)


def test_the_images_lock_holds_what_services_need_as_the_common_lock_has_it() -> None:
    def packages(path: Path) -> dict[str, str]:
        blocks = re.split(r"\n(?=[a-z])", path.read_text())
        found = {each.partition("==")[0]: re.sub(r"\n\s+#.*", "", each) for each in blocks}
        return {name: text.strip() for name, text in found.items()}

    ours, all_ = packages(ROOT / "deploy/requirements.lock"), packages(ROOT / "requirements.lock")
    needed = {
        re.split(r"[^a-z0-9-]", each)[0]
        for path in [ROOT / "shared/pyproject.toml", *ROOT.glob("services/*/pyproject.toml")]
        for each in tomllib.loads(path.read_text())["project"]["dependencies"]
    }

    assert ours.items() <= all_.items(), "run: make lock"
    assert needed <= ours.keys(), "run: make lock"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a PATH on which `python` prints its arguments."""
    python = tmp_path / "python"
    python.write_text(PRINT)
    python.chmod(0o755)
    return f"{tmp_path}:/usr/bin:/bin"


def called(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - ours
        [COMMANDS / "mailings", *arguments],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        *(([name], f"services.{name}") for name in SERVICES),
        (["dispatcher", "adopt"], "services.dispatcher adopt"),
        (["stats", "rebuild"], "services.stats rebuild"),
        (["migrate"], f"shared.migrate {' '.join(SERVICES)}"),
        (["migrate", "stats"], "shared.migrate stats"),
        (["topics"], "shared.kafka.topics"),
        (["log", "positions", "stats"], "shared.kafka positions stats"),
        (["outbox", "letters", "stats"], "shared.outbox letters stats"),
        (["secrets", "/x"], f"deploy.passwords /x --services {' '.join(SERVICES)}"),
        (["sandbox", "--plain"], "deploy.local.gateway --plain"),
        (["mail", "--needs-login"], "deploy.local.mail --needs-login"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_the_command_starts_a_module(path: str, arguments: list[str], module: str) -> None:
    done = called(path, *arguments)

    assert (done.stdout, done.returncode) == (f"-m {module}\n", 0)
    assert (ROOT / module.split(maxsplit=1)[0].replace(".", "/")).with_suffix(".py").exists() or (
        ROOT / module.split(maxsplit=1)[0].replace(".", "/") / "__main__.py"
    ).exists()


def test_an_unknown_command_is_refused_with_those_there_are(path: str) -> None:
    done = called(path, "catalogue")

    assert (done.stdout, done.returncode) == ("", 2)
    assert "there is no command catalogue" in done.stderr
    assert "migrate" in done.stderr


def test_without_a_command_it_says_which_there_are(path: str) -> None:
    assert called(path).stdout.startswith("usage: mailings COMMAND")


async def health(status: str, *arguments: str, name: str = "") -> tuple[bool, str]:
    """Return what `healthy` finds at a server that answers `status`, and what it has asked."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    others = {f"{each.upper()}_HTTP_PORT": "1" for each in SERVICES}
    own = {name: port} if name else {}
    bash = shutil.which("bash") or "bash"
    async with server:
        given = [port, *arguments] if not name else []
        process = await asyncio.create_subprocess_exec(
            bash, COMMANDS / "healthy", *given, env={"PATH": "/usr/bin:/bin", **others, **own}
        )
        code = await asyncio.wait_for(process.wait(), 60)
    return code == 0, "".join(asked)


@pytest.mark.parametrize(
    ("status", "is_healthy"),
    [("204 No Content", True), ("503 Service Unavailable", False), ("200 OK", False)],
)
async def test_what_answers_204_is_healthy(status: str, *, is_healthy: bool) -> None:
    assert await health(status) == (is_healthy, "GET /readyz HTTP/1.0")


async def test_another_page_may_be_asked_for() -> None:
    assert await health("204 No Content", "/livez") == (True, "GET /livez HTTP/1.0")


@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_port_it_is_that_of_the_service_that_runs(service: str) -> None:
    assert (await health("204 No Content", name=f"{service.upper()}_HTTP_PORT"))[0]


async def test_where_nothing_listens_nothing_is_healthy() -> None:
    process = await asyncio.create_subprocess_exec(
        shutil.which("bash") or "bash", COMMANDS / "healthy", "1", env={"PATH": "/usr/bin:/bin"}
    )

    assert await process.wait() == 1


def test_healthy_knows_the_ports_of_the_code() -> None:
    text = (COMMANDS / "healthy").read_text()

    ports = dict(re.findall(r"\$\{([A-Z]+)_HTTP_PORT:-(\d+)\}", text))

    assert ports == {
        name.upper(): str(
            import_module(f"services.{name}.settings").Settings.model_fields["http_port"].default
        )
        for name in SERVICES
    }
