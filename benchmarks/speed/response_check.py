"""Checks that a response is built entirely from the generation that it names."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed import traffic
from hybrid_recs.generation.generation import Generation
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Neighbours

Items = tuple[tuple[str, float], ...]
"""Ids and scores of a response, best first."""

ValidItems = dict[str, set[Items]]
"""Request path → the lists that one generation may return: the precomputed one, and that of live search."""


def valid_responses(folder: Path, rows: Iterable[int]) -> ValidItems:
    """Computed by the recommender in this process."""
    generation, rows = Generation.open(folder), list(rows)
    recommender = Recommender(generation)
    valid: ValidItems = {}
    for path, row in zip(traffic.request_paths(folder, rows), rows, strict=True):
        precomputed = generation.hot.neighbours(int(row))
        lists = [recommender.live_neighbours(ItemQuery(int(row), traffic.K))]
        lists += [precomputed.head(traffic.K)] if precomputed else []
        valid[path] = {_items(generation, neighbours) for neighbours in lists}
    return valid


def _items(generation: Generation, neighbours: Neighbours) -> Items:
    names = map(generation.catalogue.item_id, neighbours.rows.tolist())
    return tuple(zip(names, (round(s, 4) for s in neighbours.scores.tolist()), strict=True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The generation that a response names, and whether the response is valid for it (`whole`)."""

    generation: str
    whole: bool


def check_response(body: bytes, path: str, valid: Mapping[str, ValidItems]) -> Verdict:
    """valid: by generation. A response of any other generation is not whole."""
    response = json.loads(body)
    items = tuple((item["item_id"], item["score"]) for item in response["items"])
    generation = response["generation"]
    return Verdict(generation, items in valid.get(generation, {}).get(path, set()))
