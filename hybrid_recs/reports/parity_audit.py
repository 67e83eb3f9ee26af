"""The parity audit: compares the lists in Redis with live answers, and the recall of the index for rare items
with that for popular ones."""

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
# Cumulative shares of the interactions: the items of the first half, of the next 40 %, and the rest.
_BANDS = (("head", 0.5), ("middle", 0.9), ("tail", 1.0))


@dataclass(frozen=True, slots=True)
class AuditBounds:
    """Limits of an audit: the lowest overlap and recall, the largest share of missing lists and difference of
    scores. A list must never contain a hidden or repeated item, or the queried item itself."""

    overlap: float = 0.95
    recall: float = 0.95
    missing: float = 0.01
    score: float = 0.01


@dataclass(frozen=True, slots=True)
class ListFigures:
    """Lists of `sampled` hot items.

    missing: not in Redis. unreadable: in Redis, but no valid list. The other fields describe the readable
    lists. overlap: mean share of common items among the first ten and the live ten. score_difference: the
    largest, over items that both hold. age_…: seconds since a list was written, from its TTL. with_hidden:
    answers made from lists that contain a hidden item. with_repeated, with_itself: lists that contain an item
    twice, or the queried item itself.
    """

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
class BandRecall:
    """Recall at 10 of the index against exact search, over `sampled` of the `items` of a popularity band;
    None if there are none."""

    name: str
    items: int
    sampled: int
    recall: float | None


@dataclass(frozen=True, slots=True)
class Audit:
    """The results of an audit. broken: a sentence for each bound that is not met."""

    generation: str
    lists: ListFigures
    bands: list[BandRecall]
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _StoredList:
    row: int
    encoded: bytes | None
    ttl_seconds: int


def audit(
    client: redis.Redis,
    keys: Keys,
    recommender: Recommender,
    ttl_seconds: int,
    bounds: AuditBounds,
    sample: int = 500,
    hidden: frozenset[int] = frozenset(),
    seed: int = 1,
) -> Audit:
    """Compare a random sample with live answers; raises the errors of the client.

    recommender: configured as in the service. ttl_seconds: the TTL with which lists are written. hidden: rows
    that must not be recommended; a stored list may contain them, an answer made from it must not.
    """
    generation = recommender.generation
    hidden |= frozenset(generation.table.unlisted.tolist())
    rng = np.random.default_rng(seed)
    lists = _audit_lists(
        client,
        keys,
        recommender,
        ttl_seconds,
        _sample(rng, generation.hot.rows.astype(np.int64), sample),
        hidden,
    )
    bands = _audit_bands(rng, generation, sample)
    return Audit(generation.id, lists, bands, broken_bounds(lists, bands, bounds))


def broken_bounds(lists: ListFigures, bands: list[BandRecall], bounds: AuditBounds) -> list[str]:
    """A sentence for each bound that is not met."""
    problems = []
    missing = (lists.missing + lists.unreadable) / max(lists.sampled, 1)
    if missing > bounds.missing:
        problems.append(
            f"{missing:.1%} of the lists are missing or unreadable, more than {bounds.missing:.1%}"
        )
    # `not >=` instead of `<`: NaN meets no bound.
    if lists.overlap is not None and not lists.overlap >= bounds.overlap:
        problems.append(f"overlap@10 with live answers is {lists.overlap:.4f}, below {bounds.overlap:g}")
    if not lists.score_difference <= bounds.score:
        problems.append(f"a score differs by {lists.score_difference:.4g}, more than {bounds.score:g}")
    problems += [
        f"recall@10 of the {band.name} is {band.recall:.4f}, below {bounds.recall:g}"
        for band in bands
        if band.recall is not None and not band.recall >= bounds.recall
    ]
    defects = {
        "a hidden item when served": lists.with_hidden,
        "an item twice": lists.with_repeated,
        "the queried item itself": lists.with_itself,
    }
    return problems + [f"{count} of the lists contain {defect}" for defect, count in defects.items() if count]


def _audit_lists(
    client: redis.Redis,
    keys: Keys,
    recommender: Recommender,
    ttl_seconds: int,
    rows: Rows,
    hidden: frozenset[int],
) -> ListFigures:
    generation = recommender.generation
    stored = _read_lists(client, keys, generation, rows)
    ttls = [entry.ttl_seconds for entry in stored if entry.encoded is not None and entry.ttl_seconds >= 0]
    ages = np.array([max(ttl_seconds - ttl, 0) for ttl in ttls], np.float64)
    lists = {
        entry.row: neighbours
        for entry in stored
        if entry.encoded and (neighbours := decode_neighbours(entry.encoded)) is not None
    }
    comparisons = [
        _compare(neighbours, _live(generation, row, hidden), hidden) for row, neighbours in lists.items()
    ]
    missing = sum(entry.encoded is None for entry in stored)
    return ListFigures(
        sampled=len(rows),
        missing=missing,
        unreadable=len(stored) - missing - len(lists),
        overlap=float(np.mean([overlap for overlap, _ in comparisons])) if comparisons else None,
        score_difference=max((difference for _, difference in comparisons), default=0.0),
        age_median_seconds=float(np.median(ages)) if len(ages) else None,
        age_max_seconds=float(ages.max()) if len(ages) else None,
        shortest_ttl_seconds=float(min(ttls)) if ttls else None,
        with_hidden=sum(
            _serves_hidden(recommender, row, neighbours, hidden) for row, neighbours in lists.items()
        ),
        with_repeated=sum(len(np.unique(listed.rows)) < len(listed) for listed in lists.values()),
        with_itself=sum(row in listed.rows for row, listed in lists.items()),
    )


def _serves_hidden(recommender: Recommender, row: int, stored: Neighbours, hidden: frozenset[int]) -> bool:
    answer = recommender.answer(ItemQuery(row, _DEPTH), stored)
    return not hidden.isdisjoint(answer.neighbours.rows.tolist())


def _read_lists(client: redis.Redis, keys: Keys, generation: Generation, rows: Rows) -> list[_StoredList]:
    stored: list[_StoredList] = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH].tolist()
        pipeline = client.pipeline(transaction=False)
        for row in batch:
            name = keys.neighbours(generation.id, generation.catalogue.item_id(row))
            pipeline.get(name)
            pipeline.ttl(name)
        values = pipeline.execute()
        pairs = zip(batch, values[::2], values[1::2], strict=True)
        stored += [_StoredList(row, cast(bytes | None, encoded), int(ttl)) for row, encoded, ttl in pairs]
    return stored


def _live(generation: Generation, row: int, hidden: frozenset[int]) -> Neighbours:
    """The first ten of a live answer."""
    scorer = generation.scorer
    candidates = generation.index.search(scorer.vectors[row], _DEPTH + 1, hidden)
    return scorer.score_item(row, candidates, _DEPTH, hidden)


def _compare(stored: Neighbours, live: Neighbours, hidden: frozenset[int]) -> tuple[float, float]:
    """Overlap of the first ten visible items, and the largest difference of scores over common items."""
    shown = stored.without(hidden).head(_DEPTH)
    if not len(live) and not len(shown):
        return 1.0, 0.0
    common, in_shown, in_live = np.intersect1d(shown.rows, live.rows, return_indices=True)
    difference = np.abs(shown.scores[in_shown] - live.scores[in_live])
    return len(common) / max(len(live), len(shown)), float(difference.max()) if len(common) else 0.0


def _audit_bands(rng: np.random.Generator, generation: Generation, sample: int) -> list[BandRecall]:
    vectors, index, scorer = generation.manifest.vectors, generation.index, generation.scorer
    if not vectors:
        return []
    # As in the index: multiplied by the popularity boost of the items.
    exact = ExactIndex(scorer.boosted_vectors())
    bands = []
    for name, rows in _bands(generation):
        sampled = _sample(rng, rows, sample)
        queries = np.ascontiguousarray(scorer.vectors[sampled])
        nearest = exact.search_many(queries, _DEPTH + 1)
        hits = total = 0
        for row, neighbours in zip(sampled.tolist(), nearest, strict=True):
            others = neighbours[neighbours != row][:_DEPTH]
            hits += len(np.intersect1d(others, index.search(scorer.vectors[row], _DEPTH + 1)))
            total += len(others)
        bands.append(BandRecall(name, len(rows), len(sampled), hits / total if total else None))
    return bands


def _bands(generation: Generation) -> list[tuple[str, Rows]]:
    """Rows by popularity; rows with a vector are ordered from the most to the least popular."""
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


def _sample(rng: np.random.Generator, rows: Rows, count: int) -> Rows:
    sampled = rng.choice(rows, min(count, len(rows)), replace=False)
    return np.sort(sampled)
