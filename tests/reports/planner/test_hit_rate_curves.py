"""Hit-rate curves on traffic whose rates are known, and what a plan says of them."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hybrid_recs.errors import DatasetError
from hybrid_recs.reports.planner import traffic
from hybrid_recs.reports.planner.access_log import item_requests
from hybrid_recs.reports.planner.costs import ListCost, LiveCost
from hybrid_recs.reports.planner.hit_rate_curves import (
    Policy,
    cheapest,
    curves,
    grid,
    knee,
    rising_hits,
    static_hits,
)
from hybrid_recs.reports.planner.plan import Times, plan
from hybrid_recs.reports.planner.render import markdown, sparkline
from hybrid_recs.reports.planner.tiny_lfu import tiny_lfu_hits
from hybrid_recs.reports.planner.traffic import Traffic
from tests.reports.planner.test_stack_distances import zipf


def _of(counts: list[int], others: float = 0.0) -> Traffic:
    whole = np.array(counts, np.int64)
    return Traffic(whole, others, 0.0, np.repeat(np.arange(len(counts)), whole), True, "by hand")


def test_static_hits_are_sums_of_the_first_items() -> None:
    assert static_hits(_of([5, 0, 3, 2]), np.array([0, 1, 2, 3, 4, 9])).tolist() == [0, 5, 5, 8, 10, 10]


def test_rising_items_miss_as_often_as_it_takes_to_be_admitted() -> None:
    found = rising_hits(_of([5, 40, 10, 20]), np.array([0, 1, 2, 4]), 16)
    assert found.tolist() == [24 + 4, 5 + 24 + 4, 45 + 4, 75]


def test_cheapest_counts_what_no_list_answers() -> None:
    found = _of([50, 30, 10], others=10)
    assert [cheapest(found, target) for target in (0.5, 0.51, 0.8, 0.9, 0.91)] == [1, 2, 2, 3, None]


def test_the_knee_of_an_evenly_broken_line() -> None:
    assert knee(_of([10] * 20 + [1] * 80)) == 20
    assert knee(_of([0, 0])) == 0


def test_hindsight_is_never_worse_and_full_caches_miss_first_requests_only() -> None:
    trace = zipf(500, 20_000, 5)
    found = traffic.of_trace([str(item) for item in trace], lambda item: int(item), 500, "zipf")
    by_policy = {curve.policy: curve for curve in curves(found, grid(500, 50), 16)}
    static, best = by_policy[Policy.STATIC], by_policy[Policy.HINDSIGHT]
    assert all(a >= b for a, b in zip(best.hit_rates, static.hit_rates, strict=True))
    assert static.hit_rates[-1] == 1
    cold = 1 - len(set(trace.tolist())) / len(trace)
    for policy in (Policy.LRU, Policy.TINY_LFU):
        assert by_policy[policy].at(500) == pytest.approx(cold, abs=1e-6)
    # On skewed traffic without bursts admission by frequency is what LRU lacks.
    assert by_policy[Policy.LRU].at(50) + 0.05 < by_policy[Policy.TINY_LFU].at(50) < best.at(50)


def test_a_scan_does_not_flush_what_is_asked_for_often() -> None:
    trace = [0, 1] * 50 + list(range(100, 300)) + [0, 1] * 50
    assert tiny_lfu_hits(trace, 2) == 198
    assert tiny_lfu_hits(trace, 0) == 0


def test_counts_of_a_sample_are_scaled_and_rare_items_are_misses() -> None:
    rows = {"a": 0, "b": 1, "c": 2, "new": 7}.get
    found = traffic.of_counts({"a": 40, "b": 10, "new": 5, "gone": 9}, 100, 20, rows, 3, "")
    assert (found.counts.tolist(), found.uncounted, found.requests) == ([40, 10, 0], 30, 100)
    scaled = traffic.of_counts({"a": 90, "b": 30, "c": 30}, 70, 10, rows, 3, "")
    assert (scaled.counts.tolist(), scaled.uncounted, scaled.requests) == ([36, 12, 12], 0, 70)
    assert Counter(scaled.trace.tolist()) == {0: 36, 1: 12, 2: 12}


def test_a_trace_alone_is_ranked_by_its_beginning() -> None:
    found = traffic.of_trace_alone([*"bbba", *"abcb"], 0.5, "log")
    assert found.counts.tolist() == [2, 1]  # of b and a; c was not known before
    assert found.others == 1


def _plan(live_ms: float, hot: int | None = None, target: float = 0.9) -> str:
    live, cost = LiveCost(live_ms, live_ms, live_ms, None), ListCost(700.0, 0.1)
    return plan(_of([60, 25, 10], others=5), target, hot, live=live, cost=cost).advice


def test_a_plan_says_when_a_cache_is_not_worth_having() -> None:
    assert _plan(0.1).startswith("No cache is worth having here: a live answer takes 0.10 ms")
    assert _plan(0.11).startswith("3 items reach 90%")


def test_a_plan_says_what_to_do() -> None:
    assert _plan(2.0, hot=3).endswith("Today's 3 are enough (95.0%).")
    assert "HYBRID_RECS_HOT_MAX_ITEMS=3." in _plan(2.0, hot=1)
    assert _plan(2.0, target=0.96).startswith("No hot set reaches 96%: with a list for each of the 3 items")
    assert plan(_of([]), 0.9).advice.startswith("No request was counted")


def test_figures_of_a_plan() -> None:
    times = Times(0.1, 2.1, "here")
    made = plan(
        _of([60, 20, 20]), 0.8, 1, live=LiveCost(3.0, 2, 4, 1), cost=ListCost(1_000, 0.1), times=times
    )
    (today,) = [size for size in made.sizes if "today" in size.what]
    assert (today.items, today.hit_rate, today.redis_mb) == (1, 0.6, 0.001)
    assert today.cpu_seconds == pytest.approx(60 * 3e-3)
    assert today.mean_ms == pytest.approx(0.6 * 0.1 + 0.4 * 2.1)
    assert (made.target_items, made.most, made.worth_it) == (2, 1, True)
    assert "| 1 | 60.0% | 0.00 | 0.2 s | 0.900 | 50%, knee, today |" in markdown(made)
    static = made.curve(Policy.STATIC)
    assert static is not None
    assert sparkline(static)[0] == "▅"
    assert sparkline(static)[-1] == "█"


LOG = """\
1.2.3.4 - - [10/Oct/2024:13:55:36 +0000] "GET /recommendations?item_id=A%2F1&k=5 HTTP/1.1" 200 512
1.2.3.4 - me [10/Oct/2024:13:55:37 +0000] "GET /v1/recommendations?k=5&item_id=b HTTP/1.1" 200 9 "-" "curl/8"
1.2.3.4 - - [10/Oct/2024:13:55:38 +0000] "GET /recommendations?item_id=bad HTTP/1.1" 422 9
1.2.3.4 - - [10/Oct/2024:13:55:38 +0000] "GET /metrics HTTP/1.1" 200 9
1.2.3.4 - - [10/Oct/2024:13:55:38 +0000] "GET /recommendations?item_id= HTTP/1.1" 200 9
"""


def test_item_requests_of_an_access_log(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(LOG)
    (tmp_path / "ids.txt.gz").write_bytes(gzip.compress("007\n\n ü x \n007\n".encode()))
    assert item_requests(tmp_path / "access.log") == ["A/1", "b"]
    assert item_requests(tmp_path / "ids.txt.gz") == ["007", "ü x", "007"]
    (tmp_path / "other.log").write_text('x "GET /metrics HTTP/1.1" 200 1\n')
    with pytest.raises(DatasetError, match="no line asks for"):
        item_requests(tmp_path / "other.log")
