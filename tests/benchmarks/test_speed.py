"""Interleaved rounds, results and the report; the response check on a real generation."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.speed import report, traffic
from benchmarks.speed.harness import Harness
from benchmarks.speed.interleaving import measure_interleaved, ratio
from benchmarks.speed.peers import min_effort
from benchmarks.speed.response_check import Verdict, check_response, valid_responses
from benchmarks.speed.results import Benchmark, Result, at_least, at_most, run_benchmark
from benchmarks.speed.startup_and_memory import process_tree, pss
from hybrid_recs.generation.generation import Generation
from hybrid_recs.types import Floats, Rows

_NO_HARNESS = cast(Harness, None)


def test_rounds_are_interleaved_after_a_warm_up_of_each_contender() -> None:
    calls: list[str] = []

    def measured(name: str, figure: float) -> float:
        calls.append(name)
        return figure * len(calls)

    figures = measure_interleaved(2, {"a": lambda: measured("a", 1), "b": lambda: measured("b", 10)})
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert figures == {"a": [3, 5], "b": [40, 60]}


def test_ratio_compares_figures_of_the_same_round() -> None:
    """A machine that is half as fast for both does not change the ratio."""
    assert ratio({"a": [10, 5, 10], "b": [20, 10, 20]}, "a", "b") == 0.5


def test_a_failure_is_reported_and_earlier_results_stay() -> None:
    def run(_: Harness) -> Iterator[Result]:
        yield at_least("first", "what", 0.9, 0.8, {})
        raise RuntimeError("the server fell over")

    rows = list(run_benchmark(Benchmark(["first", "second"], run), _NO_HARNESS))
    assert [(row.id, row.figure, row.met) for row in rows] == [("first", 0.9, True), ("second", None, None)]
    assert rows[1].error == "RuntimeError: the server fell over"


def test_a_target_is_met_only_with_all_its_conditions() -> None:
    assert at_least("a", "", 0.8, 0.8, {}).met
    assert not at_least("a", "", 0.79, 0.8, {}).met
    assert at_most("a", "", 2.0, 2, {}).met
    assert not at_most("a", "", 1.0, 2, {}, also=False).met


def test_report_has_a_line_and_an_entry_per_row(tmp_path: Path) -> None:
    rows = [
        at_least("hot", "hot over ceiling", 0.5, 0.8, {"ours requests/s": 1000.0}),
        Result("broken", "failed", None, "", "", None, error="OSError: no\nmore"),
    ]
    page, data = tmp_path / "speed.md", tmp_path / "results.json"
    report.write(page, data, rows, {"cores": 2}, {"python": "3"})
    text = page.read_text()
    assert "| hot | hot over ceiling | 0.5 × | ≥ 0.8 | **no** |" in text
    assert "| broken | failed | error: OSError: no |  | – |" in text
    content = json.loads(data.read_text())
    assert set(content) == {"machine", "versions", "rows"}
    assert content["rows"][0]["absolute"] == {"ours requests/s": 1000.0}
    assert content["rows"][1]["error"] == "OSError: no\nmore"


def test_tail_rows_are_distinct_and_never_hot(generation: Generation, built_index: Path) -> None:
    folder = built_index / "generations" / generation.id
    rows = traffic.tail_rows(folder, 1_000)
    assert len(np.unique(rows)) == len(rows)
    assert rows.min() >= generation.manifest.vectors // 2


def test_zipf_draws_by_popularity_rank(generation: Generation, built_index: Path) -> None:
    drawn = traffic.zipf_rows(built_index / "generations" / generation.id, 50_000)
    counts = np.bincount(drawn, minlength=generation.manifest.vectors)
    harmonic = (1 / np.arange(1, generation.manifest.vectors + 1)).sum()
    for rank in (1, 2, 5):
        assert counts[rank - 1] / len(drawn) == pytest.approx(1 / rank / harmonic, rel=0.1)


def _body(generation: str, items: set[tuple[tuple[str, float], ...]]) -> dict[str, Any]:
    listed = [{"item_id": item_id, "score": score} for item_id, score in next(iter(items))]
    return {"generation": generation, "items": listed}


def test_a_planted_mixed_response_is_detected(generation: Generation, built_index: Path) -> None:
    """Two generations differ in all responses; an item of the other's list is put into a response."""
    folder = built_index / "generations" / generation.id
    ours = valid_responses(folder, [0, 1])
    path, other_path = list(ours)
    theirs = {path: ours[other_path], other_path: ours[path]}
    valid = {generation.id: ours, "other": theirs}
    body = _body(generation.id, ours[path])
    assert check_response(json.dumps(body).encode(), path, valid) == Verdict(generation.id, True)
    assert not check_response(json.dumps(body | {"generation": "other"}).encode(), path, valid).whole
    assert not check_response(json.dumps(body | {"generation": "third"}).encode(), path, valid).whole
    body["items"][3] = _body("other", theirs[path])["items"][3]
    assert not check_response(json.dumps(body).encode(), path, valid).whole


class _FakePeer:
    """Finds the first `effort` rows of ten, but at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit, self._effort = limit, 0

    def set_effort(self, effort: int) -> None:
        self._effort = effort

    def search(self, row: int, k: int) -> tuple[Rows, Floats]:
        rows = row + np.arange(min(self._effort, self._limit, k))
        return rows, np.zeros(len(rows), np.float32)


@pytest.mark.parametrize(
    ("limit", "bound", "effort"),
    [
        (10, 0.95, 8),  # the next, 11, finds all ten
        (10, 1.0, 11),
        (4, 1.0, 4),  # more effort gains nothing
        (10, 0.05, 1),  # even the lowest is above
    ],
)
def test_a_peer_gets_the_lowest_effort_that_reaches_our_recall(limit: int, bound: float, effort: int) -> None:
    exact = [set(range(10))]
    assert min_effort(_FakePeer(limit), np.zeros(1, np.int64), exact, bound) == effort


def test_a_process_has_memory_and_heads_its_process_tree() -> None:
    assert process_tree(os.getpid())[0] == os.getpid()
    assert pss(os.getpid()) > 1_000_000
