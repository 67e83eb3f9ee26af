"""The binary form of a user's list: the neighbours, the history they were made from, and when.

10 bytes of header, then u32 history rows, then the encoded list: 818 bytes for 100 neighbours made from 50
items. The checksum covers everything else, so that a value that is not such a list (truncated, overwritten,
of another version) is detected and not served.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from hybrid_recs.generation.neighbour_codec import decode_neighbours, encode_neighbours
from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.types import Neighbours, Rows

_HEADER = struct.Struct("<BBI")  # version, rows of the history, seconds since 1970
_CHECKSUM = struct.Struct("<I")  # CRC-32 of all other bytes
_BODY = _HEADER.size + _CHECKSUM.size
_VERSION = 1
_ROW = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class StoredUserList:
    """One user's list. history: rows of the latest items it was made from, oldest first, at most 50.
    made: seconds since 1970."""

    neighbours: Neighbours
    history: Rows
    made: int


def encode_user_list(user_list: StoredUserList) -> bytes:
    """The bytes of a list, with the latest 50 rows of its history and scores in half precision."""
    history = user_list.history[-MAX_HISTORY:]
    header = _HEADER.pack(_VERSION, len(history), user_list.made)
    body = history.astype(_ROW).tobytes() + encode_neighbours(user_list.neighbours)
    return header + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(header))) + body


def decode_user_list(value: bytes) -> StoredUserList | None:
    """The list, or None when the bytes are not one."""
    if len(value) < _BODY:
        return None
    version, length, made = _HEADER.unpack_from(value)
    (checksum,) = _CHECKSUM.unpack_from(value, _HEADER.size)
    after_history = _BODY + _ROW.itemsize * length
    if version != _VERSION or len(value) < after_history:
        return None
    if zlib.crc32(memoryview(value)[_BODY:], zlib.crc32(value[: _HEADER.size])) != checksum:
        return None
    neighbours = decode_neighbours(value[after_history:])
    if neighbours is None:
        return None
    return StoredUserList(neighbours, np.frombuffer(value, _ROW, length, _BODY).astype(np.int64), int(made))
