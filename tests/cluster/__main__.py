"""The overlay `dev`, tried on a cluster: the second half of `make k8s-test`, where one answers.

All overlays are tried on the server first (a dry run). Then `dev` for real: clients are imported,
and three mailings go through the sandbox. In the first the dispatcher's pod is killed; in the
second all services are rolled while something calls their APIs, and three dispatchers work for a
while; in the third the node is drained. Nothing is lost or sent twice, and no call fails.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from cli.generate import csv_pieces
from deploy.env_example import SERVICES
from tests.cluster import calling
from tests.cluster.kube import (
    FOLDER,
    NAMESPACE,
    OVERLAYS,
    addresses,
    attempt,
    has_cluster,
    kubectl,
    make_secrets,
    pods,
)
from tests.compose.__main__ import command, create, say, show, taken, tell
from tests.compose.books import Books, wait_for
from tests.compose.engine import Failed

CLIENTS = 3_000
LATENCY_MS = "400-600"  # a run takes half a minute: time for something to happen in it
IMAGE = "mailings:dev"
BARE = ("--no-headers", "--output", "wide")


def dry_run() -> None:
    """Let the server check every overlay, as strictly as it can.

    Raises:
        Failed: It refuses one.
    """
    known = {line.split()[-1] for line in kubectl("api-resources", "--no-headers").splitlines()}
    for overlay in OVERLAYS:
        folder = str(FOLDER / "overlays" / overlay)
        manifests = yaml.safe_load_all(kubectl("kustomize", folder))
        if missing := {each["kind"] for each in manifests} - known:
            say(f"{overlay}: not tried, the cluster does not know {', '.join(sorted(missing))}")
            continue
        options = ("--server-side", "--dry-run=server", "--validate=strict")
        done = kubectl("apply", *options, "--kustomize", folder)
        say(f"{overlay}: the server would take all {len(done.splitlines())} objects")


def deploy(folder: Path) -> None:
    """Apply the overlay, and wait until all of it is ready.

    Raises:
        Failed: It is not in time.
    """
    make_secrets(folder)
    say("the namespace and its Secrets are there")
    dry_run()
    kubectl("apply", "--server-side", "--kustomize", str(FOLDER / "overlays" / "dev"))
    for job in ("migrate", "topics"):
        kubectl("wait", "--for=condition=Complete", f"job/{job}", "--timeout=300s")
        say(f"{job} has ended")
    for name in SERVICES:
        kubectl("rollout", "status", f"deployment/{name}", "--timeout=300s")
    show("all is ready", kubectl("get", "pods", *BARE))


def finish(books: Books, mailing: str, runs: int) -> None:
    """Wait for a run's end; compare its books. The gateway's go over all `runs` so far.

    Raises:
        Failed: Something was lost, or came twice.
    """
    wait_for(
        "the run has finished, and statistics know it",
        lambda: books.statistics(mailing)["runs"][0]["is_finished"],
        within_s=240,
    )
    wait_for(
        "the figures agree with the ledger",
        lambda: bool(books.get("stats", "/v1/reconcile", mailing_id=mailing)["reconciles"]),
        within_s=60,
    )
    figures = books.statistics(mailing)["by_status"]
    ledger, gateway = books.ledger(mailing), books.gateway()
    show("statistics", json.dumps(figures))
    show("the dispatcher's ledger, message by message", json.dumps(ledger))
    show("the gateway's ledger", json.dumps(gateway))
    wanted = {"delivered": CLIENTS, "different messages": CLIENTS}
    if ledger != wanted or not sum(figures.values()) == figures["delivered"] == CLIENTS:
        raise Failed(f"{CLIENTS:,} should be delivered")
    if not gateway["accepted"] == gateway["accepted_distinct"] == runs * CLIENTS:
        raise Failed(f"the gateway should have taken {runs * CLIENTS:,}, each once")


def kill_the_dispatcher(books: Books) -> None:
    """Kill the only dispatcher in the middle of a run."""
    mailing = create(books, "killed")
    taken(books, CLIENTS // 3)
    tell(books, "before the kill", mailing)
    [pod] = pods("app.kubernetes.io/name=dispatcher")
    name = pod["metadata"]["name"]
    kubectl("delete", "pod", name, "--grace-period=0", "--force")
    say(f"{name} is killed")
    kubectl("rollout", "status", "deployment/dispatcher", "--timeout=120s")
    say("another one is ready")
    finish(books, mailing, runs=1)


def roll_everything(books: Books) -> None:
    """Roll all services, and scale the dispatcher, in the middle of a run.

    Raises:
        Failed: A call failed although it was repeated.
    """
    calling.start(IMAGE)
    mailing = create(books, "rolled")
    taken(books, CLIENTS + CLIENTS // 4)
    tell(books, "before the rollout", mailing)
    kubectl("rollout", "restart", *(f"deployment/{name}" for name in SERVICES))
    for name in SERVICES:
        kubectl("rollout", "status", f"deployment/{name}", "--timeout=300s")
        say(f"{name} was started anew")
    kubectl("scale", "deployment/dispatcher", "--replicas=3")
    kubectl("rollout", "status", "deployment/dispatcher", "--timeout=300s")
    show("three dispatchers", kubectl("get", "pods", "-l", "app.kubernetes.io/name=dispatcher"))
    kubectl("scale", "deployment/dispatcher", "--replicas=1")
    wait_for(
        "one dispatcher is left",
        lambda: len(pods("app.kubernetes.io/name=dispatcher")) == 1,
        within_s=120,
    )
    say("one dispatcher again")
    finish(books, mailing, runs=2)
    counts = calling.stop()
    show("the APIs, called through their Services meanwhile", json.dumps(counts))
    if counts["failed"] or not counts["calls"]:
        raise Failed("calls failed though they were repeated")


def drain(books: Books) -> None:
    """Drain the dispatcher's node of all that is ours, in the middle of a run."""
    mailing = create(books, "drained")
    taken(books, 2 * CLIENTS + CLIENTS // 3)
    [pod] = pods("app.kubernetes.io/name=dispatcher")
    node = pod["spec"]["nodeName"]
    options = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s")
    try:
        selector = "--pod-selector=app.kubernetes.io/part-of=mailings"
        show("drained", kubectl("drain", node, *options, selector))
    finally:
        attempt("uncordon", node)
    for name in ("postgres", "kafka", "gateway"):
        kubectl("rollout", "status", f"statefulset/{name}", "--timeout=300s")
    for name in SERVICES:
        kubectl("rollout", "status", f"deployment/{name}", "--timeout=300s")
    show("all is ready again", kubectl("get", "pods", *BARE))
    wait_for("the gateway answers", lambda: bool(books.gateway()), within_s=60)
    finish(books, mailing, runs=3)


def run() -> None:
    """Do it all.

    Raises:
        Failed: Something is not as it should be.
    """
    if not attempt("get", "namespace", NAMESPACE).returncode:
        raise Failed(f"there is a namespace {NAMESPACE} already, which this would remove")
    try:
        with tempfile.TemporaryDirectory() as folder, addresses() as where:
            deploy(Path(folder))
            books = Books(lambda: where)
            file = Path(folder) / "clients.csv"
            file.write_bytes(b"".join(csv_pieces(CLIENTS)))
            show("imported", command(books, "clients", "import", "--strict", str(file)))
            books.set_latency(LATENCY_MS)
            kill_the_dispatcher(books)
            roll_everything(books)
            drain(books)
    except Failed:
        show("the pods", attempt("get", "pods", *BARE).stdout)
        show("what happened", attempt("get", "events", "--sort-by=.lastTimestamp").stdout[-6000:])
        for name in SERVICES:
            show(f"the log of {name}", attempt("logs", f"deployment/{name}", "--tail=15").stdout)
        raise
    finally:
        attempt("delete", "namespace", NAMESPACE, "--timeout=180s")
        say("stopped, and its namespace removed")


def main() -> None:
    """Try the cluster; the last line says how it went."""
    if not has_cluster():
        sys.stdout.write("SKIPPED: no cluster\n")
        return
    try:
        run()
    except (Failed, subprocess.SubprocessError) as failure:
        sys.stdout.write(f"{failure}\nFAILED\n")
        sys.exit(1)
    sys.stdout.write(f"PASSED: {3 * CLIENTS:,} messages, none lost, none twice, no call failed\n")


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main()
