"""Kafka: one broker that is its own controller."""

import base64
import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.part import Part
from deploy.local.ports import HOST
from deploy.local.probe import has_broker
from deploy.local.process import Command, run

JVM = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # Compiles once, and quickly: up in 5 s instead of 7 s with half of the work, and half a
    # million records later still at 9 us of CPU for each instead of 15 us.
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT

# In the folder where it is started: a path may hold what properties cannot.
log.dirs={folder}

# One broker is all there is.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# Topics are made on purpose, and keep everything: statistics are rebuilt from offset 0.
auto.create.topics.enable=false
log.retention.ms=-1
log.retention.bytes=-1

# After a SIGKILL the same broker may come back only when its last session is over.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# Nobody asks how far a controller is that has nothing to say: half of what an idle broker does.
metadata.max.idle.interval.ms=0

# A group's first member need not wait for others; one that was killed is missed sooner.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# Compaction gets by with less than the usual 128 MB.
log.cleaner.dedupe.buffer.size=33554432
"""


@dataclass(frozen=True, kw_only=True)
class Broker:
    """What it takes to run it."""

    java: Path
    jars: Sequence[Path]
    data: Path
    port: int
    controller: int
    log: Path
    properties: str = PROPERTIES
    formatting: Sequence[str] = ()  # more arguments, for accounts that are there from the start

    def part(self) -> Part:
        """Describe the broker; before its first start its log directory is formatted."""

        async def is_ready() -> bool:
            return await has_broker(self.port)

        return Part(
            name="kafka",
            command=self._command("kafka.Kafka", "kafka.properties"),
            is_ready=is_ready,
            prepare=self._prepare,
            stop_within_s=20,
        )

    async def _prepare(self) -> None:
        """Write the settings, which hold the ports; format, once."""
        self.data.mkdir(exist_ok=True)
        for left in self.data.glob("snappy-*"):  # of a broker that was killed
            left.unlink()
        self._write("kafka")
        if (self.data / "kafka").exists():
            (self.data / "kafka").chmod(0o700)  # made before its files were private
            return
        shutil.rmtree(self.data / "kafka.new", ignore_errors=True)  # half of an earlier try
        self._write("kafka.new")
        # The first letter stays one: the tool takes an id that begins with "-" for an option.
        cluster = "M" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:].rstrip("=")
        tool = ("kafka.tools.StorageTool", "format", "--standalone")
        format_ = self._command(
            *tool, "-t", cluster, "-c", "kafka.new.properties", *self.formatting
        )
        await run("Kafka's format", format_)
        (self.data / "kafka.new").rename(self.data / "kafka")

    def _command(self, *arguments: str) -> Command:
        return Command(
            # Where snappy's library is unpacked: not every /tmp lets code be loaded from it.
            arguments=[
                str(self.java),
                *JVM,
                f"-Dorg.xerial.snappy.tempdir={self.data}",
                *arguments,
            ],
            log=self.log,
            environment={
                **os.environ,
                "CLASSPATH": os.pathsep.join(map(str, self.jars)),
                "LC_ALL": "C.UTF-8",  # else Java cannot open what has an umlaut in its path
            },
            folder=self.data,
        )

    def _write(self, name: str) -> None:
        """Write the settings of the broker that keeps its records in the folder `name`."""
        text = self.properties.format(
            host=HOST, port=self.port, controller=self.controller, folder=name
        )
        (self.data / f"{name}.properties").write_text(text)
