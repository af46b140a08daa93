"""Events with values that their types allow, and that nobody would expect."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args
from uuid import UUID

import msgspec
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from msgspec import inspect

from shared.contracts import EVENTS
from shared.contracts.audience import Condition
from shared.contracts.schedule import Daily, Schedule
from shared.contracts.timing import LocalTime, TimeOfDay
from shared.event import Event

DAILY = Schedule(entries=(Daily(at="09:00", zone="Europe/Moscow"),))
DEEP: dict[str, Any] = {"tags": ["vip"]}
for _ in range(30):
    DEEP = {"not": DEEP, "and": [DEEP]} if len(json.dumps(DEEP)) < 10_000 else {"not": DEEP}
CONDITIONS: list[dict[str, Any]] = [
    *({}, {"and": []}, {"or": []}, {"or": [{}, {}]}, {"not": {}}, {"client_ids": ""}, DEEP),
    *({name: []} for name in ("operator_codes", "tags", "all_tags", "no_tags", "time_zones")),
    {"time_zones": ["", "Factory", "Nowhere/Else"]},
    {"client_ids": "A" * 640_000},
]
NOON = "2026-01-01T12:00:00Z"
BY_PATTERN = {
    get_args(kind)[1].pattern: value
    for kind, value in ((TimeOfDay, "09:00"), (LocalTime, "2026-03-01T09:00[Europe/Moscow]"))
}
INTEGERS = [n + k for n in (0, 2**15, 2**31, 2**53, 2**63, 2**64) for k in (-1, 0, 1)]
TEXTS = [
    "",
    " ",
    "\0",
    "\x1f",
    "é" * 300,
    "x" * 60_000,
    "{{ full_name }}",
    "{{ nope }}",
    "{{",
    "\U0001f600",
]
INSTANTS = [
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00-14:00"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999-14:00"),
    *("9999-12-31T23:59:59.999998Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z"),
]
IDS = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]

_numbers = itertools.count(1)


def new_id() -> str:
    """Return an identifier that no other record has."""
    return str(UUID(int=(0xE << 124) | next(_numbers)))


def plain(kind: inspect.Type) -> Any:  # noqa: C901, PLR0911, PLR0912 - a table
    """Return a value that is nothing out of the ordinary."""
    match kind:
        case inspect.IntType():
            return 1
        case inspect.StrType(pattern=pattern) if pattern in BY_PATTERN:
            return BY_PATTERN[pattern]
        case inspect.StrType():
            return "once"
        case inspect.DateTimeType():
            return NOON
        case inspect.UUIDType():
            return new_id()
        case inspect.BoolType():
            return True
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.AnyType():
            return "anything"
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return [plain(item)]
        case inspect.DictType(key_type=key, value_type=value):
            return {plain(key): plain(value)}
        case inspect.StructType(cls=cls) if cls is Schedule:
            return msgspec.to_builtins(DAILY)
        case inspect.StructType(cls=cls) if cls is Condition:  # which holds others
            return {"has_phone": True}
        case inspect.StructType(fields=fields, tag_field=tag_field, tag=tag):
            told = {} if tag_field is None else {tag_field: tag}
            return told | {field.name: plain(field.type) for field in fields}
        case inspect.UnionType(types=types):
            return plain(next(t for t in types if not isinstance(t, inspect.NoneType)))
        case _:
            raise NotImplementedError(kind)


def extremes(kind: inspect.Type) -> Sequence[Any]:  # noqa: C901, PLR0911, PLR0912 - a table
    """Return values that are."""
    match kind:
        case inspect.IntType():
            return [*INTEGERS, *(-each for each in INTEGERS)]
        case inspect.StrType():
            return TEXTS
        case inspect.DateTimeType():
            return INSTANTS
        case inspect.UUIDType():
            return IDS
        case inspect.BoolType():
            return [False]
        case inspect.EnumType(cls=cls):
            return [each.value for each in cls]
        case inspect.LiteralType(values=values):
            return values
        case inspect.AnyType():
            return [None, 2**64, "\0", [], {"": [{}]}]
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            same = plain(item)
            lists = [[], [same, same], [plain(item) for _ in range(1_500)]]
            return [*lists, *([each] for each in extremes(item))]
        case inspect.DictType(key_type=key, value_type=value):
            pairs = [{each: plain(value)} for each in extremes(key)]
            return [{}, *pairs, *({plain(key): each} for each in extremes(value))]
        case inspect.StructType(cls=cls) if cls is Condition:
            return CONDITIONS
        case inspect.StructType(fields=fields):
            whole = plain(kind)
            return [whole | {f.name: each} for f in fields for each in extremes(f.type)]
        case inspect.UnionType(types=types):
            return [each for one in types for each in extremes(one)]
        case inspect.NoneType():
            return [None]
        case _:
            raise NotImplementedError(kind)


def events(kinds: Sequence[type[Event]] = EVENTS) -> Iterator[tuple[type[Event], dict[str, Any]]]:
    """Give each kind of event with each extreme of each of its fields, the others being plain."""
    for kind in kinds:
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        for field in info.fields:
            for value in extremes(field.type):
                yield kind, plain(info) | {field.encode_name: value}


def key_of(values: Mapping[str, Any]) -> str:
    """Return a record's key: of a mailing if there is one."""
    names = ("mailing_id", "client_id", "run_id")
    return str(next((values[name] for name in names if name in values), new_id()))


def record(
    kind: type[Event], values: Mapping[str, Any], offset: int, partition: TopicPartition
) -> ConsumerRecord[bytes, bytes]:
    """Return an event as it comes from Kafka."""
    headers = (
        ("ce_type", kind.type_name().encode()),
        ("ce_id", new_id().encode()),
        ("ce_sequence", b"1"),
    )
    data, key = json.dumps(values).encode(), key_of(values).encode()
    return ConsumerRecord(*partition, offset, 0, 0, key, data, None, 0, len(data), headers)


def is_event(kind: type[Event], values: Mapping[str, Any]) -> bool:
    """Say whether the schema allows it."""
    try:
        kind.read(json.dumps(values).encode())
    except msgspec.MsgspecError:
        return False
    return True
