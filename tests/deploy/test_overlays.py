"""The overlays of Kubernetes: what every pod of each has, and that they agree with the code.

They are built by `kubectl`, which `make k8s-test` fetches where there is none.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from deploy import operators, passwords
from deploy.env_example import SERVICES
from deploy.local.doors import ADMIN, DOORS, KIND, WEB
from deploy.local.mail.__main__ import options_parser
from deploy.observability.files import DASHBOARDS, RULES
from services.dispatcher.app import READERS_SIZE, WRITERS_SIZE
from services.dispatcher.gateways.smtp.endpoint import parse_endpoint
from shared import database
from shared.kafka.topics import PARTITIONS
from shared.settings import variable
from shared.telemetry.registry import METRICS
from tests.deploy import crds
from tests.deploy.test_k8s import OLDEST, settings_of

Json: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "k8s"
CLOSED = ("staging", "production", "managed")
OVERLAYS = ("dev", *CLOSED)
OF_PODS = ("Deployment", "StatefulSet", "Job")
NAME = "app.kubernetes.io/name"
OF_STRIMZI = {"kafka-cluster-ca-cert"}  # the Secrets that it makes itself
# Stores of operators, whose pods these make.
OF_OPERATORS = {"cnpg.io/cluster": "postgres", "strimzi.io/cluster": "kafka"}


def with_managed_stores(folder: Path) -> Path:
    """Return a copy of the overlay `production` with stores of a provider."""
    for name in ("k8s", "observability"):
        shutil.copytree(ROOT / "deploy" / name, folder / name)
    file = folder / "k8s" / "overlays" / "production" / "kustomization.yaml"
    text = file.read_text()
    text = text.replace("components/strimzi", "components/managed")
    file.write_text(text.replace("  - ../../components/cnpg\n", ""))
    return file.parent


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(overlay: str, tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl; make k8s-test fetches it")
    folder = FOLDER / "overlays" / overlay
    if overlay == "managed":
        folder = with_managed_stores(tmp_path_factory.mktemp("managed"))
    done = subprocess.run(  # noqa: S603 - a tool of the lock
        [kubectl, "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(built: list[Json], *kinds: str) -> dict[str, Json]:
    """Return the objects of some kinds by their names."""
    return {each["metadata"]["name"]: each for each in built if each["kind"] in kinds}


def pods(built: list[Json]) -> dict[str, Json]:
    """Return the templates of all pods by what they belong to."""
    return {name: each["spec"]["template"] for name, each in of_kind(built, *OF_PODS).items()}


def containers(built: list[Json]) -> Iterator[tuple[str, Json]]:
    for name, pod in pods(built).items():
        yield from ((name, each) for each in pod["spec"]["containers"])


def settings(built: list[Json]) -> dict[str, str]:
    """Return the settings that the overlay gives."""
    [found] = [
        each["data"] for name, each in of_kind(built, "ConfigMap").items() if "settings" in name
    ]
    return dict(found)


def selects(selector: Json, labels: Json) -> bool:
    """Return whether a selector of pods selects one with these labels."""
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", ())
    )


def test_it_fits_the_schemas_of_kubernetes_and_of_the_operators(
    built: list[Json], tmp_path: Path
) -> None:
    theirs = [each for each in built if crds.schema_of(each)]
    ours = tmp_path / "ours.yaml"
    ours.write_text(yaml.safe_dump_all([each for each in built if each not in theirs]))

    assert [
        fault for each in theirs for fault in crds.faults(each, crds.schema_of(each) or {})
    ] == []
    validate = shutil.which("kubernetes-validate")
    if validate is None:
        pytest.skip("there is no kubernetes-validate; make k8s-test fetches it")
    for version in (OLDEST, "1.35"):
        command = [validate, "--strict", "--kubernetes-version", version, str(ours)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_has_all_services_in_one_namespace(built: list[Json]) -> None:
    assert set(SERVICES) <= set(of_kind(built, "Deployment"))
    assert {
        each["metadata"].get("namespace") for each in built if each["kind"] != "Namespace"
    } == {"mailings"}


def test_each_pod_is_fit_for_a_namespace_that_takes_only_restricted_ones(
    built: list[Json],
) -> None:
    for name, pod in pods(built).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name
        assert spec["serviceAccountName"] == name
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()
        assert not [each for each in spec["volumes"] if "hostPath" in each]
    for name, each in containers(built):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_each_container_has_limits_and_an_exact_image(built: list[Json]) -> None:
    for name, each in containers(built):
        assert set(each["resources"]["requests"]) == {"cpu", "memory"}, name
        assert set(each["resources"]["limits"]) == {"memory"}, name
        assert re.fullmatch(r"[a-z./-]+:(?!latest)[\w.-]+(@sha256:[0-9a-f]{64})?", each["image"])


def test_what_stays_up_is_asked_and_named_by_its_probes(built: list[Json]) -> None:
    for name, each in containers(built):
        probes = {key for key in each if key.endswith("Probe")}
        wanted = {"startupProbe", "readinessProbe", "livenessProbe"}
        assert probes == (set() if name in of_kind(built, "Job") else wanted), name


def test_a_node_that_is_drained_leaves_one_of_each_service(built: list[Json]) -> None:
    budgets = of_kind(built, "PodDisruptionBudget")

    assert set(budgets) == {*SERVICES, *DOORS}


def test_no_secret_is_in_it_and_each_that_it_reads_is_made(
    built: list[Json], overlay: str, tmp_path: Path
) -> None:
    if overlay == "dev":
        passwords.make(tmp_path, SERVICES)
    else:
        operators.make(tmp_path)
    made = {path.name for path in tmp_path.iterdir()} | OF_STRIMZI
    read = {
        volume["secret"]["secretName"]
        for pod in pods(built).values()
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
    }

    assert not of_kind(built, "Secret")
    assert read <= made | ({"topics"} if overlay == "managed" else set())  # by hand


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_its_settings_and_only_with_a_token_where_it_is_open(
    built: list[Json],
    overlay: str,
    service: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = settings_of(service)
    for name, value in settings(built).items():
        monkeypatch.setenv(name, value)
    (passwords.make(tmp_path, SERVICES) if overlay == "dev" else operators.make(tmp_path))
    folder = tmp_path / service

    assert kind(_secrets_dir=folder).api_token_required is (overlay in CLOSED)
    token = folder / f"{service.upper()}_API_TOKEN"
    token.unlink(missing_ok=True)
    if overlay in CLOSED:
        with pytest.raises(ValueError, match="API_TOKEN is missing"):
            kind(_secrets_dir=folder)


def test_each_setting_is_one_of_the_code(built: list[Json]) -> None:
    known = {
        variable(settings_of(name), field)
        for name in SERVICES
        for field in settings_of(name).model_fields
    }

    assert settings(built).keys() <= known


def test_nothing_passes_that_no_policy_names(built: list[Json]) -> None:
    policies = of_kind(built, "NetworkPolicy")

    assert policies["nothing"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    for name, pod in pods(built).items():
        labels = pod["metadata"]["labels"]
        found = [
            each["spec"]
            for each in policies.values()
            if selects(each["spec"]["podSelector"], labels)
        ]
        assert any("egress" in each for each in found), name
        ports = {
            port["name"] for one in pod["spec"]["containers"] for port in one.get("ports", ())
        }
        assert ports == {
            port["port"]
            for each in found
            for rule in each.get("ingress", ())
            for port in rule["ports"]
        }, name


def test_whom_a_policy_lets_out_another_lets_in(built: list[Json]) -> None:
    known = {name: pod["metadata"]["labels"] for name, pod in pods(built).items()}
    known |= {key: {key: value} for key, value in OF_OPERATORS.items()}
    policies = [each["spec"] for each in of_kind(built, "NetworkPolicy").values()]
    let_out: set[tuple[str, str]] = set()
    let_in: set[tuple[str, str]] = set()
    for policy in policies:
        own = {
            name
            for name, labels in known.items()
            if policy["podSelector"] and selects(policy["podSelector"], labels)
        }
        for way, peers, pairs in (("egress", "to", let_out), ("ingress", "from", let_in)):
            for rule in policy.get(way, ()):
                for peer in rule.get(peers, ()):
                    if set(peer) != {"podSelector"}:
                        continue
                    others = {
                        name
                        for name, labels in known.items()
                        if selects(peer["podSelector"], labels)
                    }
                    pairs |= {((a, b) if way == "egress" else (b, a)) for a in own for b in others}

    among_kafka = {("strimzi.io/cluster", "strimzi.io/cluster")}  # the operator's own policy
    assert let_out - among_kafka == let_in - among_kafka
    assert {pair for pair in let_out if pair[0] in SERVICES and pair[1] in SERVICES} == set()


def test_the_dispatcher_alone_reaches_the_internet_for_https_and_mails(
    built: list[Json], overlay: str
) -> None:
    if overlay not in ("staging", "production"):
        pytest.skip("its gateways are inside")
    usual = {parse_endpoint(f"{scheme}://mx.example.com").port for scheme in ("smtp", "smtps")}
    policy = of_kind(built, "NetworkPolicy")["to-gateway"]["spec"]

    assert policy["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "dispatcher"}}
    [rule] = policy["egress"]
    [peer] = rule["to"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= {*peer["ipBlock"]["except"]}
    assert {port["port"] for port in rule["ports"]} == {443, 25, *usual}


def test_from_outside_nothing_is_reached_but_the_public_door(built: list[Json]) -> None:
    backends = {
        path["backend"]["service"]["name"]
        for each in of_kind(built, "Ingress").values()
        for rule in each["spec"]["rules"]
        for path in rule["http"]["paths"]
    }

    assert backends <= {WEB}
    for name in {WEB, ADMIN} & set(pods(built)):
        [of_door] = pods(built)[name]["spec"]["containers"]
        assert {"name": "DOOR", "value": KIND[name]} in of_door["env"]
    assert not [
        each
        for each in of_kind(built, "Service").values()
        if each["spec"].get("type", "ClusterIP") != "ClusterIP"
    ]


def test_what_scales_asks_for_the_consumers_of_the_code(built: list[Json], overlay: str) -> None:
    scaled = of_kind(built, "ScaledObject")

    assert set(scaled) == (set() if overlay == "dev" else set(SERVICES))
    for name, each in scaled.items():
        queries = [trigger["metadata"]["query"] for trigger in each["spec"]["triggers"]]
        assert f'sum(kafka_consumer_lag{{consumer="{name}"}})' in queries
        assert "replicas" not in of_kind(built, "Deployment")[name]["spec"]
        assert PARTITIONS % each["spec"]["maxReplicaCount"] == 0


def test_each_way_of_postgres_is_for_one_service(built: list[Json], overlay: str) -> None:
    if overlay not in ("staging", "production"):
        pytest.skip("another PostgreSQL")
    spec = of_kind(built, "Cluster")["postgres"]["spec"]

    assert {each["name"] for each in spec["managed"]["roles"]} == set(SERVICES)
    databases = of_kind(built, "Database")
    assert {name: each["spec"]["owner"] for name, each in databases.items()} == {
        name: name for name in SERVICES
    }
    assert spec["postgresql"]["pg_hba"][-1] == "host all all all reject"


# Beside a pool: what listens for wake-ups, and what is asked outside of transactions.
EXTRA = 2


def test_all_replicas_that_may_be_there_find_a_connection(built: list[Json], overlay: str) -> None:
    if overlay not in ("staging", "production"):
        pytest.skip("another PostgreSQL")
    spec = of_kind(built, "Cluster")["postgres"]["spec"]
    default = signature(database.connect).parameters["size"].default
    pools = dict.fromkeys(SERVICES, default) | {"dispatcher": READERS_SIZE + WRITERS_SIZE}

    most = sum(
        (each["spec"]["maxReplicaCount"] + 1) * (pools[name] + EXTRA)  # one more in a rollout
        for name, each in of_kind(built, "ScaledObject").items()
    )
    assert most + 10 < int(spec["postgresql"]["parameters"]["max_connections"])


def test_what_scales_asks_for_metrics_that_there_are(built: list[Json]) -> None:
    series = {name for metric in METRICS.values() for name in metric.series}

    for each in of_kind(built, "ScaledObject").values():
        for trigger in each["spec"]["triggers"]:
            asked = set(re.findall(r"[a-z]+(?:_[a-z]+)+", trigger["metadata"]["query"]))
            assert asked
            assert asked <= series


def test_it_is_watched_by_all_rules_and_dashboards_and_each_alert_has_a_runbook(
    built: list[Json], overlay: str
) -> None:
    if overlay == "dev":
        pytest.skip("dev is for trials")
    [rules] = of_kind(built, "PrometheusRule").values()
    [boards] = [each for name, each in of_kind(built, "ConfigMap").items() if "dash" in name]

    assert rules["spec"] == yaml.safe_load(RULES.read_text())
    assert boards["data"] == {path.name: path.read_text() for path in DASHBOARDS.glob("*")}
    alerts = {
        rule["alert"]
        for group in rules["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert not [
        name for name in alerts if not (ROOT / "docs" / "runbooks" / f"{name}.md").exists()
    ]
    [monitor] = of_kind(built, "PodMonitor").values()
    assert monitor["spec"]["jobLabel"] == NAME  # what rules and dashboards call job
    labels = [pods(built)[name]["metadata"]["labels"] for name in SERVICES]
    assert all(selects(monitor["spec"]["selector"], each) for each in labels)


def test_the_sandbox_takes_mails_where_dispatchers_send_them(
    built: list[Json], overlay: str
) -> None:
    if overlay != "dev":
        assert "mail" not in pods(built)
        return
    [container] = [each for name, each in containers(built) if name == "mail"]
    command, *options = container["args"]
    read = options_parser().parse_args(options)
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    given = {
        each["name"]: each["port"] for each in of_kind(built, "Service")["mail"]["spec"]["ports"]
    }

    assert command == "mail"
    assert ports == {"http": read.port, "smtp": read.smtp_port, "smtps": read.smtps_port}
    assert given == ports
    assert settings(built)["DISPATCHER_SMTP_GATEWAY_URL"] == f"smtp://mail:{read.smtp_port}"
