"""The unpacking of gzip by the piece: a few packed bytes may become a thousand times as many."""

import zlib
from collections.abc import AsyncIterator

PIECE_BYTES = 65_536  # unpacked at a time


class NotGzip(ValueError):
    """It is no gzip, or was cut off."""


async def gunzip(packed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Unpack gzip as it comes; several members one behind the other are one. Source: RFC 1952.

    Raises:
        NotGzip: It is not.
    """
    member, is_begun = _member(), False
    async for piece in packed:
        rest = piece
        while rest:
            try:
                unpacked = member.decompress(rest, PIECE_BYTES)
            except zlib.error:
                raise NotGzip from None
            is_begun = True
            if unpacked:
                yield unpacked
            rest = member.unconsumed_tail
            if member.eof:
                rest, member, is_begun = member.unused_data, _member(), False
    if is_begun:
        raise NotGzip


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
