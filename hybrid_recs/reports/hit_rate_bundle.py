"""The whole hit-rate report: the counts of a window, a plan, drift, and outage headroom."""

import os
import time
from dataclasses import asdict, dataclass

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.reports.drift import Drift, drift
from hybrid_recs.reports.planner import gather
from hybrid_recs.reports.planner.costs import live_cost
from hybrid_recs.reports.planner.outage_headroom import OutageHeadroom, headroom
from hybrid_recs.reports.planner.plan import Plan
from hybrid_recs.telemetry import counter_reader
from hybrid_recs.telemetry.hit_rates import HitRateReport, hit_rate_report
from hybrid_recs.types import Json


@dataclass(frozen=True, slots=True)
class HitRateBundle:
    """The counts and, if a generation is in service, what is derived from them."""

    counts: HitRateReport
    plan: Plan | None
    drift: Drift | None
    headroom: OutageHeadroom | None

    def as_json(self) -> Json:
        """The fields of the hit-rate report and, on the same level, the other parts."""
        return asdict(self.counts) | {"plan": self.plan, "drift": self.drift, "headroom": self.headroom}


def hit_rate_bundle(
    client: redis.Redis,
    keys: Keys,
    serving: Generation | None,
    admitted_after: int,
    seconds: int,
    target: float,
    counted_generation: str | None = None,
    now: float | None = None,
    cores: int | None = None,
) -> HitRateBundle:
    """Read the counters of the last `seconds` and measure the costs; takes about a second.

    serving: the generation in service, None before there is one. admitted_after: requests after which an item
    gets a list. counted_generation: count only the answers of this generation. cores: of the service, for the
    headroom; None: those of this machine.
    """
    now = time.time() if now is None else now
    counts = hit_rate_report(
        client, keys, seconds, lambda item: _title(serving, item), counted_generation, now
    )
    if serving is None:
        return HitRateBundle(counts, None, None, None)
    hours = counter_reader.hours_of(counter_reader.minutes_of(seconds, now))
    traffic, times = gather.traffic_from_counters(client, keys, serving, seconds, now)
    live = live_cost(serving)
    return HitRateBundle(
        counts=counts,
        plan=gather.make_plan(traffic, target, keys, admitted_after, serving, client, times, live),
        drift=drift(serving, counter_reader.items_by_hour(client, keys.requested, hours)),
        headroom=None
        if live is None
        else headroom(live, counts.peak_per_second, cores or os.cpu_count() or 1),
    )


def _title(generation: Generation | None, item_id: str) -> str | None:
    row = None if generation is None else generation.catalogue.row(item_id)
    return None if generation is None or row is None else generation.catalogue.title(row)
