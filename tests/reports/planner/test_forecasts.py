"""The planner's predictions against what the real service then does, and costs against the real Redis."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis
from click.testing import CliRunner

from benchmarks.publish import publish_copy_with_hot
from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cli import main
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.demo.replay import ReplayResult, send, skewed_requests
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.reports.planner.costs import list_cost, sample_lists
from hybrid_recs.telemetry.hit_rates import HitRateReport, hit_rate_report
from hybrid_recs.telemetry.item_sampler import MAX_SAMPLED_PER_ROUND
from hybrid_recs.types import Json
from tests.services import wait_until

SIZES = (10, 50, 150)
REQUESTS = 1_000
_WITH_SIZES = [f"--size={size}" for size in SIZES]


@pytest.fixture
def service(index_dir: Path, redis_url: str, keys: Keys, tmp_path: Path) -> Iterator[ChildService]:
    environment = _environment(index_dir, redis_url, keys) | {
        "HYBRID_RECS_VAR_DIR": str(tmp_path / "var"),
        "HYBRID_RECS_FLUSH_SECONDS": "0.2",
        "HYBRID_RECS_POLL_SECONDS": "0.1",
        # On a busy machine a slow Redis must not turn hits into misses.
        "HYBRID_RECS_REDIS_TIMEOUT_MS": "5000",
    }
    with child_service(tmp_path / "log", environment) as running:
        yield running


def _environment(index_dir: Path, redis_url: str, keys: Keys) -> dict[str, str]:
    return {
        "HYBRID_RECS_INDEX_DIR": str(index_dir),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": keys.prefix,
        "HYBRID_RECS_RISING_MAX_ITEMS": "0",
    }


def _zipf_requests(generation: Generation) -> list[str]:
    ids = [generation.catalogue.item_id(row) for row in range(len(generation.catalogue))] + ["nobody's"]
    return skewed_requests(ids, (1 / (1 + np.arange(len(ids))) ** 0.8).tolist(), REQUESTS, 4)


def test_predicted_hit_rates_are_measured_at_three_sizes(
    service: ChildService, index_dir: Path, redis_url: str, client: redis.Redis, keys: Keys, tmp_path: Path
) -> None:
    """Predicted from a log before anything is asked, and from the counters of the first replay."""
    store = GenerationStore(index_dir)
    before = store.open_current()
    requests = _zipf_requests(before)
    (tmp_path / "ids.log").write_text("\n".join(requests))
    of_log = _plan(index_dir, redis_url, keys, "--log", str(tmp_path / "ids.log"))
    of_counters: Json = {}
    for items in SIZES:
        copy = publish_copy_with_hot(store, before, f"{before.id}-{items}", items)
        wait_until(lambda name=copy.id: bool(client.exists(keys.ready(name))), what="lists in Redis")  # type: ignore[misc]
        outcome = _send_in_parts(service, requests, client, keys, copy.id)
        measured = _counted(client, keys, copy.id).hit_rate
        assert measured == pytest.approx(outcome.sources["cache"] / REQUESTS)
        of_counters = of_counters or _plan(index_dir, redis_url, keys)
        for plan in (of_log, of_counters):
            (predicted,) = [size["hit_rate"] for size in plan["sizes"] if size["items"] == items]
            assert predicted == pytest.approx(measured, abs=0.01)
    assert of_counters["requests"] == REQUESTS
    assert of_counters["hot_items"] == SIZES[0]


def _send_in_parts(
    service: ChildService, requests: list[str], client: redis.Redis, keys: Keys, generation: str
) -> ReplayResult:
    """Few enough between two flushes that every request is counted by item: more would be sampled."""
    outcome = ReplayResult()
    for start in range(0, REQUESTS, MAX_SAMPLED_PER_ROUND // 2):
        outcome += send(service.url, requests[start : start + MAX_SAMPLED_PER_ROUND // 2])
        sent = outcome.sources.total()
        wait_until(lambda sent=sent: _counted(client, keys, generation).requests == sent, what="counts")  # type: ignore[misc]
    assert outcome.sources.total() == REQUESTS
    return outcome


def _counted(client: redis.Redis, keys: Keys, generation: str) -> HitRateReport:
    return hit_rate_report(client, keys, 3_600, lambda _: None, generation)


def _plan(index_dir: Path, redis_url: str, keys: Keys, *options: str) -> Json:
    done = CliRunner().invoke(
        main,
        ["plan", "--format", "json", *_WITH_SIZES, *options],
        env=_environment(index_dir, redis_url, keys),
    )
    assert done.exit_code == 0, done.output
    plan: Json = json.loads(done.stdout)
    return plan


def test_bytes_of_a_list_are_what_redis_grows_by(
    generation: Generation, client: redis.Redis, keys: Keys, tmp_path: Path
) -> None:
    cost = list_cost(client, keys, *sample_lists(generation, 100))
    url = embedded_server.ensure_running(tmp_path / "own")
    try:
        with connect(url) as own:
            empty = own.info("memory")["used_memory"]
            pipeline = own.pipeline(transaction=False)
            for at in range(4_096):  # a power of two: tables neither half empty nor about to double
                encoded = generation.hot.encoded(int(generation.hot.rows[at % len(generation.hot)]))
                pipeline.set(keys.neighbours(generation.id, f"{at:04}"), encoded or b"", ex=100)
            pipeline.execute()
            grown = (own.info("memory")["used_memory"] - empty) / 4_096
    finally:
        embedded_server.stop(tmp_path / "own")
    assert cost.bytes == pytest.approx(grown, rel=0.15)
    assert 0 < cost.read_ms < 50
    assert list(client.scan_iter(f"{keys.prefix}:*")) == []


def test_planning_without_redis_and_without_a_generation(tmp_path: Path) -> None:
    (tmp_path / "ids.log").write_text("\n".join(["a", "b", "a", "a"] * 50))
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(tmp_path / "none"),
        "HYBRID_RECS_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    done = CliRunner().invoke(main, ["plan", "--log", str(tmp_path / "ids.log")], env=environment)
    assert done.exit_code == 0, done.output
    assert "2 items reach 90%" in done.output
    refused = CliRunner().invoke(main, ["plan"], env=environment)
    assert refused.exit_code == 1
    assert "no generation is published, so there are no counters; try --log or --dataset" in refused.output
