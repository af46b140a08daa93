"""A stack whose Kafka is encrypted, and lets each service do what its account may, and no more."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import quote

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest

from deploy.env_example import SERVICES
from deploy.local import services
from deploy.local.broker import PROPERTIES, Broker
from deploy.local.classpath import kafka_jars
from deploy.local.mail import authority
from deploy.local.packages import java
from deploy.local.part import Part
from deploy.local.ports import HOST
from deploy.local.services import service_of
from deploy.local.stack import Stack
from deploy.strimzi import operations
from shared.contracts import TOPICS
from shared.kafka.access import connection

# Who makes the accounts' rights, and who makes the topics.
ADMIN, TOPICS_JOB = "admin", "topics"
ACCOUNTS = (ADMIN, TOPICS_JOB, *SERVICES)
PASSWORDS = {name: secrets.token_urlsafe(16) for name in ACCOUNTS}

# Between broker and controller nobody is asked who they are: that listener is on this machine.
SECURE = (
    PROPERTIES.replace("PLAINTEXT://", "SASL_SSL://")
    .replace("inter.broker.listener.name=PLAINTEXT", "inter.broker.listener.name=SASL_SSL")
    .replace("PLAINTEXT:PLAINTEXT,", "SASL_SSL:SASL_SSL,")
    + """
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" \
password="ADMIN_PASSWORD";
ssl.keystore.type=PEM
ssl.keystore.location=KEY_FILE
ssl.truststore.type=PEM
ssl.truststore.location=CA_FILE
ssl.client.auth=none
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:admin;User:ANONYMOUS
"""
)

# Source: Kafka's protocol, ResourceType, PatternType, AclOperation and AclPermissionType.
KINDS = {"topic": 2, "group": 3}
LITERAL, ALLOW = 3, 3
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
DENIALS_ARE_LOGGED = "-Dorg.slf4j.simpleLogger.log.kafka.authorizer.logger=info"


class StackWithAccounts(Stack):
    """A stack in which each service enters Kafka as itself."""

    def servers(self, account: str) -> str:
        """Return the setting KAFKA_SERVERS of an account."""
        password = quote(PASSWORDS[account], safe="")
        port, trusted = self._addresses.ports["kafka"], self._files.authority
        return f"tls://{account}:{password}@{HOST}:{port}?ca={trusted}"

    def denied(self) -> list[str]:
        """Return what the broker has refused."""
        lines = self.home.log("kafka").read_text().splitlines()
        return [line for line in lines if "is Denied" in line]

    @property
    def env(self) -> dict[str, str]:
        """The addresses; Kafka as the job that makes the topics enters it."""
        return {**super().env, "KAFKA_SERVERS": self.servers(TOPICS_JOB)}

    @property
    def _files(self) -> authority.Files:
        return authority.Files(self.home.path / "tls")

    def _kafka(self) -> Part:
        authority.context(self.home.path / "tls", [HOST])
        keystore = self.home.path / "tls" / "keystore.pem"
        keystore.write_text(self._files.key.read_text() + self._files.certificate.read_text())
        accounts = (f"SCRAM-SHA-512=[name={name},password={PASSWORDS[name]}]" for name in ACCOUNTS)
        text = (
            SECURE.replace("ADMIN_PASSWORD", PASSWORDS[ADMIN])
            .replace("KEY_FILE", str(keystore))
            .replace("CA_FILE", str(self._files.authority))
        )
        part = Broker(
            java=java(),
            jars=kafka_jars(print),
            data=self.home.data / "kafka",
            port=self._addresses.ports["kafka"],
            controller=self._addresses.ports["kafka.controller"],
            log=self.home.log("kafka"),
            properties=text,
            formatting=[each for name in accounts for each in ("--add-scram", name)],
        ).part()
        environment = {**part.command.environment, "JDK_JAVA_OPTIONS": DENIALS_ARE_LOGGED}
        command = replace(part.command, environment=environment)
        return replace(part, is_ready=self._takes_its_admin, command=command)

    async def _takes_its_admin(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self._addresses.ports["kafka"])
            writer.close()
            async with administrator(self.servers(ADMIN)):
                return True
        except (KafkaError, OSError):
            return False

    async def _prepare_stores(self, names: Sequence[str]) -> None:
        async with administrator(self.servers(ADMIN)) as client:
            for account, kind, name, operation in rights():
                request = CreateAclsRequest(
                    KINDS[kind],
                    name,
                    LITERAL,
                    f"User:{account}",
                    "*",
                    OPERATIONS[operation],
                    ALLOW,
                )
                answer = await client._send_to_controller(request)  # noqa: SLF001 - nothing public does it
                for code, *_ in answer.creation_responses:
                    assert not code, for_code(code)
        await super()._prepare_stores(names)

    def _ours(self, names: Sequence[str]) -> list[Part]:
        ports = self._addresses.ports
        own = [name for name in names if service_of(name) in SERVICES]
        return [
            *super()._ours([name for name in names if name not in own]),
            *(
                services.service(
                    self.home,
                    name,
                    ports[name],
                    {**self.env, "KAFKA_SERVERS": self.servers(service_of(name))},
                )
                for name in own
            ),
        ]


def rights() -> Iterator[tuple[str, str, str, str]]:
    """Yield what each account may do: account, kind of thing, its name, operation."""
    for service in SERVICES:
        for kind, name, allowed in operations(service):
            for operation in allowed:
                yield service, kind, name, operation
    for name in TOPICS:
        for operation in ("Create", "Describe"):
            yield TOPICS_JOB, "topic", name, operation


@asynccontextmanager
async def administrator(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a client that administers Kafka."""
    client = AIOKafkaAdminClient(**connection(servers))
    try:
        await client.start()
        yield client
    finally:
        await client.close()
