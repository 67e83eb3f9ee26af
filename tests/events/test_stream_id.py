"""Stream ids: what Redis writes is read back, and ids are in the order of their entries."""

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from hybrid_recs.cache.keys import Keys
from hybrid_recs.events.stream_id import StreamId

_NUMBERS = st.integers(0, 2**64 - 1)


@given(_NUMBERS, _NUMBERS)
def test_an_id_is_read_back(milliseconds: int, number: int) -> None:
    stream_id = StreamId(milliseconds, number)
    assert StreamId.parse(str(stream_id)) == stream_id
    assert StreamId.parse(str(stream_id).encode()) == stream_id
    assert stream_id < stream_id.next
    assert stream_id.seconds == milliseconds / 1_000


def test_nothing_is_before_all() -> None:
    assert StreamId.parse("") == StreamId.parse(b"") == StreamId() < StreamId.parse("0-1")


@pytest.mark.parametrize("text", ["x", "1-x", "a-1"])
def test_other_texts_are_errors(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        StreamId.parse(text)


def test_the_order_is_that_of_redis(client: redis.Redis, keys: Keys) -> None:
    added = [client.xadd(keys.events(), {b"e": b"x"}, id=name) for name in ("9-9", "9-10", "10-1", "*")]
    parsed = [StreamId.parse(name) for name in added]
    assert parsed == sorted(parsed)
    assert len(set(parsed)) == 4
