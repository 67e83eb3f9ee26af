"""Every finding at its threshold, the most urgent first, and its sentence once."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from hybrid_recs.telemetry.hit_rate_advice import (
    Figures,
    Finding,
    LargerHotSet,
    hit_rate_advice,
    larger_hot_set,
)
from hybrid_recs.types import Outcome

_GOOD = Figures(
    requests=1_000,
    live={Outcome.TAIL: 0.004},
    older=0.0,
    unknown=0.0,
    cached_ms=0.2,
    live_ms=3.0,
    missed=[2, 1, 1],
)


def _found(figures: Figures) -> Finding:
    return hit_rate_advice(figures).finding


@pytest.mark.parametrize(
    ("live", "finding"),
    [
        ({Outcome.CACHE_UNAVAILABLE: 0.011, Outcome.LIST_MISSING: 0.5}, Finding.REDIS_UNREACHABLE),
        ({Outcome.CACHE_UNAVAILABLE: 0.01, Outcome.LIST_MISSING: 0.03}, Finding.LISTS_MISSING),
        ({Outcome.LIST_MISSING: 0.006, Outcome.RISING_LIST_MISSING: 0.006}, Finding.LISTS_MISSING),
        ({Outcome.LIST_NOT_LOADED: 0.02, Outcome.LIST_MISSING: 0.01}, Finding.LISTS_NOT_LOADED),
        ({Outcome.LIST_NOT_LOADED: 0.01}, Finding.HOT_SET_SUFFICIENT),
        ({Outcome.LIST_TOO_SHORT: 0.9, Outcome.COMPOSED: 0.1}, Finding.HOT_SET_SUFFICIENT),
        ({None: 0.2, Outcome.TAIL: 0.2}, Finding.HOT_SET_TOO_SMALL),
    ],
)
def test_lost_lists_come_first(live: Mapping[Outcome | None, float], finding: Finding) -> None:
    assert _found(replace(_GOOD, live=live)) is finding


def test_the_other_findings() -> None:
    assert _found(replace(_GOOD, requests=0)) is Finding.NO_REQUESTS
    assert _found(replace(_GOOD, older=0.02, unknown=0.5)) is Finding.OLDER_GENERATION
    assert _found(replace(_GOOD, older=0.01, unknown=0.11, live_ms=0.1)) is Finding.UNKNOWN_ITEMS
    assert _found(replace(_GOOD, unknown=0.1, live_ms=0.2)) is Finding.CACHE_NOT_FASTER
    assert _found(replace(_GOOD, live_ms=None)) is Finding.HOT_SET_SUFFICIENT
    assert _found(_GOOD) is Finding.HOT_SET_SUFFICIENT


def test_half_of_the_ordinary_misses() -> None:
    figures = replace(_GOOD, live={None: 0.4, Outcome.RISING: 0.1}, missed=[11, 10, 10, 9])
    assert larger_hot_set(figures).items == 2
    assert larger_hot_set(figures).gain == pytest.approx(0.21)
    assert larger_hot_set(replace(figures, missed=[])) == LargerHotSet(0, 0.0)


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        (
            replace(_GOOD, requests=0),
            "No item requests were counted in this window: send some to /recommendations?item_id=…",
        ),
        (
            replace(_GOOD, live={Outcome.CACHE_UNAVAILABLE: 0.08}),
            "Redis was unreachable for 8.0% of the requests: fix this first.",
        ),
        (
            replace(_GOOD, live={Outcome.LIST_MISSING: 0.03}),
            "Lists of hot items were missing for 3.0% of the requests: Redis evicted or lost them; give it "
            "more memory or make the hot set smaller.",
        ),
        (
            replace(_GOOD, live={Outcome.LIST_NOT_LOADED: 0.02}),
            "2.0% of the requests were for hot items whose lists were not in Redis yet: check the service's "
            "log, unless it has only just started or Redis was emptied.",
        ),
        (
            replace(_GOOD, older=0.02),
            "2.0% of the requests were answered by a generation that is not the published one: check the "
            "service's log for why the published one cannot be loaded.",
        ),
        (
            replace(_GOOD, unknown=0.2),
            "20.0% of the requests were for unknown items: rebuild the index with newer data.",
        ),
        (
            replace(_GOOD, cached_ms=0.3, live_ms=0.2),
            "The median live answer took 0.20 ms and the median cached answer 0.30 ms: at this size and load "
            "the cache saves no time, and a larger hot set would save none either.",
        ),
        (
            replace(_GOOD, live={None: 0.4}, missed=[11, 10, 10, 9]),
            "2 more hot items would have raised the hit rate by 21.0 points (half of the ordinary misses): "
            "raise HYBRID_RECS_HOT_SHARE and rebuild, or leave it if live answers are fast enough.",
        ),
        (_GOOD, "The hot set covers nearly all requests: nothing to do."),
    ],
)
def test_sentences(figures: Figures, text: str) -> None:
    assert hit_rate_advice(figures).text == text
