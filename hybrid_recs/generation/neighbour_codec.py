"""The binary form of a neighbour list: 8 bytes of header, then u32 rows, then f16 scores.

608 bytes for 100 neighbours. The header has a checksum, so that a value that is not such a list (truncated,
overwritten, of another version) is detected and not served.
"""

import struct
import zlib

import numpy as np

from hybrid_recs.types import Neighbours, ScoredRows

_HEADER = struct.Struct("<BxHI")  # version, pad, length, CRC-32 of the rest
_VERSION = 1
_PER_NEIGHBOUR = 6
_ROW, _SCORE = np.dtype("<u4"), np.dtype("<f2")
MAX_LENGTH = 0xFFFF
REDIS_OVERHEAD_BYTES = 200
"""Memory of a key, its value and its expiry in Redis 6–7 beyond the bytes of the list itself; tests measure
it."""
_MAX_HEAD = 100
_ROWS, _SCORES = ([struct.Struct(f"<{k}{kind}") for k in range(_MAX_HEAD + 1)] for kind in "IH")


def encode_neighbours(neighbours: Neighbours) -> bytes:
    """The bytes of a list; scores are rounded to half precision."""
    body = neighbours.rows.astype(_ROW).tobytes() + neighbours.scores.astype(_SCORE).tobytes()
    return _HEADER.pack(_VERSION, len(neighbours), zlib.crc32(body)) + body


def decode_head(encoded: bytes, k: int) -> ScoredRows | None:
    """The first `k` rows and the bits of their scores; None when the bytes are not a list of at least k.

    Without NumPy: for the ten items of an answer its calls take several times as long as the work.
    """
    length = _length(encoded)
    if length is None or length < k:
        return None
    rows = _ROWS[k].unpack_from(encoded, _HEADER.size)
    return rows, _SCORES[k].unpack_from(encoded, _HEADER.size + _ROW.itemsize * length)


def decode_neighbours(encoded: bytes) -> Neighbours | None:
    """The list, or None when the bytes are not one."""
    length = _length(encoded)
    if length is None:
        return None
    rows = np.frombuffer(encoded, _ROW, length, _HEADER.size).astype(np.int64)
    after_rows = _HEADER.size + _ROW.itemsize * length
    return Neighbours(rows, np.frombuffer(encoded, _SCORE, length, after_rows).astype(np.float32))


def _length(encoded: bytes) -> int | None:
    """The number of neighbours; None when the bytes are not a list."""
    if len(encoded) < _HEADER.size:
        return None
    version, length, checksum = _HEADER.unpack_from(encoded)
    if version != _VERSION or len(encoded) != _HEADER.size + length * _PER_NEIGHBOUR:
        return None
    return length if zlib.crc32(memoryview(encoded)[_HEADER.size :]) == checksum else None
