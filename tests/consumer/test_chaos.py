"""Events through a service, consumers and a Redis that are killed on the way: all count, none twice."""

from pathlib import Path

import pytest

from benchmarks.events_chaos import run
from tests.planted import item_id


@pytest.mark.slow
def test_all_count_and_none_twice(index_dir: Path) -> None:
    items = [item_id(world, place) for world in range(8) for place in range(10)]
    figures = run(index_dir, items, 10_000, kills=True, seconds_between=0.7)
    assert figures["exact"], figures
    assert set(figures["kills"]) == {"consumer", "service", "redis"}
    assert figures["batches_sent_again"] > 0
