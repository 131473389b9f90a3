"""Bounded decompression: a few kilobytes from outside must not become gigabytes inside."""

import zlib
from typing import Final

_AUTO_HEADER: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, told apart by the header


class CompressionError(ValueError):
    """The bytes are not one complete gzip or zlib stream, or hold more than the limit."""


def decompress(data: bytes, limit: int) -> bytes:
    """Decompress one gzip or zlib stream of at most ``limit`` bytes. Raises CompressionError."""
    decoder = zlib.decompressobj(_AUTO_HEADER)
    try:
        text = decoder.decompress(data, limit + 1)
    except zlib.error as error:
        raise CompressionError(f"compressed bytes: not readable ({error})") from None
    if len(text) > limit:
        raise CompressionError(f"compressed bytes: more than `{limit}` bytes inside")
    if not decoder.eof or decoder.unused_data:
        raise CompressionError("compressed bytes: cut short, or something follows the end")
    return text
