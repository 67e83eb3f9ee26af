"""Drift of a real generation from counts written by hand."""

from collections import Counter
from datetime import datetime

import pytest

from hybrid_recs.generation.generation import Generation
from hybrid_recs.reports.drift import drift


def _hour(generation: Generation) -> int:
    return int(datetime.fromisoformat(generation.manifest.created).timestamp() // 3_600)


def _hours(generation: Generation, shares: list[float], requests: int = 1_000) -> dict[int, Counter[str]]:
    """Requests of each hour for one hot item, with the given share, and for one other item."""
    hot = generation.catalogue.item_id(int(generation.hot.rows[0]))
    tail = generation.catalogue.item_id(generation.manifest.vectors - 1)
    counts = [{hot: round(requests * share), tail: round(requests * (1 - share))} for share in shares]
    return {_hour(generation) + age: Counter(hour) for age, hour in enumerate(counts)}


def test_decay_is_the_slope_and_sets_the_interval(generation: Generation) -> None:
    result = drift(generation, _hours(generation, [0.9 - 0.01 * hour for hour in range(12)]))
    assert result.lost_a_day == pytest.approx(0.24)
    assert result.rebuild_days == pytest.approx(0.02 / 0.24)
    assert [age.coverage for age in result.ages[:2]] == pytest.approx([0.9, 0.89])
    assert result.advice == (
        "The hot set loses 24.00 points of coverage a day: rebuild every 2 hours to lose "
        "no more than 2 points."
    )


@pytest.mark.parametrize(
    "shares",
    [[0.9, 0.8] * 6, [0.5 + 0.01 * hour for hour in range(12)], [0.9 - 0.01 * hour for hour in range(5)]],
    ids=["up and down", "rising", "too short"],
)
def test_no_decay_is_claimed_without_one(generation: Generation, shares: list[float]) -> None:
    result = drift(generation, _hours(generation, shares))
    assert (result.lost_a_day, result.rebuild_days) == (None, None)
    assert result.advice.startswith("No significant decay in the")


def test_what_enters_the_head(generation: Generation) -> None:
    hot = [generation.catalogue.item_id(int(row)) for row in generation.hot.rows[:2]]
    cold = generation.catalogue.item_id(generation.manifest.vectors - 1)
    counts = Counter({hot[0]: 50, cold: 25, hot[1]: 15, "not known": 10})
    result = drift(generation, {_hour(generation) - 1: Counter({"before": 9_999}), _hour(generation): counts})
    assert (result.head_items, result.head_hot) == (3, 2)
    assert result.head_coverage == pytest.approx(65 / 90)
    assert result.coverage == pytest.approx(0.65)
    (entering,) = result.entering
    assert (entering.item_id, entering.requests, entering.share) == (cold, 25, 0.25)
    assert entering.title == generation.catalogue.title(generation.manifest.vectors - 1)


def test_before_any_traffic(generation: Generation) -> None:
    result = drift(generation, {})
    assert (result.ages, result.head_items, result.coverage) == ([], 0, None)
    assert result.advice.startswith("No requests have been counted since the rebuild")
