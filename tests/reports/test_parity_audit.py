"""The audit of lists in a real Redis: undamaged ones pass, and every kind of damage is detected."""

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
from hybrid_recs.reports.parity_audit import Audit, AuditBounds, BandRecall, ListFigures, audit, broken_bounds
from hybrid_recs.types import Neighbours

TTL = 1_000


def _audit(
    client: redis.Redis,
    keys: Keys,
    generation: Generation,
    hidden: frozenset[int] = frozenset(),
    applied: bool = True,
) -> Audit:
    recommender = Recommender(generation, Overlay(hidden=hidden if applied else frozenset()))
    return audit(client, keys, recommender, TTL, AuditBounds(), 1_000, hidden)


def _name(keys: Keys, generation: Generation, place: int) -> str:
    return keys.neighbours(generation.id, generation.catalogue.item_id(int(generation.hot.rows[place])))


def _stored(generation: Generation, place: int) -> Neighbours:
    stored = generation.hot.neighbours(int(generation.hot.rows[place]))
    assert stored is not None
    return stored


def test_undamaged_lists_pass(client: redis.Redis, keys: Keys, generation: Generation) -> None:
    load_lists(client, keys, generation, TTL - 100)
    result = _audit(client, keys, generation)
    assert result.broken == []
    lists = result.lists
    assert (lists.sampled, lists.missing, lists.unreadable) == (len(generation.hot), 0, 0)
    assert (lists.overlap, lists.score_difference) == (1, 0)
    assert lists.age_max_seconds == pytest.approx(100, abs=10)
    assert [band.name for band in result.bands] == ["head", "middle", "tail"]
    assert sum(band.items for band in result.bands) == generation.manifest.vectors
    assert [band.recall for band in result.bands] == [1, 1, 1]


Harm = Callable[[Neighbours], bytes]


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda _: b"not a list", "missing or unreadable"),
        (
            lambda stored: encode_neighbours(Neighbours(stored.rows, stored.scores + np.float32(0.5))),
            "a score differs by 0.5",
        ),
        (
            lambda stored: encode_neighbours(Neighbours(stored.rows[[0, 0, 1]], stored.scores[[0, 0, 1]])),
            "contain an item twice",
        ),
        (
            lambda stored: encode_neighbours(Neighbours(stored.rows[::-1], stored.scores[::-1])),
            "overlap@10 with live answers is",
        ),
    ],
    ids=["unreadable", "scores", "twice", "order"],
)
def test_damage_is_detected(
    client: redis.Redis, keys: Keys, generation: Generation, harm: Harm, problem: str
) -> None:
    load_lists(client, keys, generation, TTL)
    for place in range(len(generation.hot) // 2):
        client.set(_name(keys, generation, place), harm(_stored(generation, place)), ex=TTL)
    assert any(problem in line for line in _audit(client, keys, generation).broken)


def test_an_item_in_its_own_list(client: redis.Redis, keys: Keys, generation: Generation) -> None:
    load_lists(client, keys, generation, TTL)
    own = Neighbours(generation.hot.rows[:1].astype(np.int64), np.ones(1, np.float32))
    client.set(_name(keys, generation, 0), encode_neighbours(own), ex=TTL)
    assert "1 of the lists contain the queried item itself" in _audit(client, keys, generation).broken


def test_hidden_items_are_detected_and_do_not_affect_the_rest(
    client: redis.Redis, keys: Keys, generation: Generation
) -> None:
    load_lists(client, keys, generation, TTL)
    hidden = frozenset({int(_stored(generation, 0).rows[0])})
    result = _audit(client, keys, generation, hidden)
    assert (result.broken, result.lists.with_hidden, result.lists.overlap) == ([], 0, 1)
    without_overlay = _audit(client, keys, generation, hidden, applied=False)
    first_ten = [_stored(generation, place).rows[:10].tolist() for place in range(len(generation.hot))]
    showing = sum(not hidden.isdisjoint(rows) for rows in first_ten)
    assert without_overlay.lists.with_hidden == showing > 0
    assert f"{showing} of the lists contain a hidden item when served" in without_overlay.broken


def test_a_band_below_its_bound_is_named() -> None:
    lists = ListFigures(0, 0, 0, None, 0.0, None, None, None, 0, 0, 0)
    bands = [BandRecall("head", 9, 9, 1.0), BandRecall("middle", 0, 0, None), BandRecall("tail", 9, 9, 0.949)]
    assert broken_bounds(lists, bands, AuditBounds()) == ["recall@10 of the tail is 0.9490, below 0.95"]
    assert broken_bounds(lists, bands, AuditBounds(recall=0.9)) == []


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
    assert "all bounds are met" in kept.output
