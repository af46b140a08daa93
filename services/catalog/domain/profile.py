"""A client's profile: all that is known of one, and what it may say."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from services.catalog.domain.preferring import canonical_text, mistake_in_times
from services.catalog.domain.text import UNSEEN, is_one_line, is_plain, mistake
from shared.errors import FieldError, Invalid
from shared.phone import PHONE, is_phone
from shared.schedule import zone_names

OPERATOR_CODE = re.compile(r"\d{3}", re.ASCII)
# Enough to catch what is no address; whether it exists, only a mail can show. The local part has
# nothing that a head of a message reads otherwise; the domain is a name, not an address.
LOCAL = r"""[^\s\x00-\x20\x7f-\x9f()<>\[\]:;@\\,"]{1,64}"""
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
EMAIL = re.compile(rf"{LOCAL}@(?:{LABEL}\.)+(?!\d+$){LABEL}")

PHONES = re.compile(rf"(?:{PHONE.pattern})*+", re.ASCII)
PHONE_DIGITS = 11

# Characters. Generous: they bound what a row may cost, nothing else.
EMAIL_LIMIT = 254  # Source: RFC 5321 §4.5.3.1.3, less the angle brackets
TEXTS = (("email", EMAIL_LIMIT), ("full_name", 200), ("comment", 2000), ("external_id", 100))
TAG_LIMIT = 100
TAGS = 50  # of a client


class Profile(msgspec.Struct, frozen=True, gc=False):  # an import makes one a row
    """All that is known of a client."""

    phone: str | None = None
    operator_code: str | None = None
    tags: tuple[str, ...] = ()
    time_zone: str | None = None
    email: str | None = None
    full_name: str | None = None
    comment: str | None = None
    preferred_times: str | None = None  # as shared.preferred has them
    external_id: str | None = None  # by which another system knows the client

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return msgspec.structs.asdict(self)


FIELDS = Profile.__struct_fields__
NOBODY = Profile()


class ClientInvalid(Invalid):
    """A client cannot be like this."""


def checked(
    changes: Mapping[str, Any], profile: Profile = NOBODY, *, is_sound: bool = False
) -> Profile:
    """Return `profile` with `changes`, text as it was given; the operator code follows the phone.

    If `is_sound`, `are_sound` has found no mistake in the values, and only the whole is checked.

    Raises:
        ClientInvalid: With the place of each mistake.
    """
    given = dict(changes)
    if "tags" in given:
        given["tags"] = tuple(dict.fromkeys(given["tags"] or ()))
    if "preferred_times" in given:
        given["preferred_times"] = canonical_text(given["preferred_times"])
    if given.get("operator_code") is None:
        phone = given.get("phone", profile.phone)
        same = phone == profile.phone and "operator_code" not in given
        given["operator_code"] = profile.operator_code if same else phone and phone[1:4]
    changed = msgspec.structs.replace(profile, **given)
    if is_sound and (changed.phone or changed.email) and len(changed.tags) <= TAGS:
        return changed
    mistakes = _mistakes(changed)
    if new := [each for each in mistakes if _is_new(each, changed, profile)]:
        raise ClientInvalid(*new)
    return changed


def are_sound(many: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether no value of many changes has a mistake, as is nearly always so.

    All values of a field are looked at together, which takes a fifth of a look at each row. False
    does not say that there is one: text of several lines is not looked at here.
    """

    def of(name: str) -> list[Any]:
        return [value for each in many if (value := each.get(name)) is not None]

    return (
        _are_phones(of("phone"))
        and all(map(OPERATOR_CODE.fullmatch, set(of("operator_code"))))
        and all(_are_plain(of(name), limit) for name, limit in TEXTS)
        and all(map(EMAIL.fullmatch, of("email")))
        and all(map(are_tags, {tuple(each) for each in of("tags")}))
        and zone_names().issuperset(of("time_zone"))
        and not any(map(mistake_in_times, set(of("preferred_times"))))
    )


def _are_phones(texts: Sequence[str]) -> bool:
    are_as_long = {PHONE_DIGITS}.issuperset(map(len, texts))
    return are_as_long and PHONES.fullmatch("".join(texts)) is not None


def _are_plain(texts: Sequence[str], limit: int) -> bool:
    return (
        max(map(len, texts), default=0) <= limit
        and "".join(texts).isprintable()
        and {each[:1] for each in texts}.isdisjoint(UNSEEN)
    )


def _mistakes(profile: Profile) -> list[FieldError]:
    phone, code = profile.phone, profile.operator_code
    zone, email = profile.time_zone, profile.email
    mistakes = _in_texts(profile)
    if phone is None and email is None:
        mistakes.append(FieldError("/phone", "missing", "a phone or an e-mail is needed"))
    if phone is not None and not is_phone(phone):
        mistakes.append(FieldError("/phone", "phone", "7 and ten digits, as in 79161234567"))
    elif code is not None and not OPERATOR_CODE.fullmatch(code):
        mistakes.append(FieldError("/operator_code", "operator_code", "three digits, as in 916"))
    if zone is not None and zone not in zone_names():
        mistakes.append(FieldError("/time_zone", "time_zone", "of IANA, as in Europe/Moscow"))
    if email is not None and len(email) <= EMAIL_LIMIT and not EMAIL.fullmatch(email):
        mistakes.append(FieldError("/email", "email", "as in anna@example.com"))
    if wrong := mistake_in_times(profile.preferred_times):
        mistakes.append(FieldError("/preferred_times", "preferred_times", wrong))
    return mistakes


def _is_new(found: FieldError, profile: Profile, before: Profile) -> bool:
    """Return whether a change brought it: what earlier rules have taken blocks no others."""
    name = found.pointer[1:]
    is_changed = getattr(profile, name) != getattr(before, name)
    return is_changed or found.code == "missing"


def _in_texts(profile: Profile) -> list[FieldError]:
    mistakes = []
    for name, limit in TEXTS:
        text = getattr(profile, name)
        if not text or (len(text) <= limit and is_plain(text)):
            continue
        if len(text) > limit:
            detail = f"at most {limit} characters"
            mistakes.append(FieldError(f"/{name}", "too_long", detail, (limit,)))
        elif wrong := mistake(f"/{name}", text, has_lines=name == "comment"):
            mistakes.append(wrong)
    if profile.tags and not are_tags(profile.tags):
        detail = f"at most {TAGS}, each of 1 to {TAG_LIMIT} characters, none a control character"
        mistakes.append(FieldError("/tags", "tags", detail, (TAGS, TAG_LIMIT)))
    return mistakes


@lru_cache(maxsize=500)  # most rows of an import have the tags of an earlier one
def are_tags(tags: tuple[str, ...]) -> bool:
    """Return whether they may be the tags of one client."""
    return len(tags) <= TAGS and all(map(is_tag, tags))


def is_tag(text: str) -> bool:
    """Return whether it may be a client's tag."""
    return 1 <= len(text) <= TAG_LIMIT and is_one_line(text)
