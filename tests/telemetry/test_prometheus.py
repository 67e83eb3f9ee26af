"""What the workers hold, as /metrics tells it."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.telemetry.counter_fields import Field
from hybrid_recs.telemetry.prometheus import exposition
from hybrid_recs.telemetry.request_recorder import CounterDelta
from hybrid_recs.telemetry.shared_counters import SharedCounters, WorkerGauges
from hybrid_recs.types import Outcome, Source
from tests.planted import item_id
from tests.services import OwnRedis, wait_until

HOT = [item_id(world, 0) for world in range(5)]
TAIL = item_id(1, 29)

OTHER_WORKER = """
import sys
from pathlib import Path
from hybrid_recs.telemetry.shared_counters import WorkerGauges, SharedCounters
SharedCounters(Path(sys.argv[1])).set_gauges(WorkerGauges(30, 400, 5))
print("held", flush=True)
sys.stdin.read()
"""


def _held(text: str) -> WorkerGauges:
    found = dict(re.findall(r"^hybrid_recs_(local_answers|local_bytes|rising_items) (\S+)$", text, re.M))
    return WorkerGauges(**{name: int(float(value)) for name, value in found.items()})


def test_held_is_the_sum_over_workers_that_run(tmp_path: Path) -> None:
    counters = SharedCounters(tmp_path)
    counters.set_gauges(WorkerGauges(1, 20, 3))
    command = [sys.executable, "-c", OTHER_WORKER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert _held(exposition(counters, None).decode()) == WorkerGauges(31, 420, 8)
        other.kill()
    assert _held(exposition(counters, None).decode()) == WorkerGauges(1, 20, 3)
    counters.set_gauges(WorkerGauges(0, 0, 1))  # a gauge: the last word, not a sum over time
    assert _held(exposition(counters, None).decode()) == WorkerGauges(0, 0, 1)


def test_what_an_ended_worker_counted_stays(tmp_path: Path) -> None:
    counters = SharedCounters(tmp_path)
    counters.add(CounterDelta(Counter({Field("g", Source.CACHE, Outcome.HIT): 7}), {}), 2)
    counters.set_gauges(WorkerGauges(1, 20, 3))
    (path,) = tmp_path.glob("worker-*.bin")
    ended = subprocess.Popen(["true"])
    ended.wait()
    path.rename(tmp_path / f"worker-{ended.pid}.bin")
    text = exposition(counters, None).decode()
    assert 'hybrid_recs_requests_total{reason="",source="cache"} 7.0' in text
    assert "hybrid_recs_cache_errors_total 2.0" in text
    assert _held(text) == WorkerGauges(0, 0, 0)


def test_a_service_tells_what_it_holds(
    environment: dict[str, str], own_redis: OwnRedis, generation: Generation, keys: Keys, tmp_path: Path
) -> None:
    environment["HYBRID_RECS_LOCAL_CACHE_MB"] = "1"
    with child_service(tmp_path / "log", environment) as service, httpx.Client(base_url=service.url) as http:

        def ask(item: str) -> httpx.Response:
            return http.get("/recommendations", params={"item_id": item})

        assert _held(http.get("/metrics").text) == WorkerGauges(0, 0, 0)
        with connect(own_redis.url) as client:
            wait_until(lambda: bool(client.exists(keys.ready(generation.id))), what="lists in Redis")
        sizes = [len(ask(hot).content) + len(hot) + 250 for hot in HOT for _ in range(2)]
        assert _held(http.get("/metrics").text) == WorkerGauges(5, sum(sizes) // 2, 0)
        wait_until(lambda: ask(TAIL).json()["source"] == "cache", what="a rising item")
        held = _held(http.get("/metrics").text)
        assert (held.local_answers, held.rising_items) == (6, 1)
