"""The cluster, as a person drives it with `kubectl`, and the deployment of ours in it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.env_example import SERVICES
from tests.compose.engine import ROOT, Failed, Json

NAMESPACE = "mailings"
FOLDER = ROOT / "deploy" / "k8s"
OVERLAYS = ("dev", "staging", "production")
CALLED = (*SERVICES, "gateway")


def has_cluster() -> bool:
    """Return whether a cluster answers that was named on purpose."""
    found = shutil.which("kubectl")
    return (
        found is not None
        and bool(os.environ.get("KUBECONFIG"))
        and attempt("get", "--raw", "/readyz").stdout == "ok"
    )


def attempt(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `kubectl` in our namespace, whatever becomes of it."""
    return subprocess.run(  # noqa: S603 - the tool of the lock
        ["kubectl", "--namespace", NAMESPACE, *arguments],  # noqa: S607 - or that of a person
        capture_output=True,
        text=True,
        check=False,
    )


def kubectl(*arguments: str) -> str:
    """Run `kubectl` in our namespace; return what it prints.

    Raises:
        Failed: It ended with an error.
    """
    done = attempt(*arguments)
    if done.returncode:
        raise Failed(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout}")
    return done.stdout


def apply(text: str) -> None:
    """Apply a manifest.

    Raises:
        Failed: It was refused.
    """
    done = subprocess.run(  # noqa: S603 - as above
        ["kubectl", "--namespace", NAMESPACE, "apply", "--filename", "-"],  # noqa: S607 - whichever is on the path
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(done.stderr)


def pods(selector: str) -> list[Json]:
    """Return the pods with these labels that are not on their way out."""
    found = json.loads(kubectl("get", "pods", "--selector", selector, "--output", "json"))
    return [each for each in found["items"] if "deletionTimestamp" not in each["metadata"]]


def make_secrets(folder: Path) -> None:
    """Make the passwords in `folder`, and the Secrets of them.

    Raises:
        Failed: They could not be made.
    """
    steps = (
        [sys.executable, "-m", "deploy.passwords", str(folder), "--services", *SERVICES],
        [str(FOLDER / "secrets.sh"), str(folder)],
    )
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            raise Failed(done.stderr or done.stdout)


@contextmanager
def addresses() -> Iterator[Mapping[str, str]]:
    """Yield where the services are: behind the cluster's API, which picks a pod that is ready."""
    proxy = subprocess.Popen(
        ["kubectl", "proxy", "--port=0"],  # noqa: S607 - as above
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert proxy.stdout is not None
        server = proxy.stdout.readline().rpartition(" ")[2].strip()
        base = f"http://{server}/api/v1/namespaces/{NAMESPACE}/services"
        yield {f"{name.upper()}_URL": f"{base}/{name}:http/proxy" for name in CALLED}
    finally:
        proxy.terminate()
        proxy.wait()
