"""Tells whether an answer is all of the generation it names."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed import paths
from hybrid_recs.generation.generation import Generation
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Neighbours

Items = tuple[tuple[str, float], ...]
"""What an answer recommends: ids and scores, best first."""

Valid = dict[str, set[Items]]
"""Path → what one generation may answer to it: the precomputed list, or what its search finds."""


def valid_answers(folder: Path, rows: Iterable[int]) -> Valid:
    """By the recommender itself, in this process."""
    generation, rows = Generation.open(folder), list(rows)
    recommender = Recommender(generation)
    valid: Valid = {}
    for path, row in zip(paths.paths_of(folder, rows), rows, strict=True):
        precomputed = generation.hot.neighbours(int(row))
        lists = [recommender.live(ItemQuery(int(row), paths.K))]
        lists += [precomputed.head(paths.K)] if precomputed else []
        valid[path] = {_items(generation, neighbours) for neighbours in lists}
    return valid


def _items(generation: Generation, neighbours: Neighbours) -> Items:
    names = map(generation.catalogue.item_id, neighbours.rows.tolist())
    return tuple(zip(names, (round(s, 4) for s in neighbours.scores.tolist()), strict=True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The generation that an answer names, and whether the answer is one of that generation's."""

    generation: str
    whole: bool


def judge(body: bytes, path: str, valid: Mapping[str, Valid]) -> Verdict:
    """valid: by generation. An answer of a generation that is not there is not whole."""
    answer = json.loads(body)
    items = tuple((item["item_id"], item["score"]) for item in answer["items"])
    generation = answer["generation"]
    return Verdict(generation, items in valid.get(generation, {}).get(path, set()))
