"""The types of the Python client: structs and literals, out of the schemas of a document.

What is sent is as narrow as the document says. What is answered may be of a newer release: there
an enumeration is a text, whose values the document lists.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

BY_FORMAT = {"uuid": "UUID", "date-time": "datetime"}
BY_TYPE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
ANYTHING = "Any"


def name_of(reference: str) -> str:
    """Return the name of the schema that a reference is to."""
    return reference.rpartition("/")[2]


def identifier(name: str) -> str:
    """Return what a field or a parameter is called in Python."""
    plain = name.replace("-", "_").lower() if "-" in name else name
    return f"{plain}_" if iskeyword(plain) else plain


@dataclass(frozen=True, slots=True)
class Types:
    """The types of one document."""

    schemas: Mapping[str, Json]
    answered: frozenset[str]  # schemas of answers
    sent: set[str] = field(default_factory=set)  # enumerations that requests may name

    def of(self, schema: Json, *, is_answer: bool) -> str:
        """Return how a schema is written in Python."""
        if "$ref" in schema:
            return self._referred(name_of(schema["$ref"]), is_answer=is_answer)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                parts = [self.of(each, is_answer=is_answer) for each in schema[key]]
                return " | ".join(dict.fromkeys(parts))
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if values and not (is_answer and "enum" in schema):
            return f"Literal[{', '.join(map(repr, values))}]"
        return self._plain(schema, is_answer=is_answer)

    def _plain(self, schema: Json, *, is_answer: bool) -> str:
        match schema.get("type"):
            case "array":
                return f"list[{self.of(schema['items'], is_answer=is_answer)}]"
            case "object":
                values = schema.get("additionalProperties")
                if not isinstance(values, dict):
                    return f"dict[str, {ANYTHING}]"
                return f"dict[str, {self.of(values, is_answer=is_answer)}]"
            case None:
                return ANYTHING
            case kind:
                return BY_FORMAT.get(schema.get("format", ""), BY_TYPE[kind])

    def _referred(self, name: str, *, is_answer: bool) -> str:
        schema = self.schemas[name]
        if schema.get("type") == "object" and "properties" in schema:
            return name
        if "enum" in schema and not is_answer:
            self.sent.add(name)
            return name
        return self.of(schema, is_answer=is_answer)

    def structs(self, names: frozenset[str]) -> Iterator[str]:
        """Yield the classes of the objects among some schemas."""
        for name in sorted(names):
            schema = self.schemas[name]
            if schema.get("type") == "object" and "properties" in schema:
                yield self._struct(name, schema)

    def literals(self) -> Iterator[str]:
        """Yield the enumerations that requests name, which is known when all else is written."""
        for name in sorted(self.sent):
            values = ", ".join(map(repr, self.schemas[name]["enum"]))
            yield f"{name}: TypeAlias = Literal[{values}]"

    def _struct(self, name: str, schema: Json) -> str:
        fields: Json = schema["properties"]
        tag = next((each for each in fields if "const" in fields[each]), None)
        renamed = {identifier(each): each for each in fields if identifier(each) != each}
        bases = ["msgspec.Struct", "frozen=True", "kw_only=True"]
        if tag is not None:
            bases += [f"tag_field={tag!r}", f"tag={fields[tag]['const']!r}"]
        if renamed:
            bases.append(f"rename={renamed!r}")
        required = schema.get("required", ())
        lines = [f"class {name}({', '.join(bases)}):", f"    {docstring(schema, name)}", ""]
        for each, of in fields.items():
            if each != tag:
                lines += self._field(name, each, of, is_required=each in required)
        return "\n".join(lines)

    def _field(self, struct: str, name: str, schema: Json, *, is_required: bool) -> Iterator[str]:
        is_answer = struct in self.answered
        of, rest = self.of(schema, is_answer=is_answer), ""
        if not is_required and is_answer:
            of, rest = of if "None" in of.split(" | ") else f"{of} | None", " = None"
        elif not is_required:
            of, rest = f"{of} | UnsetType", " = UNSET"
        yield f"    {identifier(name)}: {of}{rest}"
        if text := schema.get("description"):
            yield f"    {quoted(text)}"


def docstring(described: Json, name: str) -> str:
    """Return what a document says of something as a docstring."""
    return quoted(described.get("description") or f"{name}.")


def quoted(text: str) -> str:
    """Return a text as a docstring, whatever is in it."""
    prefix = "r" if "\\" in text else ""
    return f'{prefix}"""{text.strip()}"""'


def reachable(schemas: Mapping[str, Json], found: object) -> frozenset[str]:
    """Return the schemas that something refers to, and those that these refer to."""
    names: set[str] = set()
    waiting = [found]
    while waiting:
        match waiting.pop():
            case {"$ref": str(reference), **rest}:
                name = name_of(reference)
                if name in schemas and name not in names:
                    names.add(name)
                    waiting.append(schemas[name])
                waiting += rest.values()
            case dict() as inner:
                waiting += inner.values()
            case list() as inner:
                waiting += inner
            case _:
                pass
    return frozenset(names)
