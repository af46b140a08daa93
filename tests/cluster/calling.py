"""A pod that calls the four APIs through their Services, until it is told to stop.

Each call has a connection of its own, as those of many people would; one that fails is done once
more, as every client does, and only then it counts as failed.
"""

import json

from tests.cluster.kube import apply, kubectl
from tests.compose.engine import Json

NAME = "caller"

# Runs in the pod, where nothing but Python is sure to be.
SCRIPT = """
import itertools, json, os, time, urllib.request
calls = [
    ("catalog", 8001, "/v1/mailings"), ("scheduler", 8002, "/v1/schedules"),
    ("dispatcher", 8003, "/v1/gateways"), ("stats", 8004, "/v1/totals"),
    ("catalog", 8001, None),
]
counts = {"calls": 0, "repeated": 0, "failed": 0, "why": []}
def call(number, name, port, path):
    url = f"http://{name}:{port}{path or '/v1/mailings'}"
    body, headers = None, {}
    if path is None:
        mailing = {"name": f"later {number}", "body": "x", "gateway": "http",
                   "starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-02T00:00:00Z"}
        body = json.dumps(mailing).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"later-{number}"}
    request = urllib.request.Request(url, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
for number, each in enumerate(itertools.cycle(calls)):
    if os.path.exists("/tmp/stop"):
        break
    counts["calls"] += 1
    for attempt in (1, 2):
        try:
            call(number, *each)
            break
        except Exception as error:
            detail = error.read().decode() if hasattr(error, "read") else ""
            counts["why"].append(f"{each[0]}: {error!r} {detail}"[:200])
            counts["repeated" if attempt == 1 else "failed"] += 1
            time.sleep(0.5)
    time.sleep(0.05)
print(json.dumps(counts))
"""


def start(image: str) -> None:
    """Start the pod, and wait until it calls.

    Raises:
        Failed: It does not run.
    """
    contained = {
        "name": NAME,
        "image": image,
        "command": ["python", "-c", SCRIPT],
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "96Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/component": "client"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [contained],
            "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}}],
        },
    }
    apply(json.dumps(pod))
    kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=120s")


def stop() -> Json:
    """Let the pod end; return how many calls it has made, repeated and lost, and why.

    Raises:
        Failed: It does not end.
    """
    kubectl("exec", NAME, "--", "touch", "/tmp/stop")  # noqa: S108 - the pod's own
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{NAME}", "--timeout=60s")
    counts: Json = json.loads(kubectl("logs", NAME))
    return counts
