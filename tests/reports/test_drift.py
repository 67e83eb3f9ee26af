"""Drift from counts that are written by hand against a real generation."""

from collections import Counter
from datetime import datetime

import pytest

from hybrid_recs.generation.generation import Generation
from hybrid_recs.reports.drift import drift


def _hour(generation: Generation) -> int:
    return int(datetime.fromisoformat(generation.manifest.created).timestamp() // 3_600)


def _hours(generation: Generation, shares: list[float], requests: int = 1_000) -> dict[int, Counter[str]]:
    """Each hour asks for one hot and one other item, the hot one for its share."""
    hot = generation.catalogue.item_id(int(generation.hot.rows[0]))
    tail = generation.catalogue.item_id(generation.manifest.vectors - 1)
    counts = [{hot: round(requests * share), tail: round(requests * (1 - share))} for share in shares]
    return {_hour(generation) + at: Counter(some) for at, some in enumerate(counts)}


def test_decay_is_the_slope_and_sets_the_interval(generation: Generation) -> None:
    found = drift(generation, _hours(generation, [0.9 - 0.01 * hour for hour in range(12)]))
    assert found.lost_a_day == pytest.approx(0.24)
    assert found.rebuild_days == pytest.approx(0.02 / 0.24)
    assert [age.coverage for age in found.ages[:2]] == pytest.approx([0.9, 0.89])
    assert found.advice.startswith("The hot set loses 24.00 points of coverage a day: rebuild every 2 hours")


@pytest.mark.parametrize(
    "shares",
    [[0.9, 0.8] * 6, [0.5 + 0.01 * hour for hour in range(12)], [0.9 - 0.01 * hour for hour in range(5)]],
    ids=["up and down", "rising", "too short"],
)
def test_no_decay_is_claimed_without_one(generation: Generation, shares: list[float]) -> None:
    found = drift(generation, _hours(generation, shares))
    assert (found.lost_a_day, found.rebuild_days) == (None, None)
    assert found.advice.startswith("No decay can be told from chance")


def test_what_enters_the_head(generation: Generation) -> None:
    hot = [generation.catalogue.item_id(int(row)) for row in generation.hot.rows[:2]]
    cold = generation.catalogue.item_id(generation.manifest.vectors - 1)
    counts = Counter({hot[0]: 50, cold: 25, hot[1]: 15, "not known": 10})
    found = drift(generation, {_hour(generation) - 1: Counter({"before": 9_999}), _hour(generation): counts})
    assert (found.head_items, found.head_hot) == (3, 2)
    assert found.head_coverage == pytest.approx(65 / 90)
    assert found.coverage == pytest.approx(0.65)
    (entering,) = found.entering
    assert (entering.item_id, entering.requests, entering.share) == (cold, 25, 0.25)
    assert entering.title == generation.catalogue.title(generation.manifest.vectors - 1)


def test_before_any_traffic(generation: Generation) -> None:
    found = drift(generation, {})
    assert (found.ages, found.head_items, found.coverage) == ([], 0, None)
    assert found.advice.startswith("No item was counted")
