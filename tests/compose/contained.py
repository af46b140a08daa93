"""Whether containers are as closed as the file says: seen on those that run."""

from collections.abc import Iterator
from ipaddress import ip_address

from tests.compose.engine import Json, Stack

WRITES = "touch /written || touch /etc/written || touch /app/written || touch /usr/written"
NO_CAPABILITY = "0000000000000000"


def faults(stack: Stack) -> Iterator[str]:
    """Yield what is wrong, a line each."""
    for each in stack.containers():
        name = each["Name"].removeprefix("/")
        yield from (f"{name}: {fault}" for fault in as_configured(each))
        if each["State"]["Running"]:
            yield from (f"{name}: {fault}" for fault in _as_it_runs(stack, name))
        elif each["State"]["ExitCode"] != 0:
            yield f"{name}: it has ended with {each['State']['ExitCode']}"


def as_configured(container: Json) -> Iterator[str]:
    """Yield what is wrong with how a container was made."""
    host = container["HostConfig"]
    if container["Config"]["User"].partition(":")[0] in ("", "0", "root"):
        yield "it is root"
    if not host["ReadonlyRootfs"]:
        yield "its root can be written"
    if host["CapDrop"] != ["ALL"] or host["CapAdd"] or host["Privileged"]:
        yield "it has capabilities"
    if "no-new-privileges:true" not in (host["SecurityOpt"] or ()):
        yield "it may get privileges"
    if not host["Memory"] or not host["PidsLimit"]:
        yield "it has no limits"
    yield from _open_ports(container)


def _open_ports(container: Json) -> Iterator[str]:
    for published in container["NetworkSettings"]["Ports"].values():
        for each in published or ():
            if not ip_address(each["HostIp"]).is_loopback:
                yield f"{each['HostPort']} is open to all"


def _as_it_runs(stack: Stack, name: str) -> Iterator[str]:
    """Look at what runs as its first process sees it."""
    uid = stack.docker("exec", name, "id", "-u").strip()
    if uid == "0":
        yield "what runs is root"
    written = stack.attempt("exec", name, "sh", "-c", WRITES)
    if written.returncode == 0:
        yield "a file could be written in its root"
    status = dict(
        line.split(":\t", 1)
        for line in stack.docker("exec", name, "cat", "/proc/1/status").splitlines()
        if ":\t" in line
    )
    if status["CapEff"] != NO_CAPABILITY or status["NoNewPrivs"] != "1":
        yield f"its first process has CapEff {status['CapEff']}, NoNewPrivs {status['NoNewPrivs']}"
    if status["Uid"].split()[0] == "0":
        yield "its first process is root"
