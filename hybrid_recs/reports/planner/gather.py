"""Gathers the input of a plan: counters or a trace, the serving generation, and measured costs."""

import contextlib
from collections import Counter
from collections.abc import Sequence

import redis

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.reports.planner import traffic
from hybrid_recs.reports.planner.costs import ListCost, LiveCost, list_cost, live_cost, sample_lists
from hybrid_recs.reports.planner.plan import AnswerTimes, Plan, plan
from hybrid_recs.reports.planner.traffic import Traffic
from hybrid_recs.telemetry import counter_reader, latency_histogram
from hybrid_recs.types import Source

LIST_DEPTH = 100
_MIN_TIMED = 100


def traffic_from_counters(
    client: redis.Redis, keys: Keys, generation: Generation, seconds: int, now: float
) -> tuple[Traffic, AnswerTimes | None]:
    """Requests and answer times of the window, in whole hours, because items are counted by the hour."""
    hours = counter_reader.hours_of(counter_reader.minutes_of(seconds, now))
    minutes = range(hours.start * 60, hours.stop * 60)
    answered: Counter[Source] = Counter()
    buckets = {source: [0] * latency_histogram.BUCKETS for source in Source}
    for _, field, count in counter_reader.read_counters(client, keys, minutes):
        if field.bucket < 0:
            answered[field.source] += count
        else:
            buckets[field.source][min(field.bucket, latency_histogram.BUCKETS - 1)] += count
    requested = counter_reader.sum_of_hours(counter_reader.items_by_hour(client, keys.requested, hours))
    counted = traffic.traffic_from_counts(
        requested,
        answered.total(),
        answered.total() - answered[Source.CACHE] - answered[Source.LIVE],
        generation.catalogue.row,
        generation.manifest.vectors,
        f"the service's counters of {hours.stop - hours.start} hours",
    )
    return counted, _answer_times(buckets[Source.CACHE], buckets[Source.LIVE])


def traffic_from_log(item_ids: Sequence[str], generation: Generation | None, source: str) -> Traffic:
    """Requests of an access log; popularity comes from the serving generation, or from the first half of the
    log."""
    if generation is None:
        return traffic.traffic_from_split_trace(item_ids, 0.5, source)
    description = f"{source}; hot sets by the popularity in generation {generation.id}"
    return traffic.traffic_from_trace(
        item_ids, generation.catalogue.row, generation.manifest.vectors, description
    )


def traffic_from_dataset(item_ids: Sequence[str], source: str) -> Traffic:
    """The interactions themselves as requests: the hot set is chosen from the first nine tenths, and the last
    tenth is counted. A generation trained on all of them would have seen its own test data."""
    return traffic.traffic_from_split_trace(item_ids, 0.9, source)


def make_plan(
    counted: Traffic,
    target: float,
    keys: Keys,
    admitted_after: int,
    generation: Generation | None,
    client: redis.Redis | None,
    times: AnswerTimes | None = None,
    live: LiveCost | None = None,
    further_sizes: Sequence[int] = (),
) -> Plan:
    """Measure costs where possible, and plan.

    admitted_after: requests after which an item gets a list; 0: never. live: if it was measured already.
    further_sizes: more rows of the table.
    """
    if live is None and generation is not None:
        live = live_cost(generation)
    return plan(
        counted,
        target,
        hot_items=None if generation is None else len(generation.hot),
        admitted_after=admitted_after,
        live=live,
        cost=_list_cost(client, keys, generation),
        times=times,
        further_sizes=further_sizes,
    )


def _list_cost(client: redis.Redis | None, keys: Keys, generation: Generation | None) -> ListCost | None:
    if client is not None:
        with contextlib.suppress(*UNREACHABLE):
            return list_cost(client, keys, *sample_lists(generation, LIST_DEPTH))
    return None


def _answer_times(cached: list[int], live: list[int]) -> AnswerTimes | None:
    """The service's median answer times in the window, if there are enough of both kinds."""
    if min(sum(cached), sum(live)) < _MIN_TIMED:
        return None
    medians = [latency_histogram.quantile(buckets, 0.5) or 0.0 for buckets in (cached, live)]
    return AnswerTimes(round(medians[0] * 1e3, 4), round(medians[1] * 1e3, 4), "by the service in the window")
