"""PostgreSQL: a server of our own, from the binaries of a package."""

import os
import shutil
import signal
from pathlib import Path

from deploy.local.account import Account
from deploy.local.part import Part
from deploy.local.ports import HOST
from deploy.local.process import Command, Process, run

USER = "postgres"
ROOT = Path("/")  # a folder that every account can enter

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # a socket's path may not pass 107 bytes
    "max_connections": "200",  # five processes with pools of 10-20, replicas, and people
    "shared_buffers": "256MB",  # the rows that are being worked on; the system caches the rest
    "wal_compression": "on",  # full-page images are most of the WAL; less to write and to sync
    "max_wal_size": "2GB",  # checkpoints by time, not in the middle of a run
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",  # what people develop on has no spinning disks
    # Most pages are in the system's cache: to copy one takes less than to have a worker do it, as
    # PostgreSQL 18 does of itself. Of those that are not, the system is told in advance.
    "io_method": "sync",
    "jit": "off",  # our statements are short; compiling them takes longer than running them
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # without details: a duplicate phone would be in them
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# For tests: a power cut may cost the data; the death of any process still may not.
# So commits are still written before they are answered: no synchronous_commit=off here.
EPHEMERAL = {"fsync": "off", "full_page_writes": "off"}


def url(port: int, database: str) -> str:
    """Return the address of a database."""
    return f"postgresql://{USER}@{HOST}:{port}/{database}"


def postgres(
    binaries: Path, data: Path, port: int, log: Path, account: Account | None, *, durable: bool
) -> Part:
    """Describe the server; before its first start its data directory is made."""
    directory = data / "postgres"
    server = [str(binaries / "postgres"), "-D", str(directory), "-p", str(port)]
    for name, value in (SETTINGS if durable else SETTINGS | EPHEMERAL).items():
        server += ["-c", f"{name}={value}"]

    def command(arguments: list[str]) -> Command:
        # None of the PG… variables that a person may have set for their own servers.
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        return Command(
            arguments=arguments, log=log, environment=environment, folder=ROOT, account=account
        )

    async def prepare() -> None:
        if directory.exists():
            return
        new = data / "postgres.new"  # half of a data directory never has the real name
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if account is not None:
            os.chown(new, account.user, account.group)
        await run("initdb", command([str(binaries / "initdb"), *INITDB, "-D", str(new)]))
        new.rename(directory)

    async def is_ready() -> bool:
        at = ["-h", HOST, "-p", str(port), "-U", USER, "-d", USER]
        asked = [str(binaries / "pg_isready"), "-q", "-t", "2", *at]
        asking = Process(command(asked))
        return await asking.ended(within_s=3) and asking.exit_code == 0

    return Part(
        name="postgres",
        command=command(server),
        is_ready=is_ready,
        prepare=prepare,
        stop=signal.SIGINT,  # "fast": SIGTERM would wait for every client to leave
        stop_within_s=20,
        again_if="is still in use",  # backends of a killed server have not noticed yet
    )


INITDB = (
    f"--username={USER}",
    "--auth=trust",  # it listens on the loopback only
    "--encoding=UTF8",
    "--locale-provider=builtin",  # sorts the same on every machine
    "--builtin-locale=C.UTF-8",
    "--no-sync",  # nothing is in it yet
)
