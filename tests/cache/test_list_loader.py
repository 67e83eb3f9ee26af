"""What loading and retiring neighbour lists leaves in a real Redis."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import redis

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import load_lists, retire_lists
from hybrid_recs.generation.generation import Generation
from tests.builders import write_generation

_TTL = 1_000


@pytest.fixture
def small(tmp_path: Path) -> Generation:
    """Ids that are awkward in a key; every other item is hot."""
    ids = ["a", "b:c", "", "ü \n", "0007", "*", "x" * 300, "%s"]
    return write_generation(tmp_path, "g1", ids, np.array([0, 2, 3, 5, 6]))


def _content(client: redis.Redis, keys: Keys) -> dict[str, bytes]:
    names = sorted(client.scan_iter(f"{keys.prefix}:*", count=1_000))
    return {name.decode(): cast(bytes, client.get(name)) for name in names}


def _expected(keys: Keys, generation: Generation) -> dict[str, bytes]:
    lists = {
        keys.neighbours(generation.id, generation.catalogue.item_id(row)): encoded
        for row, encoded in generation.hot.items()
    }
    return lists | {keys.ready(generation.id): str(len(generation.hot)).encode()}


def test_lists_and_marker_are_all_that_is_left(client: redis.Redis, keys: Keys, small: Generation) -> None:
    done: list[int] = []
    assert load_lists(client, keys, small, _TTL, done.append) == 5
    expected = _expected(keys, small)
    assert len(expected) == 6
    assert _content(client, keys) == expected
    assert expected[f"{keys.prefix}:n:g1:ü \n"] == small.hot.encoded(3)
    assert sum(done) == 5
    for name in expected:
        if name != keys.ready("g1"):
            assert _TTL - 5 <= client.ttl(name) <= _TTL
    # It has to go first, so that the lists are renewed while they are still there.
    assert _TTL * 0.8 - 5 <= client.ttl(keys.ready("g1")) <= _TTL * 0.8


@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001, 2_000])
def test_any_number_of_lists_is_loaded_and_retired(
    client: redis.Redis, keys: Keys, tmp_path: Path, count: int
) -> None:
    """Commands are sent a thousand at a time: numbers around that must not lose any."""
    generation = write_generation(tmp_path, "g", [str(at) for at in range(2_005)], np.arange(count))
    done: list[int] = []
    assert load_lists(client, keys, generation, _TTL, done.append) == count
    assert sum(done) == count
    assert _content(client, keys) == _expected(keys, generation)
    retire_lists(client, keys, generation)
    names = list(client.scan_iter(f"{keys.prefix}:*", count=1_000))
    assert len(names) == count
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.ttl(name)
    assert all(0 < ttl <= 600 for ttl in pipeline.execute())


def test_a_planted_generation_is_loaded_as_it_is_on_disk(
    client: redis.Redis, keys: Keys, generation: Generation
) -> None:
    assert load_lists(client, keys, generation, _TTL) == len(generation.hot) > 50
    assert _content(client, keys) == _expected(keys, generation)


def test_loading_twice_is_loading_once_but_renews(client: redis.Redis, keys: Keys, small: Generation) -> None:
    load_lists(client, keys, small, 50)
    first = _content(client, keys)
    client.set(keys.neighbours("g1", "a"), b"damaged")
    assert load_lists(client, keys, small, _TTL) == 5
    assert _content(client, keys) == first == _expected(keys, small)
    assert all(client.ttl(name) > 50 for name in first)


def test_the_shortest_time_still_leaves_a_marker(client: redis.Redis, keys: Keys, small: Generation) -> None:
    load_lists(client, keys, small, 1)
    assert client.pttl(keys.ready("g1")) > 0


def test_retiring_takes_the_marker_and_shortens_the_lists(
    client: redis.Redis, keys: Keys, small: Generation
) -> None:
    load_lists(client, keys, small, _TTL)
    loaded = _content(client, keys)
    retire_lists(client, keys, small)
    del loaded[keys.ready("g1")]
    assert _content(client, keys) == loaded
    assert all(590 <= client.ttl(name) <= 600 for name in loaded)
    retire_lists(client, keys, small)
    assert _content(client, keys) == loaded


def test_retiring_what_was_never_loaded_makes_nothing(
    client: redis.Redis, keys: Keys, small: Generation
) -> None:
    retire_lists(client, keys, small)
    assert _content(client, keys) == {}


def test_nothing_else_is_touched(redis_url: str, keys: Keys, small: Generation, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    other = write_generation(folder, "g2", ["a", "*"], np.array([0, 1]))
    # A database of this test's own, so that no key of another test expires meanwhile.
    with connect(f"{redis_url}?db=9") as client:
        load_lists(client, keys, other, _TTL)
        foreign = ["foreign", f"{keys.prefix}:stats:5", f"{keys.prefix}:n:g1:zz", f"{keys.prefix}:n:g11:a"]
        for name in foreign:
            client.set(name, name, ex=5_000)
        before = {name: client.dump(name) for name in client.scan_iter("*")}
        assert len(before) == 3 + 4
        load_lists(client, keys, small, _TTL)
        retire_lists(client, keys, small)
        own = {name.encode() for name in _expected(keys, small)}
        after = {name: client.dump(name) for name in client.scan_iter("*") if name not in own}
        assert after == before
        assert all(client.ttl(name) > 4_900 for name in foreign)
        assert all(client.ttl(name) > 700 for name in _expected(keys, other))
