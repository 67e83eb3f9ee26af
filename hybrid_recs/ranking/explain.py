"""Why an item is, or is not, in another's list: the parts of its score and its places, in plain words.

Everything is computed by what serves: the ladder says what A is answered with, the one scoring function
says the order.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from hybrid_recs.errors import UnknownItemError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Answer, Floats, Neighbours, Outcome, Rows, Source

# Far more than two ways of adding up the inner product of unit vectors can differ by.
_SLACK = 1e-4


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two items; `from_metadata`: its vector is not learned, but made of what is written of it."""

    item_id: str
    title: str | None
    popularity: float
    has_vector: bool
    from_metadata: bool
    hot: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """score = near + covisit_part; near = cosine · tilt, covisit_part = weight · covisit_weight.

    `score` is as it is served, in half precision.
    """

    cosine: float
    tilt: float
    near: float
    covisit_weight: float
    weight: float
    covisit_part: float
    score: float


@dataclass(frozen=True, slots=True)
class Ranks:
    """Places of B for A, 1 is best; `covisits` is None when B is not among A's co-visits."""

    score: int
    near: int
    ranked: int
    covisits: int | None
    listed_covisits: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why `b` is, or is not, among the best k of `a`.

    `place` is in the k that are served, `precomputed_place` in the list on disk; `parts` and `ranks` are
    None where there is no score: for an item itself, and unless both items have a vector.
    """

    generation: str
    k: int
    a: Side
    b: Side
    source: Source
    in_list: bool
    place: int | None
    precomputed_place: int | None
    precomputed_length: int | None
    parts: Parts | None
    ranks: Ranks | None
    verdict: str


def known_row(generation: Generation, item_id: str) -> int:
    """The row of an item id; raises UnknownItemError when there is no such item."""
    row = generation.catalogue.row(item_id)
    if row is None:
        raise UnknownItemError(item_id)
    return row


def explain(generation: Generation, a: int, b: int, k: int = 10) -> Explanation:
    """Why row `b` is, or is not, among the best `k` of row `a`; takes time in proportion to the items."""
    precomputed = generation.hot.neighbours(a)
    cached = Outcome.TAIL if precomputed is None else precomputed
    answer: Answer = Recommender(generation).answer(ItemQuery(a, k), cached)
    place = _place(answer.neighbours.rows, b)
    scored = a != b and max(a, b) < generation.manifest.vectors
    bare = Explanation(
        generation=generation.id,
        k=k,
        a=_side(generation, a),
        b=_side(generation, b),
        source=answer.source,
        in_list=place is not None,
        place=place,
        precomputed_place=None if precomputed is None else _place(precomputed.rows, b),
        precomputed_length=None if precomputed is None else len(precomputed),
        parts=_parts(generation.scorer, a, b) if scored else None,
        ranks=_ranks(generation.scorer, a, b) if scored else None,
        verdict="",
    )
    return dataclasses.replace(bare, verdict=_verdict(bare))


def _side(generation: Generation, row: int) -> Side:
    item = generation.catalogue.item(row)
    return Side(
        item.item_id,
        item.title,
        item.popularity,
        has_vector=row < generation.manifest.vectors,
        from_metadata=generation.manifest.learned <= row < generation.manifest.vectors,
        hot=row in generation.hot,
    )


def _place(rows: Rows, row: int) -> int | None:
    found = np.flatnonzero(rows == row)
    return int(found[0]) + 1 if len(found) else None


def _parts(scorer: Scorer, a: int, b: int) -> Parts:
    linked, weights = scorer.covisits.of(a)
    at = _place(linked, b)
    cosine = float(scorer.vectors[a] @ scorer.vectors[b])
    boost = float(scorer.boosts[b])
    covisit_weight = float(weights[at - 1]) if at else 0.0
    found = _ranked(scorer, a, np.array([b], np.int64))
    return Parts(
        cosine=cosine,
        tilt=boost,
        near=cosine * boost,
        covisit_weight=covisit_weight,
        weight=scorer.covisit_weight,
        covisit_part=scorer.covisit_weight * covisit_weight,
        score=float(found.scores[found.rows == b][0]),
    )


def _ranks(scorer: Scorer, a: int, b: int) -> Ranks:
    linked, _ = scorer.covisits.of(a)
    near = scorer.near_all(scorer.vectors[a])
    return Ranks(
        score=_rank(scorer, near, a, b),
        near=_rank(dataclasses.replace(scorer, covisit_weight=0.0), near, a, b),
        ranked=len(scorer.vectors) - 1,
        covisits=_place(linked, b),
        listed_covisits=len(linked),
    )


def _rank(scorer: Scorer, near: Floats, a: int, b: int) -> int:
    """The place of `b` if every row were ranked for `a`, given about what each row scores without co-visits.

    Rows that are clearly before or behind `b` are only counted; the scoring function decides on those
    close to it and on co-visits.
    """
    linked, weights = scorer.covisits.of(a)
    at = _place(linked, b)
    level = float(near[b]) + (scorer.covisit_weight * float(weights[at - 1]) if at else 0.0)
    clearly_before = near > level + _SLACK
    close = np.abs(near - level) <= _SLACK
    clearly_before[linked] = clearly_before[a] = False
    found = _ranked(scorer, a, np.append(np.flatnonzero(close), b))
    return int(clearly_before.sum()) + int(np.flatnonzero(found.rows == b)[0]) + 1


def _ranked(scorer: Scorer, a: int, rows: Rows) -> Neighbours:
    """All of `rows` and of the co-visits of `a`, best first."""
    return scorer.score_item(a, rows, len(scorer.vectors))


def _verdict(told: Explanation) -> str:
    a, b = told.a.item_id, told.b.item_id
    if a == b:
        return f"{b} is the item itself, and no item is in its own list."
    if not told.a.has_vector:
        which = f"{ordinal(told.place)} of them" if told.place else f"not among the first {told.k} of them"
        return f"{a} has too few interactions to have a vector, so it gets popular items; {b} is {which}."
    if not told.b.has_vector and told.place:
        return (
            f"{b} has too few interactions to have a vector, so it is only recommended as popular: "
            f"it fills up {a}'s list, as {ordinal(told.place)}."
        )
    if told.parts is None or told.ranks is None:
        return f"{b} has too few interactions to have a vector, so it is only recommended as popular."
    if told.place:
        where = f"{b} is {ordinal(told.place)} in {a}'s list: {_reason(told.parts)}."
    else:
        where = f"{b} is {ordinal(told.ranks.score)} of {told.ranks.ranked:,} for {a}{_obstacle(told)}."
    return where + "".join(_placed(side) for side in (told.a, told.b))


def _placed(side: Side) -> str:
    if not side.from_metadata:
        return ""
    return f" {side.item_id} has too few interactions, so it is placed by its metadata."


def _reason(parts: Parts) -> str:
    share = f"co-visit part {parts.covisit_part:.3g} of {parts.score:.3g}"
    if parts.covisit_part > parts.near:
        return f"mostly because shoppers meet them close together ({share})"
    if parts.covisit_weight:
        return f"mostly because their vectors are alike (cosine {parts.cosine:.2f}; {share})"
    return f"because their vectors are alike (cosine {parts.cosine:.2f}; no co-visit part)"


def _obstacle(told: Explanation) -> str:
    assert told.parts is not None
    assert told.ranks is not None
    if told.ranks.score <= told.k:
        return ", but the approximate search does not find it"
    return f": {_met(told.parts, told.ranks)}, cosine {told.parts.cosine:.2f}"


def _met(parts: Parts, ranks: Ranks) -> str:
    """How `b` was met beside `a`; the co-visit lists keep the heaviest only, so absence is not "never"."""
    if ranks.covisits:
        return f"met close to it (co-visit part {parts.covisit_part:.3g} of {parts.score:.3g})"
    if ranks.listed_covisits:
        return f"not among the {ranks.listed_covisits} items most often met close to it"
    return "never met close to it"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 1,241st."""
    teens = number % 100 in (11, 12, 13)
    ending = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
