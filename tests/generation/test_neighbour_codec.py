"""A packed list comes back as it was, or not at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_recs.generation.neighbour_codec import decode_neighbours, encode_neighbours
from hybrid_recs.types import Neighbours

_PAIRS = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.floats(-60_000, 60_000, width=32)), min_size=0, max_size=120
)


def _neighbours(pairs: list[tuple[int, float]]) -> Neighbours:
    rows = np.array([row for row, _ in pairs], np.int64)
    return Neighbours(rows, np.array([score for _, score in pairs], np.float32))


def _random_list(length: int) -> Neighbours:
    rng = np.random.default_rng(length)
    return _neighbours([(int(row), float(rng.random())) for row in rng.integers(0, 2**32, length)])


@settings(derandomize=True, max_examples=150, deadline=None)
@given(_PAIRS)
def test_what_is_packed_comes_back_in_order(pairs: list[tuple[int, float]]) -> None:
    unpacked = decode_neighbours(encode_neighbours(_neighbours(pairs)))
    assert unpacked is not None
    assert unpacked.rows.dtype == np.int64
    assert unpacked.scores.dtype == np.float32
    assert unpacked.rows.tolist() == [row for row, _ in pairs]
    # Half precision keeps 11 significant bits; below 2^-14 its steps are 2^-24.
    for (_, score), got in zip(pairs, unpacked.scores.tolist(), strict=True):
        assert abs(got - score) <= max(abs(score) * 2**-11, 2**-25)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(_PAIRS)
def test_packing_again_changes_nothing(pairs: list[tuple[int, float]]) -> None:
    encoded = encode_neighbours(_neighbours(pairs))
    unpacked = decode_neighbours(encoded)
    assert unpacked is not None
    assert encode_neighbours(unpacked) == encoded


def test_a_hundred_neighbours_take_608_bytes() -> None:
    assert len(encode_neighbours(_random_list(100))) == 608


def test_an_empty_list_is_a_list() -> None:
    unpacked = decode_neighbours(encode_neighbours(_random_list(0)))
    assert unpacked is not None
    assert len(unpacked) == 0


@pytest.mark.parametrize("length", [0, 1, 7, 100])
def test_every_truncation_is_found_out(length: int) -> None:
    encoded = encode_neighbours(_random_list(length))
    assert decode_neighbours(encoded) is not None
    for end in range(len(encoded)):
        assert decode_neighbours(encoded[:end]) is None, end
    assert decode_neighbours(encoded + b"\0") is None


@pytest.mark.parametrize("length", [1, 20])
def test_every_flipped_bit_is_found_out(length: int) -> None:
    encoded = encode_neighbours(_random_list(length))
    # The second byte is padding: it says nothing, so that a change there changes nothing.
    for at in (at for at in range(len(encoded)) if at != 1):
        for bit in range(8):
            harmed = bytearray(encoded)
            harmed[at] ^= 1 << bit
            assert decode_neighbours(bytes(harmed)) is None, (at, bit)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(0, 255), st.integers(2, 607), st.integers(1, 255))
def test_another_version_or_byte_is_not_a_list(version: int, at: int, change: int) -> None:
    encoded = encode_neighbours(_random_list(100))
    read = decode_neighbours(bytes([version]) + encoded[1:])
    assert (read is not None) == (version == encoded[0])
    harmed = bytearray(encoded)
    harmed[at] ^= change
    assert decode_neighbours(bytes(harmed)) is None


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=700))
def test_garbage_is_not_a_list(garbage: bytes) -> None:
    unpacked = decode_neighbours(garbage)
    # Eight bytes may happen to be an empty list (its checksum is 0); nothing longer passes by chance.
    assert unpacked is None or len(unpacked) == 0
