"""The file of compose: what every container of it has, and that it agrees with the code."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
from dotenv import dotenv_values

from deploy.env_example import OF_COMPOSE, SERVICES, compose_settings
from deploy.local.doors import DOORS, KIND, UPSTREAMS
from deploy.local.gateway.__main__ import options_parser as gateway_parser
from deploy.local.mail.__main__ import options_parser as mail_parser
from shared.kafka import topics
from shared.settings import ServiceSettings, variable

Json: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::?-(?P<default>[^}]*))?\}")


def with_defaults(value: Any) -> Any:
    """Return what compose makes of it where nothing is set."""
    match value:
        case dict():
            return {key: with_defaults(each) for key, each in value.items()}
        case list():
            return [with_defaults(each) for each in value]
        case str():
            return VARIABLE.sub(lambda found: found["default"] or "", value)
        case _:
            return value


STACK = with_defaults(yaml.safe_load(FILE.read_text()))
KEYS = {"CATALOG_CONTACT_KEYS", "UNSUBSCRIBE_KEYS"}
GATEWAY_SECRETS = {"DISPATCHER_HTTP_GATEWAY_TOKEN", "DISPATCHER_SMTP_GATEWAY_PASSWORD"}
PARTS: Json = STACK["services"]
JOBS = {name for name, part in PARTS.items() if part["restart"] == "no"}
IMAGE = "mailings:dev"
OURS = {IMAGE, "mailings-web:dev"}
WITHOUT_SHELL = ("collector", "traces")  # nothing in those images could ask whether all is well
OBSERVERS = ("prometheus", "grafana", *WITHOUT_SHELL)
SANDBOX = ("gateway", "mail")


def settings_of(service: str) -> type[ServiceSettings]:
    kind: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    return kind


def mounts(part: Json) -> dict[str, Json]:
    """Return the volumes of a part by where they are mounted."""
    volumes = [
        dict(zip(("source", "target"), each.split(":"), strict=True))
        if isinstance(each, str)
        else each
        for each in part.get("volumes", ())
    ]
    return {each["target"]: each for each in volumes}


def test_everything_there_is_runs() -> None:
    assert set(PARTS) == {*SERVICES, *JOBS, *OBSERVERS, *SANDBOX, *DOORS, "postgres", "kafka"}
    assert {"secrets", "migrate", "topics"} == JOBS
    profiles = {name: part["profiles"] for name, part in PARTS.items() if "profiles" in part}
    assert profiles == {
        **{name: ["sandbox"] for name in SANDBOX},
        **{name: ["observe"] for name in OBSERVERS},
    }


@pytest.mark.parametrize("name", PARTS)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    part = PARTS[name]

    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert "cap_add" not in part
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert part["init"] is True
    assert not {"privileged", "pid", "ipc", "devices", "userns_mode"} & part.keys()
    assert part.get("network_mode", "none") == "none"


@pytest.mark.parametrize("name", PARTS)
def test_a_container_is_not_root(name: str) -> None:
    part = PARTS[name]

    if part["image"] in OURS:
        assert "user" not in part  # the image has one, which the Dockerfile's tests look at
    else:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", part["user"])


@pytest.mark.parametrize("name", PARTS)
def test_a_container_has_limits(name: str) -> None:
    part = PARTS[name]

    assert re.fullmatch(r"\d+[mg]", part["mem_limit"])
    assert part["pids_limit"] > 0
    assert part["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", sorted(set(PARTS) - JOBS))
def test_what_stays_up_is_looked_at_and_started_again(name: str) -> None:
    part = PARTS[name]

    assert part["restart"] == "unless-stopped"
    if name in WITHOUT_SHELL:
        assert part["healthcheck"] == {"disable": True}
        return
    assert part["healthcheck"]["start_period"]
    assert ("test" in part["healthcheck"]) == (name not in SERVICES)  # theirs is in the image


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_is_not_looked_at(name: str) -> None:
    assert PARTS[name]["healthcheck"] == {"disable": True}


def test_all_images_have_an_exact_version() -> None:
    images = {part["image"] for part in PARTS.values()} - OURS

    assert images
    for image in images:
        assert re.fullmatch(r"[a-z/-]+:v?\d+(\.\d+)+(-[a-z.0-9]+)?(@sha256:[0-9a-f]{64})?", image)


def test_one_image_is_built_once_with_the_python_of_the_dockerfile() -> None:
    builds = {name: part["build"] for name, part in PARTS.items() if "build" in part}
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    base = re.search(r"^ARG PYTHON_IMAGE=(.+)$", text, re.MULTILINE)

    assert list(builds) == ["secrets", "web"]  # all that has one of our images comes after it
    assert base is not None
    assert builds["secrets"]["args"]["PYTHON_IMAGE"] == base[1]
    assert (FILE.parent / builds["secrets"]["context"]).resolve() == ROOT
    assert (ROOT / builds["secrets"]["dockerfile"]).exists()


@pytest.mark.parametrize("name", PARTS)
def test_ports_are_open_on_the_loopback_only(name: str) -> None:
    for port in PARTS[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d*:\d+", port)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_published_at_the_port_that_it_has_in_the_code(service: str) -> None:
    port = settings_of(service).model_fields["http_port"].default
    given = PARTS[service]["environment"]

    [published] = PARTS[service]["ports"]
    assert published.endswith(f":{port}")
    assert given[f"{service.upper()}_HTTP_PORT"] == port
    assert given[f"{service.upper()}_HTTP_HOST"] == "0.0.0.0"  # noqa: S104 - in a container


def test_there_may_be_several_dispatchers() -> None:
    assert PARTS["dispatcher"]["ports"] == ["127.0.0.1::8003"]
    assert not any("container_name" in part for part in PARTS.values())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_each_of_its_settings(service: str) -> None:
    kind = settings_of(service)
    known = {variable(kind, name) for name in kind.model_fields}
    secret = {
        f"{service.upper()}_DATABASE_URL",
        f"{service.upper()}_API_TOKEN",
        *GATEWAY_SECRETS,
        *KEYS,
    } & known

    assert set(PARTS[service]["environment"]) == known - secret


def test_the_topics_get_each_of_their_settings() -> None:
    names = {variable(topics.Settings, name) for name in topics.Settings.model_fields}

    assert set(PARTS["topics"]["environment"]) == names


def test_the_example_of_settings_names_all_that_compose_reads_and_nothing_else() -> None:
    lines = [line.removeprefix("# ") for line in (ROOT / ".env.example").read_text().splitlines()]
    example = {found[1] for line in lines if (found := re.match(r"([A-Z_]+)=", line))}
    passed = {
        name
        for part in PARTS.values()
        for name, value in part.get("environment", {}).items()
        if value is None
    }
    read = passed | {found["name"] for found in VARIABLE.finditer(FILE.read_text())}
    decided = {
        name
        for part in PARTS.values()
        for name, value in part.get("environment", {}).items()
        if value is not None
    }
    secret = {
        f"{name.upper()}_{own}" for name in SERVICES for own in ("DATABASE_URL", "API_TOKEN")
    }

    assert read <= example
    assert example - read <= decided | secret | GATEWAY_SECRETS | KEYS


def test_the_example_shows_the_defaults_of_compose() -> None:
    pairs = {(each["name"], each["default"]) for each in OF_COMPOSE.finditer(FILE.read_text())}
    found = dict(pairs)

    assert len(found) == len(pairs)
    assert compose_settings() == {name: f"# {name}={default}" for name, default in found.items()}
    assert "MAILINGS_DISPATCHER_PORT" in found


def test_a_copy_of_the_example_sets_nothing_that_compose_reads(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text((ROOT / ".env.example").read_text())

    assert not {found["name"] for found in VARIABLE.finditer(FILE.read_text())} & set(
        dotenv_values(copy)
    )


def test_no_secret_is_in_the_environment() -> None:
    given = {
        name: value
        for part in PARTS.values()
        for name, value in part.get("environment", {}).items()
    }

    secret = re.compile("PASSWORD|TOKEN(?!_REQUIRED)|DATABASE_URL|_KEYS")
    assert {name for name in given if secret.search(name)} == {"POSTGRES_PASSWORD_FILE"}


@pytest.mark.parametrize("name", [*SERVICES, "migrate", "postgres"])
def test_each_sees_only_its_own_secrets_and_cannot_change_them(name: str) -> None:
    found = mounts(PARTS[name])["/run/secrets"]

    assert (found["source"], found["volume"], found["read_only"]) == (
        "secrets",
        {"subpath": name},
        True,
    )
    if name != "postgres":
        assert PARTS[name]["environment"]["SECRETS_DIR"] == "/run/secrets"


def test_another_file_with_a_secret_makes_the_containers_that_read_it_anew() -> None:
    labels = {name: part["labels"] for name, part in PARTS.items() if "labels" in part}

    given = {name: STACK["secrets"][name]["file"] for name in PARTS["secrets"]["secrets"]}
    api = {"api": given["api_token"]}
    read = {**api, "token": given["gateway_token"], "password": given["smtp_password"]}
    assert labels == {**dict.fromkeys(SERVICES, api), "secrets": read, "dispatcher": read}


def test_who_makes_the_secrets_has_no_network() -> None:
    assert PARTS["secrets"]["network_mode"] == "none"
    assert [name for name, part in PARTS.items() if "network_mode" in part] == ["secrets"]


def test_nothing_starts_before_what_it_needs_is_ready() -> None:
    needs = {
        name: {of: each["condition"] for of, each in part["depends_on"].items()}
        for name, part in PARTS.items()
        if "depends_on" in part
    }
    done, healthy = "service_completed_successfully", "service_healthy"

    assert needs == {
        "postgres": {"secrets": done},
        "migrate": {"postgres": healthy},
        "topics": {"kafka": healthy},
        **{key: {"migrate": done, "topics": done} for key in SERVICES},
        "admin": {"web": "service_started"},
    }


@pytest.mark.parametrize(
    ("name", "kept"),
    {
        "postgres": "/var/lib/postgresql",
        "kafka": "/var/lib/kafka/data",
        "dispatcher": "/var/lib/mailings",  # what the log gateway has written
        "gateway": "/var/lib/mailings",  # what it has taken
        "mail": "/var/lib/mailings",  # the same
        "secrets": "/var/lib/secrets",
    }.items(),
)
def test_what_must_outlive_a_container_is_in_a_volume_with_a_name(name: str, kept: str) -> None:
    assert mounts(PARTS[name])[kept]["source"] in STACK["volumes"]


def test_files_that_are_written_are_in_volumes() -> None:
    log = PARTS["dispatcher"]["environment"]["DISPATCHER_LOG_GATEWAY_PATH"]
    commands = [PARTS[name]["command"] for name in SANDBOX]
    ledgers = [each[each.index("--ledger") + 1] for each in commands]

    assert {Path(each).parent for each in (log, *ledgers)} == {Path("/var/lib/mailings")}


@pytest.mark.parametrize("name", SANDBOX)
def test_a_part_of_the_sandbox_starts_with_its_command_and_is_published(name: str) -> None:
    module, *options = PARTS[name]["command"]
    parser = {"sandbox": gateway_parser, "mail": mail_parser}[module]()

    read = parser.parse_args(options)

    assert read.host == "0.0.0.0"  # noqa: S104 - in a container
    [published] = PARTS[name]["ports"]
    assert published.endswith(f":{read.port}")
    assert PARTS[name]["healthcheck"]["test"] == ["CMD", "healthy", str(read.port), "/livez"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_bring_to_an_end_what_it_has_begun(service: str) -> None:
    drain = settings_of(service).model_fields["http_drain"].default

    assert int(PARTS[service]["stop_grace_period"].removesuffix("s")) > drain.total_seconds()


def test_the_root_file_is_the_same_stack() -> None:
    root = yaml.safe_load((ROOT / "compose.yaml").read_text())

    assert root == {"name": STACK["name"], "include": ["deploy/docker-compose.yml"]}


def test_the_databases_are_made_for_the_services_there_are() -> None:
    script = (ROOT / "deploy" / "postgres" / "databases.sh").read_text()
    names = re.search(r"for name in (.+); do", script)

    assert names is not None
    assert names[1].split() == list(SERVICES)
    assert STACK["configs"]["databases"]["file"] == "./postgres/databases.sh"


def test_prometheus_scrapes_each_service_where_it_listens() -> None:
    folder = ROOT / "deploy" / "observability"
    config = yaml.safe_load((folder / "prometheus.yaml").read_text())

    scraped = {
        each["job_name"]: (sd["names"], sd["port"])
        for each in config["scrape_configs"]
        for sd in each["dns_sd_configs"]
    }

    assert scraped == {
        name: ([name], PARTS[name]["environment"][f"{name.upper()}_HTTP_PORT"])
        for name in SERVICES
    }
    for name, config in STACK["configs"].items():
        assert (ROOT / "deploy" / config["file"]).is_file(), name


@pytest.mark.parametrize("name", DOORS)
def test_a_door_is_a_process_of_its_own_and_finds_the_services(name: str) -> None:
    part = PARTS[name]
    ports = {each: settings_of(each).model_fields["http_port"].default for each in UPSTREAMS}

    assert part["environment"] == {
        "DOOR": KIND[name],
        **{each.upper(): f"{each}:{port}" for each, port in ports.items()},
    }


def test_the_image_of_the_page_is_built_of_exact_versions_by_an_account_that_is_not_root() -> None:
    build = PARTS["web"]["build"]
    text = (ROOT / build["dockerfile"]).read_text()

    assert dict(re.findall(r"^ARG (\w+)=(.+)$", text, re.MULTILINE)) == build["args"]
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
    assert "--ignore-scripts" in text
