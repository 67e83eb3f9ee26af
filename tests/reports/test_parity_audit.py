"""The audit of lists in a real Redis: whole ones pass, and every kind of damage is found and fails."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import redis
from click.testing import CliRunner

from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import load_lists
from hybrid_recs.commands.audit import main
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import encode_neighbours
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.reports.parity_audit import Audit, Band, Bounds, Lists, audit, broken
from hybrid_recs.types import Neighbours

TTL = 1_000


def _audit(
    client: redis.Redis,
    keys: Keys,
    generation: Generation,
    hidden: frozenset[int] = frozenset(),
    heeded: bool = True,
) -> Audit:
    recommender = Recommender(generation, Overlay(hidden=hidden if heeded else frozenset()))
    return audit(client, keys, recommender, TTL, Bounds(), 1_000, hidden)


def _name(keys: Keys, generation: Generation, at: int) -> str:
    return keys.neighbours(generation.id, generation.catalogue.item_id(int(generation.hot.rows[at])))


def _stored(generation: Generation, at: int) -> Neighbours:
    stored = generation.hot.neighbours(int(generation.hot.rows[at]))
    assert stored is not None
    return stored


def test_whole_lists_pass(client: redis.Redis, keys: Keys, generation: Generation) -> None:
    load_lists(client, keys, generation, TTL - 100)
    found = _audit(client, keys, generation)
    assert found.broken == []
    lists = found.lists
    assert (lists.sampled, lists.missing, lists.unreadable) == (len(generation.hot), 0, 0)
    assert (lists.overlap, lists.score_difference) == (1, 0)
    assert lists.age_max_seconds == pytest.approx(100, abs=10)
    assert [band.name for band in found.bands] == ["head", "middle", "tail"]
    assert sum(band.items for band in found.bands) == generation.manifest.vectors
    assert [band.recall for band in found.bands] == [1, 1, 1]


Harm = Callable[[Neighbours], bytes]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda _: b"not a list", "missing or unreadable"),
        (
            lambda one: encode_neighbours(Neighbours(one.rows, one.scores + np.float32(0.5))),
            "a score differs by 0.5",
        ),
        (
            lambda one: encode_neighbours(Neighbours(one.rows[[0, 0, 1]], one.scores[[0, 0, 1]])),
            "hold an item twice",
        ),
        (
            lambda one: encode_neighbours(Neighbours(one.rows[::-1], one.scores[::-1])),
            "overlap@10 with live answers is",
        ),
    ],
    ids=["unreadable", "scores", "twice", "order"],
)
def test_damage_is_found(
    client: redis.Redis, keys: Keys, generation: Generation, harm: Harm, said: str
) -> None:
    load_lists(client, keys, generation, TTL)
    for at in range(len(generation.hot) // 2):
        client.set(_name(keys, generation, at), harm(_stored(generation, at)), ex=TTL)
    assert any(said in line for line in _audit(client, keys, generation).broken)


def test_an_item_in_its_own_list(client: redis.Redis, keys: Keys, generation: Generation) -> None:
    load_lists(client, keys, generation, TTL)
    own = Neighbours(generation.hot.rows[:1].astype(np.int64), np.ones(1, np.float32))
    client.set(_name(keys, generation, 0), encode_neighbours(own), ex=TTL)
    assert "1 of the lists hold the item itself" in _audit(client, keys, generation).broken


def test_hidden_items_are_found_and_not_held_against_the_rest(
    client: redis.Redis, keys: Keys, generation: Generation
) -> None:
    load_lists(client, keys, generation, TTL)
    hidden = frozenset({int(_stored(generation, 0).rows[0])})
    found = _audit(client, keys, generation, hidden)
    assert (found.broken, found.lists.with_hidden, found.lists.overlap) == ([], 0, 1)
    by_mistake = _audit(client, keys, generation, hidden, heeded=False)
    first_ten = [_stored(generation, at).rows[:10].tolist() for at in range(len(generation.hot))]
    showing = sum(not hidden.isdisjoint(rows) for rows in first_ten)
    assert by_mistake.lists.with_hidden == showing > 0
    assert f"{showing} of the lists hold a hidden item when served" in by_mistake.broken


def test_a_band_below_its_bound_is_named() -> None:
    lists = Lists(0, 0, 0, None, 0.0, None, None, None, 0, 0, 0)
    bands = [Band("head", 9, 9, 1.0), Band("middle", 0, 0, None), Band("tail", 9, 9, 0.949)]
    assert broken(lists, bands, Bounds()) == ["recall@10 of the tail is 0.9490, below 0.95"]
    assert broken(lists, bands, Bounds(recall=0.9)) == []


def test_the_exit_status_is_for_a_scheduler(
    client: redis.Redis, keys: Keys, generation: Generation, built_index: Path, redis_url: str
) -> None:
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(built_index),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": keys.prefix,
    }
    nothing_loaded = CliRunner().invoke(main, ["--format", "json"], env=environment)
    assert nothing_loaded.exit_code == 1
    assert json.loads(nothing_loaded.stdout)["lists"]["missing"] == len(generation.hot)
    load_lists(client, keys, generation, TTL)
    kept = CliRunner().invoke(main, [], env=environment)
    assert kept.exit_code == 0
    assert "every bound is kept" in kept.output
