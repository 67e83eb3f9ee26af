"""A stored prediction comes back as it was, or not at all."""

import struct
import zlib

import numpy as np
import pytest

from hybrid_recs.cache.user_list_codec import StoredUserList, decode_user_list, encode_user_list
from hybrid_recs.types import Neighbours

MADE = 1_700_000_123


def _prediction(length: int, met: int) -> StoredUserList:
    rng = np.random.default_rng(length)
    scores = np.sort(rng.random(length).astype(np.float16).astype(np.float32))[::-1]
    rows, history = rng.integers(0, 2**32, length), rng.integers(0, 2**32, met)
    return StoredUserList(Neighbours(rows, np.ascontiguousarray(scores)), history, MADE)


@pytest.mark.parametrize(("length", "met"), [(0, 0), (1, 1), (20, 3), (100, 50)])
def test_what_is_stored_comes_back(length: int, met: int) -> None:
    stored = _prediction(length, met)
    found = decode_user_list(encode_user_list(stored))
    assert found is not None
    assert found.made == MADE
    assert found.history.dtype == found.neighbours.rows.dtype == np.int64
    assert found.history.tolist() == stored.history.tolist()
    assert found.neighbours.rows.tolist() == stored.neighbours.rows.tolist()
    assert found.neighbours.scores.tolist() == stored.neighbours.scores.tolist()


def test_the_latest_fifty_of_a_history_are_kept() -> None:
    stored = _prediction(3, 120)
    found = decode_user_list(encode_user_list(stored))
    assert found is not None
    assert found.history.tolist() == stored.history[70:].tolist()


def test_a_hundred_neighbours_of_fifty_items_take_818_bytes() -> None:
    assert len(encode_user_list(_prediction(100, 50))) == 818


@pytest.mark.parametrize(("length", "met"), [(0, 0), (0, 2), (7, 5)])
def test_every_truncation_is_found_out(length: int, met: int) -> None:
    value = encode_user_list(_prediction(length, met))
    assert decode_user_list(value) is not None
    for end in range(len(value)):
        assert decode_user_list(value[:end]) is None, end
    assert decode_user_list(value + b"\0") is None


@pytest.mark.parametrize(("length", "met"), [(0, 0), (10, 4)])
def test_every_flipped_bit_is_found_out(length: int, met: int) -> None:
    value = encode_user_list(_prediction(length, met))
    for at in range(len(value)):
        for bit in range(8):
            harmed = bytearray(value)
            harmed[at] ^= 1 << bit
            assert decode_user_list(bytes(harmed)) is None, (at, bit)


def test_another_version_is_not_read_even_with_a_right_checksum() -> None:
    value = encode_user_list(_prediction(5, 5))
    header, body = bytes([2]) + value[1:6], value[10:]
    other = header + struct.pack("<I", zlib.crc32(header + body)) + body
    assert decode_user_list(other) is None
    header = bytes([1]) + header[1:]
    assert decode_user_list(header + struct.pack("<I", zlib.crc32(header + body)) + body) is not None
