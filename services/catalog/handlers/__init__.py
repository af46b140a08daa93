"""What the catalog does: the only place where rules meet I/O."""

from services.catalog.handlers.commands import handle, handle_many, remarks_on, stream

__all__ = ("handle", "handle_many", "remarks_on", "stream")
