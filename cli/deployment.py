"""A deployment, seen from outside: what each service answers to whoever looks after it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

import httpx

from cli import Failure
from cli.api import Api
from cli.render import Json
from deploy.local.services import SERVICES

# One line of Prometheus' text format. Source: its exposition formats, version 0.0.4.
SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Samples:
    """The metrics of one process."""

    found: Sequence[tuple[str, Labels, float]] = ()

    def of(self, name: str) -> list[tuple[Labels, float]]:
        """Return the samples of one metric."""
        return [(labels, value) for each, labels, value in self.found if each == name]

    def sum_of(self, name: str) -> float:
        """Return what all samples of one metric add up to."""
        return sum(value for _, value in self.of(name))


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer is behind in a topic."""

    service: str
    consumer: str
    topic: str
    records: int  # that are not applied yet
    behind_s: float  # how old what was applied last is; 0 if all is applied


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path of a service answered."""

    status: int
    body: Json  # nothing if it is no JSON object
    text: str
    asked_at: datetime
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """One service, as it answered."""

    service: str
    address: str
    unreachable: str | None = None  # why, with what to do
    answers: Mapping[str, Answer] = field(default_factory=dict)  # by path

    @property
    def metrics(self) -> Samples:
        """The metrics of the process that answered; of several replicas that is any of them."""
        answer = self.answers.get("/metrics")
        is_there = answer is not None and answer.status == httpx.codes.OK
        return read_samples(answer.text) if answer is not None and is_there else Samples()

    @property
    def lags(self) -> list[Lag]:
        """The lag of each consumer of the process that answered, in each of its topics."""
        metrics = self.metrics
        behind_s = {
            (labels.get("consumer"), labels.get("topic")): value
            for labels, value in metrics.of("kafka_consumer_delay_seconds")
        }
        found = []
        for labels, records in metrics.of("kafka_consumer_lag"):
            consumer, topic = labels.get("consumer", ""), labels.get("topic", "")
            seconds = behind_s.get((consumer, topic), 0.0)
            found.append(Lag(self.service, consumer, topic, round(records), seconds))
        return found

    def body(self, path: str) -> Json | None:
        """Return what a path has answered; None if that was no success."""
        answer = self.answers.get(path)
        return answer.body if answer is not None and answer.status == httpx.codes.OK else None


PATHS = ("/livez", "/readyz", "/metrics", "/v1/about")
ANSWER_WITHIN_S = 15.0  # a service whose database hangs says so after ten
MORE: Mapping[str, Sequence[str]] = {"stats": ("/v1/totals",), "dispatcher": ("/v1/gateways",)}


async def look(api: Api) -> list[Seen]:
    """Ask all services, side by side.

    Raises:
        Failure: An address or a token is none; a service that does not answer is no failure.
    """
    return list(await asyncio.gather(*(_see(api, service) for service in SERVICES)))


async def _see(api: Api, service: str) -> Seen:
    paths = (*PATHS, *MORE.get(service, ()))
    try:
        base = api.base(service)
    except Failure as failure:
        return Seen(service, "", unreachable=str(failure))
    answers: dict[str, Answer] = {}
    for path in paths:
        try:
            answers[path] = await _ask(api, service, path)
        except Failure as failure:
            if not answers:
                return Seen(service, base, unreachable=str(failure))
    return Seen(service, base, answers=answers)


async def _ask(api: Api, service: str, path: str) -> Answer:
    asked_at = datetime.now(UTC)
    answer = await api.answer(service, path, timeout=ANSWER_WITHIN_S)
    answered_at = datetime.now(UTC)
    try:
        found: Any = answer.json() if answer.content else {}
    except ValueError:
        found = {}
    body = found if isinstance(found, dict) else {}
    return Answer(answer.status_code, body, answer.text, asked_at, answered_at)


def read_samples(text: str) -> Samples:
    """Read what `/metrics` shows; lines that are none are left out."""
    found = []
    for line in text.splitlines():
        sample = SAMPLE.fullmatch(line.strip())
        if sample is None:
            continue
        try:
            value = float(sample["value"])
        except ValueError:
            continue
        found.append((sample["name"], dict(LABEL.findall(sample["labels"] or "")), value))
    return Samples(found)
