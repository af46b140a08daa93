"""Filters in bodies: how requests say whom a mailing is for, and how answers show it."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import BeforeValidator, Field

from shared.audience import CONDITIONS, IDS, VALUES
from shared.contracts.audience import ID_BYTES, Condition, packed, unpacked
from shared.contracts.catalog import Filter
from shared.http.bodies import Body, View, declared

SHOWN = 100  # identifiers in a condition that a list shows
NESTED = ("and", "or")
PLAIN = (
    *("operator_codes", "tags", "all_tags", "no_tags", "time_zones"),
    *("has_phone", "has_email"),
)

# What is longer selects nobody, or is refused where it is checked.
Short: TypeAlias = Annotated[str, Field(json_schema_extra=declared(maxLength=100))]
Codes: TypeAlias = Annotated[
    tuple[Short, ...], Field(max_length=VALUES, examples=[["916", "903"]])
]
Tags: TypeAlias = Annotated[tuple[Short, ...], Field(max_length=VALUES, examples=[["vip"]])]
Zones: TypeAlias = Annotated[
    tuple[Short, ...],
    Field(
        max_length=VALUES,
        description="Of IANA, under any of their names.",
        examples=[["Europe/Moscow"]],
    ),
]
Phones: TypeAlias = Annotated[
    tuple[Annotated[str, Field(pattern=r"^7\d{10}$")], ...],
    Field(
        max_length=IDS,
        description="Become the identifiers of clients at once, and are kept nowhere.",
        examples=[["79161234567"]],
    ),
]
Has: TypeAlias = Annotated[bool, Field(strict=True)]


class ConditionBody(Body):
    """What a client must be: all that is stated."""

    operator_codes: Codes | None = Field(None, description="Any of them.", examples=[["916"]])
    tags: Tags | None = Field(None, description="Any of them.", examples=[["vip"]])
    all_tags: Tags | None = Field(None, examples=[["vip", "new"]])
    no_tags: Tags | None = Field(None, description="None of them.", examples=[["complained"]])
    time_zones: Zones | None = Field(None, examples=[["Europe/Moscow"]])
    client_ids: Annotated[tuple[UUID, ...], Field(max_length=IDS)] | None = Field(
        None, examples=[["01890a5d-ac96-774b-bcce-b302099a8057"]]
    )
    phones: Phones | None = Field(None, examples=[["79161234567"]])
    has_phone: Has | None = Field(None, examples=[True])
    has_email: Has | None = Field(None, examples=[True])
    and_: "tuple[ConditionBody, ...] | None" = Field(
        None,
        alias="and",
        description="All of them.",
        examples=[[{"has_email": True}]],
        json_schema_extra=declared(maxItems=CONDITIONS),
    )
    or_: "tuple[ConditionBody, ...] | None" = Field(
        None,
        alias="or",
        description="Any of them.",
        examples=[[{"has_email": True}]],
        json_schema_extra=declared(maxItems=CONDITIONS),
    )
    not_: "ConditionBody | None" = Field(None, alias="not", examples=[{"has_email": True}])


INCLUDE = "Of the clients with these codes and tags, those that this is true for."
ONE_PER_CONTACT = "Of several clients with one phone, or one e-mail, as its gateway needs: one."
EXCLUDE = "Clients that this is true for are left out."


class FilterBody(Body):
    """Whom a mailing is for: any of the codes and any of the tags; empty doesn't restrict."""

    operator_codes: Codes = Field((), examples=[["916", "903"]])
    tags: Tags = Field((), examples=[["vip"]])
    include: ConditionBody | None = Field(None, description=INCLUDE, examples=[None])
    exclude: ConditionBody | None = Field(None, description=EXCLUDE, examples=[None])
    one_per_contact: Has = Field(default=False, description=ONE_PER_CONTACT, examples=[False])


class FilterChanges(Body):
    """A part of a filter: what it does not name stays, null means no restriction.

    A condition is replaced as a whole.
    """

    operator_codes: Codes | None = Field(None, examples=[["916"]])
    tags: Tags | None = Field(None, examples=[["vip"]])
    include: ConditionBody | None = Field(None, description=INCLUDE, examples=[None])
    exclude: ConditionBody | None = Field(None, description=EXCLUDE, examples=[None])
    one_per_contact: Has | None = Field(None, description=ONE_PER_CONTACT, examples=[False])


def phones_in(body: FilterBody | FilterChanges, pointer: str) -> dict[str, str]:
    """Return by its place each phone that a filter names."""
    return {
        where: phone
        for name in ("include", "exclude")
        if (condition := getattr(body, name)) is not None
        for where, phone in _phones(condition, f"{pointer}/{name}")
    }


def _phones(condition: ConditionBody, pointer: str) -> Iterator[tuple[str, str]]:
    for number, phone in enumerate(condition.phones or ()):
        yield f"{pointer}/phones/{number}", phone
    for name in NESTED:
        for number, inner in enumerate(getattr(condition, f"{name}_") or ()):
            yield from _phones(inner, f"{pointer}/{name}/{number}")
    if condition.not_ is not None:
        yield from _phones(condition.not_, f"{pointer}/not")


def filter_from(body: FilterBody, ids: Mapping[str, UUID]) -> Filter:
    """Return the filter that a body describes, with `ids` by phone in place of its phones."""
    return Filter(**filter_changes(body, ids, is_whole=True))


def filter_changes(
    body: FilterBody | FilterChanges, ids: Mapping[str, UUID], *, is_whole: bool = False
) -> dict[str, Any]:
    """Return by name what a body says of a filter; all that it could say if it `is_whole`."""
    names = type(body).model_fields if is_whole else body.model_fields_set
    given = {name: getattr(body, name) for name in names}
    for name in ("include", "exclude"):
        if given.get(name) is not None:
            given[name] = _condition(given[name], ids)
    return given


def _condition(body: ConditionBody, ids: Mapping[str, UUID]) -> Condition:
    client_ids = None
    if body.client_ids is not None or body.phones is not None:
        known = [ids[phone] for phone in body.phones or () if phone in ids]
        client_ids = packed([*(body.client_ids or ()), *known])
    plain: dict[str, Any] = {name: getattr(body, name) for name in PLAIN}
    return Condition(
        **plain,
        client_ids=client_ids,
        and_=_conditions(body.and_, ids),
        or_=_conditions(body.or_, ids),
        not_=None if body.not_ is None else _condition(body.not_, ids),
    )


def _conditions(
    bodies: tuple[ConditionBody, ...] | None, ids: Mapping[str, UUID]
) -> tuple[Condition, ...] | None:
    return None if bodies is None else tuple(_condition(each, ids) for each in bodies)


def _ids(value: object) -> object:
    """Read what an event has as `packed`."""
    return unpacked(b64decode(value)) if isinstance(value, str) else value


def _is_none(value: object) -> bool:
    return value is None


stated = partial(Field, None, exclude_if=_is_none)  # a field that is shown if there is something


class ConditionView(View):
    """What a client must be: all that is stated; what is not is left out."""

    operator_codes: list[str] | None = stated(examples=[["916"]])
    tags: list[str] | None = stated(examples=[["vip"]])
    all_tags: list[str] | None = stated(examples=[["vip", "new"]])
    no_tags: list[str] | None = stated(examples=[["complained"]])
    time_zones: list[str] | None = stated(examples=[["Europe/Moscow"]])
    client_ids: Annotated[list[UUID] | None, BeforeValidator(_ids)] = stated(
        examples=[["01890a5d-ac96-774b-bcce-b302099a8057"]]
    )
    ids_left_out: int | None = stated(
        description="So many client_ids that a list does not show.", examples=[20_000]
    )
    has_phone: bool | None = stated(examples=[True])
    has_email: bool | None = stated(examples=[True])
    and_: "list[ConditionView] | None" = stated(alias="and", examples=[[{"has_email": True}]])
    or_: "list[ConditionView] | None" = stated(alias="or", examples=[[{"has_email": True}]])
    not_: "ConditionView | None" = stated(alias="not", examples=[{"has_email": True}])


class FilterView(View):
    """Whom a mailing is for; an empty list doesn't restrict."""

    operator_codes: list[str]
    tags: list[str]
    include: ConditionView | None = stated(description=INCLUDE, examples=[None])
    exclude: ConditionView | None = stated(description=EXCLUDE, examples=[None])
    one_per_contact: bool | None = stated(description=ONE_PER_CONTACT, examples=[True])


def shortened(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return a filter, as a table has it, without long lists of identifiers."""
    conditions = {name: wanted.get(name) for name in ("include", "exclude")}
    return {**wanted, **{name: each and _short(each) for name, each in conditions.items()}}


def _short(condition: Mapping[str, Any]) -> dict[str, Any]:
    short = dict(condition)
    count = len(b64decode(condition.get("client_ids", ""))) // ID_BYTES
    if count > SHOWN:
        del short["client_ids"]
        short["ids_left_out"] = count
    for name in NESTED:
        if name in short:
            short[name] = [_short(each) for each in short[name]]
    if "not" in short:
        short["not"] = _short(short["not"])
    return short
