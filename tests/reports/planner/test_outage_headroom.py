"""Queueing figures against their formulas, and the advice for an outage."""

import math

import pytest

from hybrid_recs.reports.planner.costs import LiveCost
from hybrid_recs.reports.planner.outage_headroom import HTTP_SECONDS, erlang_c, headroom, waiting_quantile


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
def test_erlang_c_of_one_and_two_servers(load: float) -> None:
    assert erlang_c(load, 1) == pytest.approx(load)
    assert erlang_c(load, 2) == pytest.approx(2 * load**2 / (1 + load))


def test_erlang_c_of_a_table() -> None:
    assert erlang_c(0.8, 10) == pytest.approx(0.4092, abs=5e-5)
    assert erlang_c(0.0, 4) == 0


def test_waiting_time_of_one_server() -> None:
    assert waiting_quantile(0.5, 1, 0.01, 0.99) == pytest.approx(math.log(0.5 / 0.01) * 0.01 / 0.5)
    assert waiting_quantile(0.005, 1, 0.01, 0.99) == 0


def _live(milliseconds: float) -> LiveCost:
    return LiveCost(milliseconds - HTTP_SECONDS * 1e3, milliseconds, 2 * milliseconds, None)


def test_a_peak_that_can_be_served() -> None:
    result = headroom(_live(1.0), 500, 2)
    assert (result.capacity_per_second, result.load, result.carried) == (2_000, 0.25, 1)
    assert result.p99_ms == pytest.approx(2.05 + 1e3 * waiting_quantile(0.25, 2, 1e-3, 0.99), abs=1e-3)
    assert result.advice == (
        "Without Redis, live search can serve 4 times the peak of 500.0 requests/s, with a p99 of about 3.6 "
        "ms at the peak."
    )


def test_a_peak_that_cannot_be_served() -> None:
    result = headroom(_live(10.0), 400, 2)
    assert (result.capacity_per_second, result.load, result.carried) == (200, 2, 0.5)
    assert result.advice == (
        "Without Redis, live search can serve 50% of the peak of 400.0 requests/s: 5 cores would serve all "
        "of it at 80 % load."
    )


def test_no_requests() -> None:
    assert headroom(_live(1.0), 0, 2).advice.startswith("No requests were counted")
