"""The events as an AsyncAPI document, made of the registry of topics and events.

Source: AsyncAPI 3.1.0 and its Kafka bindings 0.5.0.
"""

import inspect
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from shared import cloudevents
from shared.contracts import EVENTS, TOPICS
from shared.event import Event
from shared.topic import Topic

Json: TypeAlias = dict[str, Any]

BINDING = "0.5.0"
ABOUT = (
    "What the services of the platform tell each other, and whoever else reads it, through Kafka. "
    "Records come at least once, in order for each key; ignore fields and types that you do not "
    "know. The header `ce_type` names the event. Personal data stands in the values of "
    "`catalog.clients` only."
)
OF_ALL: Json = {
    cloudevents.ID: {"type": "string", "description": "The same if a record comes again."},
    cloudevents.TYPE: {"type": "string", "description": "Names the event, as in RunBegun.v1."},
    cloudevents.TRACEPARENT: {
        "type": "string",
        "description": "W3C trace context in which the event was recorded, if there is one.",
    },
}
OF_SINGLE: Json = {
    cloudevents.SEQUENCE: {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "The version of what the event is about: it grows by one.",
    }
}


def describe_events() -> Json:
    """Return the document."""
    kinds = [kind for kind in EVENTS if kind.topic is not None]
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "mailings: events",
            "version": "1",
            "description": ABOUT,
            "license": {"name": "See LICENSE"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:19092",
                "protocol": "kafka",
                "description": "On this machine; elsewhere as KAFKA_SERVERS says.",
            }
        },
        "channels": {name: _channel(topic, kinds) for name, topic in TOPICS.items()},
        "operations": {f"read-{name}": _operation(name) for name in TOPICS},
        "components": {
            "messages": {kind.type_name(): _message(kind) for kind in kinds},
            "schemas": _schemas(kinds),
        },
    }


def summary(kind: type[Event]) -> str:
    """Return what an event says, in one sentence."""
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def _channel(topic: Topic, kinds: Iterable[type[Event]]) -> Json:
    policy = "compact" if topic.is_compacted else "delete"
    own = [kind.type_name() for kind in kinds if kind.topic is topic]
    return {
        "address": topic.name,
        "description": _promise(topic),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in own},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {"cleanup.policy": [policy]},
                "bindingVersion": BINDING,
            }
        },
    }


def _promise(topic: Topic) -> str:
    """Return what is promised about a topic, in words."""
    described = []
    if topic.is_compacted:
        described.append(
            "Compacted: the last record of a key is kept, and each carries the whole state."
        )
    if topic.is_bulk:
        described.append("Records come by the message; the version stands in the event.")
    if topic.is_ordered:
        described.append("An event holds only after those before it of its key.")
    if topic.waits_for:
        names = " and ".join(f"`{each.name}`" for each in topic.waits_for)
        described.append(f"Behind what was committed before to {names}.")
    return " ".join(described) or "One record for each event, in order for each key."


def _operation(topic: str) -> Json:
    """Return what the platform does with a topic: it sends, whoever wants to reads."""
    return {"action": "send", "channel": {"$ref": f"#/channels/{topic}"}}


def _message(kind: type[Event]) -> Json:
    assert kind.topic is not None  # noqa: S101 - it is public
    headers = OF_ALL if kind.topic.is_bulk else OF_ALL | OF_SINGLE
    return {
        "name": kind.type_name(),
        "title": kind.__name__,
        "summary": summary(kind),
        "headers": {
            "type": "object",
            "properties": headers,
            "required": [name for name in headers if name != cloudevents.TRACEPARENT],
        },
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "What the event is about."},
                "bindingVersion": BINDING,
            }
        },
    }


def _schemas(kinds: Iterable[type[Event]]) -> Json:
    _, found = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return {name: _portable(schema) for name, schema in found.items()}


def _portable(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema without what readers of other languages would take otherwise.

    The end of a text is a dollar sign in their regular expressions, and a discriminator as OpenAPI
    has it is none of AsyncAPI's; the values of its field stand in the schemas that it names.
    """
    match schema:
        case dict():
            return {
                name: value.replace(r"\Z", "$") if name == "pattern" else _portable(value)
                for name, value in schema.items()
                if not (name == "discriminator" and "mapping" in value)
            }
        case list():
            return [_portable(each) for each in schema]
        case _:
            return schema
