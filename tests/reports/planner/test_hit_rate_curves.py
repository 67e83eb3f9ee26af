"""Hit-rate curves of traffic whose rates are known, and the plans made from them."""

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
    curves,
    fewest_items,
    knee,
    rising_hits,
    size_grid,
    static_hits,
)
from hybrid_recs.reports.planner.plan import AnswerTimes, Plan, plan
from hybrid_recs.reports.planner.render import plan_markdown, sparkline
from hybrid_recs.reports.planner.tiny_lfu import tiny_lfu_hits
from hybrid_recs.reports.planner.traffic import Traffic
from tests.reports.planner.test_stack_distances import zipf


def _traffic(counts: list[int], others: float = 0.0) -> Traffic:
    whole = np.array(counts, np.int64)
    return Traffic(whole, others, 0.0, np.repeat(np.arange(len(counts)), whole), True, "by hand")


def test_static_hits_are_sums_of_the_first_items() -> None:
    assert static_hits(_traffic([5, 0, 3, 2]), np.array([0, 1, 2, 3, 4, 9])).tolist() == [0, 5, 5, 8, 10, 10]


def test_rising_items_miss_until_they_are_admitted() -> None:
    hits = rising_hits(_traffic([5, 40, 10, 20]), np.array([0, 1, 2, 4]), 16)
    assert hits.tolist() == [24 + 4, 5 + 24 + 4, 45 + 4, 75]


def test_fewest_items_count_requests_that_no_list_answers() -> None:
    requests = _traffic([50, 30, 10], others=10)
    assert [fewest_items(requests, target) for target in (0.5, 0.51, 0.8, 0.9, 0.91)] == [1, 2, 2, 3, None]


def test_the_knee_of_an_evenly_broken_line() -> None:
    assert knee(_traffic([10] * 20 + [1] * 80)) == 20
    assert knee(_traffic([0, 0])) == 0


def test_hindsight_is_never_worse_and_full_caches_miss_first_requests_only() -> None:
    trace = zipf(500, 20_000, 5)
    requests = traffic.traffic_from_trace([str(item) for item in trace], lambda item: int(item), 500, "zipf")
    by_policy = {curve.policy: curve for curve in curves(requests, size_grid(500, 50), 16)}
    static, best = by_policy[Policy.STATIC], by_policy[Policy.HINDSIGHT]
    assert all(a >= b for a, b in zip(best.hit_rates, static.hit_rates, strict=True))
    assert static.hit_rates[-1] == 1
    cold = 1 - len(set(trace.tolist())) / len(trace)
    for policy in (Policy.LRU, Policy.TINY_LFU):
        assert by_policy[policy].hit_rate_at(500) == pytest.approx(cold, abs=1e-6)
    # On skewed traffic without bursts, admission by frequency is better than LRU.
    assert (
        by_policy[Policy.LRU].hit_rate_at(50) + 0.05
        < by_policy[Policy.TINY_LFU].hit_rate_at(50)
        < best.hit_rate_at(50)
    )


def test_a_scan_does_not_evict_frequent_items() -> None:
    trace = [0, 1] * 50 + list(range(100, 300)) + [0, 1] * 50
    assert tiny_lfu_hits(trace, 2) == 198
    assert tiny_lfu_hits(trace, 0) == 0


def test_sampled_counts_are_scaled_and_rare_items_are_misses() -> None:
    rows = {"a": 0, "b": 1, "c": 2, "new": 7}.get
    requests = traffic.traffic_from_counts({"a": 40, "b": 10, "new": 5, "gone": 9}, 100, 20, rows, 3, "")
    assert (requests.counts.tolist(), requests.uncounted, requests.requests) == ([40, 10, 0], 30, 100)
    scaled = traffic.traffic_from_counts({"a": 90, "b": 30, "c": 30}, 70, 10, rows, 3, "")
    assert (scaled.counts.tolist(), scaled.uncounted, scaled.requests) == ([36, 12, 12], 0, 70)
    assert Counter(scaled.trace.tolist()) == {0: 36, 1: 12, 2: 12}


def test_a_trace_without_a_catalogue_is_ranked_by_its_beginning() -> None:
    requests = traffic.traffic_from_split_trace([*"bbba", *"abcb"], 0.5, "log")
    assert requests.counts.tolist() == [2, 1]  # b and a; c was unknown before
    assert requests.others == 1


def _plan(live_ms: float, hot: int | None = None, target: float = 0.9) -> Plan:
    live, cost = LiveCost(live_ms, live_ms, live_ms, None), ListCost(700.0, 0.1)
    return plan(_traffic([60, 25, 10], others=5), target, hot, live=live, cost=cost)


def test_a_cache_is_worth_it_if_cached_answers_are_faster() -> None:
    assert (_plan(0.1).worth_it, _plan(0.11).worth_it) == (False, True)
    assert _plan(0.1).advice == (
        "A cache is not worth it here: the median live answer takes 0.10 ms and the median cached answer "
        "0.10 ms. HYBRID_RECS_HOT_MAX_ITEMS=0 serves everything live."
    )


def test_the_fewest_items_that_reach_the_target() -> None:
    assert (_plan(2.0).target_items, _plan(2.0, target=0.96).target_items) == (3, None)
    assert _plan(2.0).advice == "3 items (0.0 MB in Redis) reach 90%; the knee is at 1 (60.0%)."
    assert _plan(2.0, target=0.96).advice == (
        "No hot set reaches 96%: lists for all 3 items would reach 95.0%. 5.0% of the requests were for "
        "items without a vector, which a rebuild with newer data would add. The knee is at 1 (60.0%)."
    )


def test_the_advice_compares_the_current_hot_set_with_the_target() -> None:
    assert _plan(2.0, hot=3).advice.endswith(" Today's 3 are enough (95.0%).")
    assert _plan(2.0, hot=1).advice.endswith(
        " Today's 1 reach 60.0%. To reach the target at once, rebuild with HYBRID_RECS_HOT_SHARE=1 "
        "HYBRID_RECS_HOT_MAX_ITEMS=3."
    )
    assert plan(_traffic([]), 0.9).advice.startswith("No requests were counted")


def test_figures_of_a_plan() -> None:
    times = AnswerTimes(0.1, 2.1, "here")
    result = plan(
        _traffic([60, 20, 20]), 0.8, 1, live=LiveCost(3.0, 2, 4, 1), cost=ListCost(1_000, 0.1), times=times
    )
    (today,) = [size for size in result.sizes if "today" in size.what]
    assert (today.items, today.hit_rate, today.redis_mb) == (1, 0.6, 0.001)
    assert today.cpu_seconds == pytest.approx(60 * 3e-3)
    assert today.mean_ms == pytest.approx(0.6 * 0.1 + 0.4 * 2.1)
    assert (result.target_items, result.most, result.worth_it) == (2, 1, True)
    assert "| 1 | 60.0% | 0.00 | 0.2 s | 0.900 | 50%, knee, today |" in plan_markdown(result)
    static = result.curve(Policy.STATIC)
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
    with pytest.raises(DatasetError, match="no line is a request for"):
        item_requests(tmp_path / "other.log")
