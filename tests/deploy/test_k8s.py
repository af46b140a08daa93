"""The base of Kubernetes: what every pod of it has, and that it agrees with the code.

It is read as it stands. Where `kubectl` and `kubernetes-validate` are at hand (`make k8s-test`
fetches them), it is also built, and held against the schemas of Kubernetes.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import yaml
from dotenv import dotenv_values

from deploy.env_example import SERVICES
from shared.settings import ServiceSettings, variable

if TYPE_CHECKING:
    from shared.setting_values import Duration

Json: TypeAlias = dict[str, Any]

BASE = Path(__file__).parents[2] / "deploy" / "k8s" / "base"
KUSTOMIZATION: Json = yaml.safe_load((BASE / "kustomization.yaml").read_text())
OBJECTS: list[Json] = [
    each
    for name in KUSTOMIZATION["resources"]
    for each in yaml.safe_load_all((BASE / name).read_text())
]
JOBS = ("migrate", "topics")
NAME = "app.kubernetes.io/name"
OLDEST = "1.30"  # `preStop: sleep` is on by default from there


def found(kind: str, name: str) -> Json:
    [each] = [each for each in OBJECTS if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return each


def template(name: str) -> Json:
    kind = "Job" if name in JOBS else "Deployment"
    pod: Json = found(kind, name)["spec"]["template"]
    return pod


def pod_of(name: str) -> Json:
    spec: Json = template(name)["spec"]
    return spec


def container(name: str) -> Json:
    [each] = pod_of(name)["containers"]
    assert isinstance(each, dict)
    return each


def settings_of(service: str) -> type[ServiceSettings]:
    kind: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    return kind


def test_all_files_are_part_of_it() -> None:
    files = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}

    assert set(KUSTOMIZATION["resources"]) == files


def test_each_service_has_what_the_others_have_and_nothing_else_is_there() -> None:
    kinds = ("ServiceAccount", "Deployment", "Service", "PodDisruptionBudget")

    assert {(each["kind"], each["metadata"]["name"]) for each in OBJECTS} == {
        ("Namespace", "mailings"),
        *((kind, name) for kind in kinds for name in SERVICES),
        *((kind, name) for kind in ("ServiceAccount", "Job") for name in JOBS),
    }


def test_services_are_equal_but_for_names_and_numbers() -> None:
    def shape(name: str) -> str:
        text = (BASE / f"{name}.yaml").read_text().lower().replace(name, "NAME")
        return re.sub(r"\b80\d\d\b|cpu: \d+m", "NUMBER", text)

    assert len({shape(name) for name in SERVICES}) == 1


def test_the_namespace_takes_only_restricted_pods() -> None:
    labels = found("Namespace", "mailings")["metadata"]["labels"]

    assert labels == {
        f"pod-security.kubernetes.io/{each}": "restricted" for each in ("enforce", "audit", "warn")
    }
    assert KUSTOMIZATION["namespace"] == "mailings"


@pytest.mark.parametrize("name", [*SERVICES, *JOBS])
def test_a_pod_can_do_no_more_than_it_must(name: str) -> None:
    pod = pod_of(name)

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,  # the image's
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("name", [*SERVICES, *JOBS])
def test_a_pod_has_an_account_of_its_own_without_a_token(name: str) -> None:
    assert pod_of(name)["serviceAccountName"] == name
    assert pod_of(name)["automountServiceAccountToken"] is False
    assert found("ServiceAccount", name)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", [*SERVICES, *JOBS])
def test_a_pod_says_what_it_needs_and_what_it_may_take(name: str) -> None:
    resources = container(name)["resources"]

    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}  # a limit of CPU delays what has room
    for each in pod_of(name)["volumes"]:
        assert each["name"] != "tmp" or each["emptyDir"]["sizeLimit"]


@pytest.mark.parametrize("name", [*SERVICES, *JOBS])
def test_what_runs_is_a_command_of_the_image(name: str) -> None:
    assert (container(name)["image"], container(name)["args"]) == ("mailings", [name])
    assert "command" not in container(name)


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_those_of_the_code(service: str) -> None:
    port = settings_of(service).model_fields["http_port"].default

    assert container(service)["ports"] == [{"name": "http", "containerPort": port}]
    [given] = found("Service", service)["spec"]["ports"]
    assert given == {"name": "http", "port": port, "targetPort": "http"}


@pytest.mark.parametrize("service", SERVICES)
def test_probes_ask_what_the_services_answer(service: str) -> None:
    probes = {name: each for name, each in container(service).items() if name.endswith("Probe")}

    paths = {name: each["httpGet"]["path"] for name, each in probes.items()}
    assert paths == {
        "startupProbe": "/livez",
        "readinessProbe": "/readyz",
        "livenessProbe": "/livez",
    }
    assert all(each["httpGet"]["port"] == "http" for each in probes.values())
    assert all(each["timeoutSeconds"] > 1 for each in probes.values())


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_may_bring_to_an_end_what_it_has_begun(service: str) -> None:
    before = container(service)["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain: Duration = settings_of(service).model_fields["http_drain"].default

    grace = pod_of(service)["terminationGracePeriodSeconds"]
    assert grace > before + drain.total_seconds() + 5


@pytest.mark.parametrize("service", SERVICES)
def test_all_that_selects_pods_selects_those_of_the_service(service: str) -> None:
    labels = {NAME: service}

    assert template(service)["metadata"]["labels"] == labels
    assert found("Deployment", service)["spec"]["selector"]["matchLabels"] == labels
    assert found("Service", service)["spec"]["selector"] == labels
    budget = found("PodDisruptionBudget", service)["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    spread = pod_of(service)["topologySpreadConstraints"]
    assert all(each["labelSelector"]["matchLabels"] == labels for each in spread)
    assert {each["topologyKey"] for each in spread} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_rollout_takes_none_away_before_another_is_ready(service: str) -> None:
    spec = found("Deployment", service)["spec"]

    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_each_setting_is_one_of_the_code_and_is_taken_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {
        variable(settings_of(name), field)
        for name in SERVICES
        for field in settings_of(name).model_fields
    }
    given = dotenv_values(BASE / "settings.env")

    assert given.keys() <= known
    assert KUSTOMIZATION["configMapGenerator"] == [{"name": "settings", "envs": ["settings.env"]}]
    assert not [name for name in given if re.search("PASSWORD|TOKEN|DATABASE_URL", name)]
    for name, value in given.items():
        monkeypatch.setenv(name, value or "")
    for name in SERVICES:
        kind = settings_of(name)
        monkeypatch.setenv("KAFKA_SERVERS", "kafka:9092")
        settings = kind(database_url="postgresql://u@h/n")
        assert settings.http_host == "0.0.0.0"  # noqa: S104 - in a pod


@pytest.mark.parametrize("name", [*SERVICES, "migrate"])
def test_secrets_are_files_of_a_secret_that_is_called_as_their_reader(name: str) -> None:
    volumes = {each["name"]: each for each in pod_of(name)["volumes"]}
    mounts = {each["name"]: each for each in container(name)["volumeMounts"]}

    assert volumes["secrets"]["secret"] == {"secretName": name, "defaultMode": 0o440}
    folder = dotenv_values(BASE / "settings.env")["SECRETS_DIR"]
    assert mounts["secrets"] == {"name": "secrets", "mountPath": folder, "readOnly": True}
    assert "env" not in container(name)
    assert container(name)["envFrom"] == [{"configMapRef": {"name": "settings"}}]


def test_no_secret_is_in_it() -> None:
    assert "Secret" not in {each["kind"] for each in OBJECTS}
    assert "secretGenerator" not in KUSTOMIZATION


@pytest.fixture(scope="module")
def built() -> str:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl; make k8s-test fetches it")
    done = subprocess.run(  # noqa: S603 - a tool of the lock
        [kubectl, "kustomize", BASE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_built_whole_and_each_image_has_a_release(built: str) -> None:
    made = list(yaml.safe_load_all(built))

    names = sorted((each["kind"], each["metadata"]["name"]) for each in made)
    settings = [name for kind, name in names if kind == "ConfigMap"]
    others = sorted((each["kind"], each["metadata"]["name"]) for each in OBJECTS)
    assert [each for each in names if each[0] != "ConfigMap"] == others
    assert len(settings) == 1
    assert {name for each in made for name in references(each)} == set(settings)
    assert all(re.fullmatch(r"mailings:(?!latest)\S+", each) for each in images(made))
    assert {each["metadata"].get("namespace") for each in made if each["kind"] != "Namespace"} == {
        "mailings"
    }


def references(each: Json) -> Iterator[str]:
    """Yield the maps of settings that an object's containers read."""
    for one in containers(each):
        yield from (given["configMapRef"]["name"] for given in one["envFrom"])


def images(made: list[Json]) -> list[str]:
    return [one["image"] for each in made for one in containers(each)]


def containers(each: Json) -> list[Json]:
    pod = each.get("spec", {}).get("template", {}).get("spec", {})
    of_pod: list[Json] = pod.get("containers", [])
    return of_pod


@pytest.mark.parametrize("version", [OLDEST, "1.35"])
def test_it_fits_the_schemas_of_kubernetes(built: str, tmp_path: Path, version: str) -> None:
    validate = shutil.which("kubernetes-validate")
    if validate is None:
        pytest.skip("there is no kubernetes-validate; make k8s-test fetches it")
    file = tmp_path / "built.yaml"
    file.write_text(built)

    done = subprocess.run(  # noqa: S603 - a tool of the lock
        [validate, "--strict", "--kubernetes-version", version, file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
