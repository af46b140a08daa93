"""The gateways that mailings may name, as the dispatcher has described them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

Contact: TypeAlias = Literal["phone", "email"] | None  # what a gateway needs of a client
Gateways: TypeAlias = Mapping[str, Contact]  # by name

BY_DEFAULT = "http"
# Of earlier releases, which had no descriptions: mailings may name them until they are described.
INHERITED: Gateways = MappingProxyType({"http": "phone", "log": None, "smtp": "email"})


def inherited() -> Gateways:
    """Return those of earlier releases."""
    return INHERITED
