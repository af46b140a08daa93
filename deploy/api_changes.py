"""Changes of an API that break those who use it, found by comparing two OpenAPI documents.

A request that was understood must be understood still, and an answer must fit what was said of
answers before. Names count as well: clients are generated from them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
SAME = ("pattern", "format")
PROBLEM = "Problem"  # the schema of all that goes wrong
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")


def breaking(old: Json, new: Json) -> list[str]:
    """Return a line for each change from `old` to `new` that breaks a client."""
    return list(_Comparison(old, new).changes())


@dataclass(frozen=True, slots=True)
class _Comparison:
    old: Json
    new: Json

    def changes(self) -> Iterator[str]:
        """Give a line for each breaking change."""
        for path, operations in self.old["paths"].items():
            for method, before in operations.items():
                name = f"{method.upper()} {path}"
                after = self.new["paths"].get(path, {}).get(method)
                if after is None:
                    yield f"{name}: it is gone"
                else:
                    yield from self._operation(name, before, after)
        for schema in _schemas(self.old).keys() - _schemas(self.new).keys():
            yield f"schema {schema}: it is gone"
        problem = _schemas(self.old).get(PROBLEM)
        if problem is not None and PROBLEM in _schemas(self.new):
            yield from self._given(PROBLEM, problem, _schemas(self.new)[PROBLEM])

    def _operation(self, name: str, before: Json, after: Json) -> Iterator[str]:
        if before.get("operationId") != after.get("operationId"):
            yield f"{name}: it has another operationId"
        yield from self._parameters(name, before, after)
        yield from self._body(f"{name}: body", before, after)
        yield from self._responses(name, before, after)

    def _parameters(self, name: str, before: Json, after: Json) -> Iterator[str]:
        then, now = _parameters(before), _parameters(after)
        for key in then:
            where = f"{name}: {key[0]} parameter {key[1]}"
            if key not in now:
                yield f"{where}: it is gone"
            else:
                yield from self._taken(where, then[key]["schema"], now[key]["schema"])
        for key, parameter in now.items():
            if parameter.get("required") and not then.get(key, {}).get("required"):
                yield f"{name}: {key[0]} parameter {key[1]}: it is required now"

    def _body(self, name: str, before: Json, after: Json) -> Iterator[str]:
        then, now = before.get("requestBody"), after.get("requestBody")
        if then is None:
            if now is not None and now.get("required"):
                yield f"{name}: it is required now"
            return
        if now is None:
            yield f"{name}: it is gone"
            return
        if now.get("required") and not then.get("required"):
            yield f"{name}: it is required now"
        for kind, content in then["content"].items():
            if kind not in now["content"]:
                yield f"{name}: {kind} is not taken any more"
            else:
                yield from self._taken(name, content["schema"], now["content"][kind]["schema"])

    def _responses(self, name: str, before: Json, after: Json) -> Iterator[str]:
        """Give what is missing where it goes well; what goes wrong is a problem everywhere."""
        for status, response in before["responses"].items():
            if status >= "400":
                continue
            where, now = f"{name}: {status}", after["responses"].get(status, {})
            if not now:
                yield f"{where}: it is gone"
            for header in response.get("headers", {}).keys() - now.get("headers", {}).keys():
                yield f"{where}: header {header}: it is gone"
            for kind, content in response.get("content", {}).items():
                if kind not in now.get("content", {}):
                    yield f"{where}: {kind}: it is gone"
                else:
                    yield from self._given(
                        where, content["schema"], now["content"][kind]["schema"]
                    )

    def _taken(self, name: str, before: Json, after: Json) -> Iterator[str]:
        """Give where `after` refuses what `before` took."""
        yield from _Fit(_schemas(self.old), _schemas(self.new)).differences(name, before, after)

    def _given(self, name: str, before: Json, after: Json) -> Iterator[str]:
        """Give where `after` is something that `before` did not say."""
        fit = _Fit(_schemas(self.new), _schemas(self.old), is_answer=True)
        yield from fit.differences(name, after, before)


class _Fit:
    """Finds where a value that one schema allows is refused by another."""

    def __init__(
        self, inner: Mapping[str, Json], outer: Mapping[str, Json], *, is_answer: bool = False
    ) -> None:
        self._inner, self._outer, self._is_answer = inner, outer, is_answer
        self._seen: set[tuple[str, str]] = set()
        self._under_way: set[tuple[str, str]] = set()  # a schema may hold itself

    def differences(self, name: str, inner: Json, outer: Json) -> Iterator[str]:
        """Give a line for each place where `inner` allows what `outer` does not."""
        pair = (inner.get("$ref", ""), outer.get("$ref", ""))
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        inner, outer = _resolved(inner, self._inner), _resolved(outer, self._outer)
        for alternative in _alternatives(inner):
            found = [list(self._one(name, alternative, each)) for each in _alternatives(outer)]
            if all(found):
                yield from min(found, key=len)

    def _one(self, name: str, inner: Json, outer: Json) -> Iterator[str]:
        pair = (inner.get("$ref", ""), outer.get("$ref", ""))
        if all(pair) and pair in self._under_way:
            return
        self._under_way.add(pair)
        inner, outer = _resolved(inner, self._inner), _resolved(outer, self._outer)
        yield from self._in_one(name, inner, outer)
        self._under_way.discard(pair)

    def _in_one(self, name: str, inner: Json, outer: Json) -> Iterator[str]:
        types = _types(inner) - _types(outer)
        if types - ({"integer"} if "number" in _types(outer) else set()):
            yield f"{name}: its type is another"
            return
        yield from self._values(name, inner, outer)
        yield from self._fields(name, inner, outer)
        for part in ("items", "additionalProperties"):
            if isinstance(outer.get(part), dict) and isinstance(inner.get(part), dict):
                yield from self.differences(f"{name}/{part}", inner[part], outer[part])

    def _values(self, name: str, inner: Json, outer: Json) -> Iterator[str]:
        if "enum" in outer and (more := set(inner.get("enum", ["?"])) - set(outer["enum"])):
            yield f"{name}: values that only one side knows: {', '.join(sorted(map(str, more)))}"
        for key in SAME:
            if key in outer and inner.get(key) != outer[key]:
                yield f"{name}: {key} is another"
        for key in AT_MOST:
            if key in outer and inner.get(key, float("inf")) > outer[key]:
                yield f"{name}: {key} is another"
        for key in AT_LEAST:
            if key in outer and inner.get(key, float("-inf")) < outer[key]:
                yield f"{name}: {key} is another"

    def _fields(self, name: str, inner: Json, outer: Json) -> Iterator[str]:
        ours, theirs = inner.get("properties", {}), outer.get("properties", {})
        for field in outer.get("required", ()):
            if field not in inner.get("required", ()):
                yield f"{name}/{field}: it is required on one side only"
        for field, schema in ours.items():
            if field in theirs:
                yield from self.differences(f"{name}/{field}", schema, theirs[field])
            elif outer.get("additionalProperties") is False:
                yield f"{name}/{field}: it is gone"
        if self._is_answer:
            yield from (f"{name}/{field}: it is gone" for field in theirs if field not in ours)


def _schemas(document: Json) -> Mapping[str, Json]:
    found: Json = document.get("components", {}).get("schemas", {})
    return found


def _parameters(operation: Json) -> dict[tuple[str, str], Json]:
    return {(each["in"], each["name"]): each for each in operation.get("parameters", ())}


def _resolved(schema: Json, schemas: Mapping[str, Json]) -> Json:
    if "$ref" not in schema:
        return schema
    return schemas[schema["$ref"].rpartition("/")[2]]


def _alternatives(schema: Json) -> list[Json]:
    found: list[Json] = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return found


def _types(schema: Json) -> set[str]:
    found = schema.get("type", TYPES)
    return {found} if isinstance(found, str) else set(found)
