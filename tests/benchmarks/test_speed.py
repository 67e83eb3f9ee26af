"""Turns, rows and the report; the check of answers, on a real generation."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.speed import paths, report
from benchmarks.speed.answers import Verdict, judge, valid_answers
from benchmarks.speed.peers import least_effort
from benchmarks.speed.process import family, pss
from benchmarks.speed.rig import Rig
from benchmarks.speed.rows import Part, Row, at_least, at_most, run_part
from benchmarks.speed.turns import ratio, take_turns
from hybrid_recs.generation.generation import Generation
from hybrid_recs.types import Floats, Rows

_NO_RIG = cast(Rig, None)


def test_contenders_take_turns_after_a_warm_up_each() -> None:
    calls: list[str] = []

    def measured(name: str, figure: float) -> float:
        calls.append(name)
        return figure * len(calls)

    figures = take_turns(2, {"a": lambda: measured("a", 1), "b": lambda: measured("b", 10)})
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert figures == {"a": [3, 5], "b": [40, 60]}


def test_ratio_is_of_the_same_round() -> None:
    """A machine that slows down by half for both leaves the ratio as it is."""
    assert ratio({"a": [10, 5, 10], "b": [20, 10, 20]}, "a", "b") == 0.5


def test_a_row_that_fails_is_reported_and_those_before_it_stay() -> None:
    def run(_: Rig) -> Iterator[Row]:
        yield at_least("first", "what", 0.9, 0.8, {})
        raise RuntimeError("the server fell over")

    rows = list(run_part(Part(["first", "second"], run), _NO_RIG))
    assert [(row.id, row.figure, row.met) for row in rows] == [("first", 0.9, True), ("second", None, None)]
    assert rows[1].error == "RuntimeError: the server fell over"


def test_a_target_is_met_only_with_all_its_conditions() -> None:
    assert at_least("a", "", 0.8, 0.8, {}).met
    assert not at_least("a", "", 0.79, 0.8, {}).met
    assert at_most("a", "", 2.0, 2, {}).met
    assert not at_most("a", "", 1.0, 2, {}, also=False).met


def test_report_has_one_line_and_one_entry_a_row(tmp_path: Path) -> None:
    rows = [
        at_least("hot", "hot over ceiling", 0.5, 0.8, {"ours requests/s": 1000.0}),
        Row("broken", "failed", None, "", "", None, error="OSError: no\nmore"),
    ]
    report.write(tmp_path, rows, {"cores": 2}, {"python": "3"})
    text = (tmp_path / "results.md").read_text()
    assert "| hot | hot over ceiling | 0.5 × | ≥ 0.8 | **no** |" in text
    assert "| broken | failed | error: OSError: no |  | – |" in text
    content = json.loads((tmp_path / "results.json").read_text())
    assert set(content) == {"machine", "versions", "rows"}
    assert content["rows"][0]["absolute"] == {"ours requests/s": 1000.0}
    assert content["rows"][1]["error"] == "OSError: no\nmore"


def test_tail_is_distinct_and_never_hot(generation: Generation, built_index: Path) -> None:
    folder = built_index / "generations" / generation.id
    rows = paths.tail(folder, 1_000)
    assert len(np.unique(rows)) == len(rows)
    assert rows.min() >= generation.manifest.vectors // 2


def test_zipf_draws_by_place(generation: Generation, built_index: Path) -> None:
    drawn = paths.zipf(built_index / "generations" / generation.id, 50_000)
    counts = np.bincount(drawn, minlength=generation.manifest.vectors)
    harmonic = (1 / np.arange(1, generation.manifest.vectors + 1)).sum()
    for place in (1, 2, 5):
        assert counts[place - 1] / len(drawn) == pytest.approx(1 / place / harmonic, rel=0.1)


def _body(generation: str, items: set[tuple[tuple[str, float], ...]]) -> dict[str, Any]:
    listed = [{"item_id": item_id, "score": score} for item_id, score in next(iter(items))]
    return {"generation": generation, "items": listed}


def test_a_planted_mixed_answer_is_found(generation: Generation, built_index: Path) -> None:
    """Two generations that differ in all answers; one item of the other's list is put into an answer."""
    folder = built_index / "generations" / generation.id
    ours = valid_answers(folder, [0, 1])
    path, other_path = list(ours)
    theirs = {path: ours[other_path], other_path: ours[path]}
    valid = {generation.id: ours, "other": theirs}
    body = _body(generation.id, ours[path])
    assert judge(json.dumps(body).encode(), path, valid) == Verdict(generation.id, True)
    assert not judge(json.dumps(body | {"generation": "other"}).encode(), path, valid).whole
    assert not judge(json.dumps(body | {"generation": "third"}).encode(), path, valid).whole
    body["items"][3] = _body("other", theirs[path])["items"][3]
    assert not judge(json.dumps(body).encode(), path, valid).whole


class _Shelf:
    """Finds the first `effort` of ten rows, and no more than `most`."""

    def __init__(self, most: int) -> None:
        self._most, self._effort = most, 0

    def set_effort(self, effort: int) -> None:
        self._effort = effort

    def search(self, row: int, k: int) -> tuple[Rows, Floats]:
        found = row + np.arange(min(self._effort, self._most, k))
        return found, np.zeros(len(found), np.float32)


@pytest.mark.parametrize(
    ("most", "bound", "effort"),
    [
        (10, 0.95, 8),  # the next, 11, finds all ten
        (10, 1.0, 11),
        (4, 1.0, 4),  # more effort gains nothing
        (10, 0.05, 1),  # even the least is above
    ],
)
def test_a_peer_gets_the_least_effort_that_reaches_our_recall(most: int, bound: float, effort: int) -> None:
    exact = [set(range(10))]
    assert least_effort(_Shelf(most), np.zeros(1, np.int64), exact, bound) == effort


def test_a_process_weighs_something_and_heads_its_family() -> None:

    assert family(os.getpid())[0] == os.getpid()
    assert pss(os.getpid()) > 1_000_000
