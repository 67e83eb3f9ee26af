"""The packed form of a neighbour list: 8 bytes of header, then u32 rows, then f16 scores.

608 bytes for 100 neighbours. The header carries a checksum, so that a value that is not such a list
(cut short, overwritten, of another version) is found out instead of served.
"""

import struct
import zlib

import numpy as np

from hybrid_recs.types import Neighbours

_HEADER = struct.Struct("<BxHI")  # version, pad, length, CRC-32 of the rest
_VERSION = 1
_PER_NEIGHBOUR = 6
_ROW, _SCORE = np.dtype("<u4"), np.dtype("<f2")
MAX_LENGTH = 0xFFFF


def pack(neighbours: Neighbours) -> bytes:
    """Bytes of a list; scores are rounded to half precision."""
    body = neighbours.rows.astype(_ROW).tobytes() + neighbours.scores.astype(_SCORE).tobytes()
    return _HEADER.pack(_VERSION, len(neighbours), zlib.crc32(body)) + body


def unpack(packed: bytes) -> Neighbours | None:
    """The list, or None when the bytes are not one."""
    if len(packed) < _HEADER.size:
        return None
    version, length, checksum = _HEADER.unpack_from(packed)
    body = memoryview(packed)[_HEADER.size :]
    if version != _VERSION or len(body) != length * _PER_NEIGHBOUR or zlib.crc32(body) != checksum:
        return None
    rows = np.frombuffer(body, _ROW, length).astype(np.int64)
    scores = np.frombuffer(body, _SCORE, length, 4 * length).astype(np.float32)
    return Neighbours(rows, scores)
