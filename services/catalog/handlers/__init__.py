"""What the catalog does: the only place where rules meet I/O."""

from services.catalog.handlers.commands import handle, stream

__all__ = ("handle", "stream")
