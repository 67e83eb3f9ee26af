"""Gathers what a plan is made of: counters or a trace, the serving generation, and measured costs."""

import contextlib
from collections import Counter
from collections.abc import Sequence

import redis

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.reports.planner import traffic
from hybrid_recs.reports.planner.costs import ListCost, LiveCost, list_cost, live_cost, sample_lists
from hybrid_recs.reports.planner.plan import Plan, Times, plan
from hybrid_recs.reports.planner.traffic import Traffic
from hybrid_recs.telemetry import counter_reader, latency_histogram
from hybrid_recs.types import Source

LIST_DEPTH = 100
_MIN_TIMED = 100


def of_counters(
    client: redis.Redis, keys: Keys, generation: Generation, seconds: int, now: float
) -> tuple[Traffic, Times | None]:
    """Requests and latencies of the window, by whole hours: items are counted by the hour."""
    hours = counter_reader.hours_of(counter_reader.minutes_of(seconds, now))
    minutes = range(hours.start * 60, hours.stop * 60)
    answered: Counter[Source] = Counter()
    buckets = {source: [0] * latency_histogram.BUCKETS for source in Source}
    for _, field, count in counter_reader.read_counters(client, keys, minutes):
        if field.bucket < 0:
            answered[field.source] += count
        else:
            buckets[field.source][min(field.bucket, latency_histogram.BUCKETS - 1)] += count
    asked = counter_reader.sum_of_hours(counter_reader.items_by_hour(client, keys.requested, hours))
    others = answered.total() - answered[Source.CACHE] - answered[Source.LIVE]
    found = traffic.of_counts(
        asked,
        answered.total(),
        others,
        generation.catalogue.row,
        generation.manifest.vectors,
        f"the service's counters of {hours.stop - hours.start} hours",
    )
    return found, _times(buckets[Source.CACHE], buckets[Source.LIVE])


def of_trace(item_ids: Sequence[str], generation: Generation | None, source: str) -> Traffic:
    """Of an access log: the serving generation says which items are popular, else the log's first half."""
    if generation is None:
        return traffic.of_trace_alone(item_ids, 0.5, source)
    said = f"{source}; hot sets as generation {generation.id} ranks its items"
    return traffic.of_trace(item_ids, generation.catalogue.row, generation.manifest.vectors, said)


def of_dataset(item_ids: Sequence[str], source: str) -> Traffic:
    """Of the interactions themselves. A generation that was learnt from them would know too much: the last
    tenth is counted, and the hot set is chosen from what was before."""
    return traffic.of_trace_alone(item_ids, 0.9, source)


def make_plan(
    found: Traffic,
    target: float,
    keys: Keys,
    admitted_after: int,
    generation: Generation | None,
    client: redis.Redis | None,
    times: Times | None = None,
    live: LiveCost | None = None,
    also: Sequence[int] = (),
) -> Plan:
    """Measure what can be measured, and plan.

    admitted_after: requests that give an item a list of its own; 0: none ever gets one. live: where it was
    measured already. also: more sizes to have in the table.
    """
    if live is None and generation is not None:
        live = live_cost(generation)
    return plan(
        found,
        target,
        hot_items=None if generation is None else len(generation.hot),
        admitted_after=admitted_after,
        live=live,
        cost=_list_cost(client, keys, generation),
        times=times,
        also=also,
    )


def _list_cost(client: redis.Redis | None, keys: Keys, generation: Generation | None) -> ListCost | None:
    if client is not None:
        with contextlib.suppress(*UNREACHABLE):
            return list_cost(client, keys, *sample_lists(generation, LIST_DEPTH))
    return None


def _times(cached: list[int], live: list[int]) -> Times | None:
    """What the service took in the window, if it answered enough each way."""
    if min(sum(cached), sum(live)) < _MIN_TIMED:
        return None
    p50 = [latency_histogram.quantile(buckets, 0.5) or 0.0 for buckets in (cached, live)]
    return Times(round(p50[0] * 1e3, 4), round(p50[1] * 1e3, 4), "by the service in the window")
