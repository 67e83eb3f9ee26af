"""The parity audit: are the lists that Redis serves still what a live answer would say, and is the index as
good for rare items as for popular ones?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_neighbours
from hybrid_recs.generation.vector_index import ExactIndex
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Neighbours, Rows

_DEPTH = 10
_BATCH = 256
# Shares of the interactions that the bands are about: the first half, the next 40 %, and the rest.
_BANDS = (("head", 0.5), ("middle", 0.9), ("tail", 1.0))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an audit must keep to; shares between 0 and 1, scores as they are served. A hidden, repeated or
    own item in a list is never allowed."""

    overlap: float = 0.95
    recall: float = 0.95
    missing: float = 0.01
    score: float = 0.01


@dataclass(frozen=True, slots=True)
class Lists:
    """Of `sampled` hot items: lists that Redis lacks or that are no lists; of the rest the mean overlap of
    their first ten with the live ten, the largest difference of a score of the same item, and the seconds
    since they were written (from their TTL). with_…: how many answers made from them hold a hidden item, how
    many lists one twice, or the item itself."""

    sampled: int
    missing: int
    unreadable: int
    overlap: float | None
    score_difference: float
    age_median_seconds: float | None
    age_max_seconds: float | None
    shortest_ttl_seconds: float | None
    with_hidden: int
    with_repeated: int
    with_itself: int


@dataclass(frozen=True, slots=True)
class Band:
    """Recall at 10 of the index against exact search, over `sampled` of the band's `items`; None of none."""

    name: str
    items: int
    sampled: int
    recall: float | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found; `broken` holds every bound that is not kept, in words."""

    generation: str
    lists: Lists
    bands: list[Band]
    broken: list[str] = field(default_factory=list)


def audit(
    client: redis.Redis,
    keys: Keys,
    recommender: Recommender,
    ttl_seconds: int,
    bounds: Bounds,
    sample: int = 500,
    hidden: frozenset[int] = frozenset(),
    seed: int = 1,
) -> Audit:
    """Compare a random sample with live answers; raises what the client raises.

    recommender: as the service has it. ttl_seconds: what lists are written with. hidden: rows that may not
    be recommended: a stored list may hold some, an answer made from it must not.
    """
    generation = recommender.generation
    rng = np.random.default_rng(seed)
    lists = _audit_lists(
        client,
        keys,
        recommender,
        ttl_seconds,
        _some(rng, generation.hot.rows.astype(np.int64), sample),
        hidden,
    )
    bands = _audit_bands(rng, generation, sample)
    return Audit(generation.id, lists, bands, broken(lists, bands, bounds))


def broken(lists: Lists, bands: list[Band], bounds: Bounds) -> list[str]:
    """Every bound that is not kept, beside what was found."""
    found = []
    lacking = (lists.missing + lists.unreadable) / max(lists.sampled, 1)
    if lacking > bounds.missing:
        found.append(f"{lacking:.1%} of the lists are missing or unreadable, {bounds.missing:.1%} may be")
    # Not "less than": a figure that is not a number keeps no bound.
    if lists.overlap is not None and not lists.overlap >= bounds.overlap:
        found.append(f"overlap@10 with live answers is {lists.overlap:.4f}, below {bounds.overlap:g}")
    if not lists.score_difference <= bounds.score:
        found.append(f"a score differs by {lists.score_difference:.4g}, more than {bounds.score:g}")
    found += [
        f"recall@10 of the {band.name} is {band.recall:.4f}, below {bounds.recall:g}"
        for band in bands
        if band.recall is not None and not band.recall >= bounds.recall
    ]
    wrong = {
        "a hidden item when served": lists.with_hidden,
        "an item twice": lists.with_repeated,
        "the item itself": lists.with_itself,
    }
    return found + [f"{count} of the lists hold {what}" for what, count in wrong.items() if count]


def _audit_lists(
    client: redis.Redis,
    keys: Keys,
    recommender: Recommender,
    ttl_seconds: int,
    rows: Rows,
    hidden: frozenset[int],
) -> Lists:
    generation = recommender.generation
    found = _read(client, keys, generation, rows)
    ttls = [ttl for _, encoded, ttl in found if encoded is not None and ttl >= 0]
    ages = np.array([max(ttl_seconds - ttl, 0) for ttl in ttls], np.float64)
    lists = {
        row: stored
        for row, encoded, _ in found
        if encoded and (stored := decode_neighbours(encoded)) is not None
    }
    compared = [_compare(stored, _live(generation, row, hidden), hidden) for row, stored in lists.items()]

    def holding(wrong: Callable[[int, Rows], bool]) -> int:
        return sum(wrong(row, stored.rows) for row, stored in lists.items())

    return Lists(
        sampled=len(rows),
        missing=sum(encoded is None for _, encoded, _ in found),
        unreadable=sum(encoded is not None for _, encoded, _ in found) - len(lists),
        overlap=float(np.mean([overlap for overlap, _ in compared])) if compared else None,
        score_difference=max((difference for _, difference in compared), default=0.0),
        age_median_seconds=float(np.median(ages)) if len(ages) else None,
        age_max_seconds=float(ages.max()) if len(ages) else None,
        shortest_ttl_seconds=float(min(ttls)) if ttls else None,
        with_hidden=sum(
            not hidden.isdisjoint(recommender.answer(ItemQuery(row, _DEPTH), stored).neighbours.rows.tolist())
            for row, stored in lists.items()
        ),
        with_repeated=holding(lambda _, listed: len(np.unique(listed)) < len(listed)),
        with_itself=holding(lambda row, listed: row in listed),
    )


def _read(
    client: redis.Redis, keys: Keys, generation: Generation, rows: Rows
) -> list[tuple[int, bytes | None, int]]:
    """Each row with its encoded list and its seconds to live."""
    found: list[tuple[int, bytes | None, int]] = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH].tolist()
        pipeline = client.pipeline(transaction=False)
        for row in batch:
            name = keys.neighbours(generation.id, generation.catalogue.item_id(row))
            pipeline.get(name)
            pipeline.ttl(name)
        values = pipeline.execute()
        pairs = zip(batch, values[::2], values[1::2], strict=True)
        found += [(row, cast(bytes | None, encoded), int(ttl)) for row, encoded, ttl in pairs]
    return found


def _live(generation: Generation, row: int, hidden: frozenset[int]) -> Neighbours:
    """What a live answer for ten would say."""
    scorer = generation.scorer
    candidates = generation.index.search(scorer.vectors[row], _DEPTH + 1, hidden)
    return scorer.score_item(row, candidates, _DEPTH, hidden)


def _compare(stored: Neighbours, live: Neighbours, hidden: frozenset[int]) -> tuple[float, float]:
    """Overlap of the first ten that may be shown, and the largest difference of a score that both give."""
    shown = stored.without(hidden).head(_DEPTH)
    if not len(live) and not len(shown):
        return 1.0, 0.0
    both, at_shown, at_live = np.intersect1d(shown.rows, live.rows, return_indices=True)
    difference = np.abs(shown.scores[at_shown] - live.scores[at_live])
    return len(both) / max(len(live), len(shown)), float(difference.max()) if len(both) else 0.0


def _audit_bands(rng: np.random.Generator, generation: Generation, sample: int) -> list[Band]:
    vectors, index, scorer = generation.manifest.vectors, generation.index, generation.scorer
    if not vectors:
        return []
    exact = ExactIndex(scorer.boosted_vectors())
    bands = []
    for name, rows in _bands(generation):
        chosen = _some(rng, rows, sample)
        queries = np.ascontiguousarray(scorer.vectors[chosen])
        wanted = exact.search_many(queries, _DEPTH + 1)
        hits = total = 0
        for row, best in zip(chosen.tolist(), wanted, strict=True):
            others = best[best != row][:_DEPTH]
            hits += len(np.intersect1d(others, index.search(scorer.vectors[row], _DEPTH + 1)))
            total += len(others)
        bands.append(Band(name, len(rows), len(chosen), hits / total if total else None))
    return bands


def _bands(generation: Generation) -> list[tuple[str, Rows]]:
    """Rows by popularity; the rows that have a vector run from most to least popular."""
    vectors = generation.manifest.vectors
    covered = np.cumsum(generation.catalogue.popularity[:vectors])
    total = float(covered[-1]) or 1.0
    edges = [0, *(int(np.searchsorted(covered, share * total * (1 - 1e-12))) + 1 for _, share in _BANDS)]
    edges[-1] = vectors
    edges = np.minimum(edges, vectors).tolist()
    return [
        (name, np.arange(start, end, dtype=np.int64))
        for (name, _), start, end in zip(_BANDS, edges, edges[1:], strict=False)
    ]


def _some(rng: np.random.Generator, rows: Rows, count: int) -> Rows:
    chosen = rng.choice(rows, min(count, len(rows)), replace=False)
    return np.sort(chosen)
