"""Makes the secrets of a deployment by operators: `python -m deploy.operators FOLDER`.

As `deploy.passwords` makes those of a stack on one machine, a folder for each reader; beside them
for each account what its operator reads, and for each service the token of its API. What is there
stays. `deploy/k8s/secrets.sh FOLDER` makes Secrets of them.
"""

import argparse
import secrets
import sys
from pathlib import Path

from deploy.env_example import SERVICES
from deploy.passwords import make_keys, password, write

POSTGRES = "postgres-rw:5432"
KAFKA = "kafka-kafka-bootstrap:9093"
AUTHORITY = "/run/kafka-ca/ca.crt"


def make(folder: Path) -> None:
    """Make what is missing in `folder`.

    Raises:
        OSError: It may not be written there.
    """
    make_keys(folder)
    for name in SERVICES:
        own = password(folder / f"postgres-{name}" / "password")
        write(folder / f"postgres-{name}" / "username", name)
        for reader in (name, "migrate"):
            url = f"postgresql://{name}:{own}@{POSTGRES}/{name}?ssl=require"
            write(folder / reader / f"{name.upper()}_DATABASE_URL", url)
        of_kafka = password(folder / "kafka-users" / name)
        servers = f"tls://{name}:{of_kafka}@{KAFKA}?ca={AUTHORITY}"
        write(folder / name / "KAFKA_SERVERS", servers)
        token = folder / name / f"{name.upper()}_API_TOKEN"
        if not token.exists():
            write(token, secrets.token_hex(32))


def main() -> None:
    """Make the secrets."""
    parser = argparse.ArgumentParser(prog="python -m deploy.operators", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    try:
        make(folder)
    except (OSError, UnicodeError) as error:
        sys.exit(f"deploy.operators: {error}")
    sys.stdout.write(f"secrets: all are in {folder}\n")


if __name__ == "__main__":
    main()
