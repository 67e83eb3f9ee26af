"""Why an item is, or is not, in another's list: the parts of its score and its ranks, in plain words.

The fallback chain gives the list of A, and `Scorer` the score and the order. The overlay is not considered:
an explanation is of the generation as built.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from hybrid_recs.errors import UnknownItemError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Answer, Floats, Neighbours, Outcome, Rows, Source

# Much more than the results of two ways of summing an inner product of unit vectors can differ by.
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two items; `from_metadata`: its vector comes from its metadata, not from interactions."""

    item_id: str
    title: str | None
    popularity: float
    has_vector: bool
    from_metadata: bool
    hot: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """score = near + covisit_part; near = cosine · tilt, covisit_part = weight · covisit_weight.

    tilt: the popularity boost of B. score: as served, in half precision.
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
    """Ranks of B for A, 1 is best; `covisits` is None when B is not among A's co-visits."""

    score: int
    near: int
    ranked: int
    covisits: int | None
    listed_covisits: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why `b` is, or is not, among the best k of `a`.

    `place`: in the k items served; `precomputed_place`: in the list on disk. `parts` and `ranks` are None
    where there is no score: for an item itself, and unless both items have a vector.
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
    """Why row `b` is, or is not, among the best `k` of row `a`; takes time proportional to the catalogue."""
    precomputed = generation.hot.neighbours(a)
    cached = Outcome.TAIL if precomputed is None else precomputed
    answer: Answer = Recommender(generation).answer(ItemQuery(a, k), cached)
    place = _place(answer.neighbours.rows, b)
    scored = a != b and max(a, b) < generation.manifest.vectors
    explanation = Explanation(
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
    return dataclasses.replace(explanation, verdict=_verdict(explanation))


def _side(generation: Generation, row: int) -> Side:
    item = generation.catalogue.item(row)
    return Side(
        item.item_id,
        item.title,
        item.popularity,
        has_vector=generation.has_vector(row),
        from_metadata=generation.has_vector(row) and not generation.has_interactions(row),
        hot=row in generation.hot,
    )


def _place(rows: Rows, row: int) -> int | None:
    positions = np.flatnonzero(rows == row)
    return int(positions[0]) + 1 if len(positions) else None


def _parts(scorer: Scorer, a: int, b: int) -> Parts:
    covisits, weights = scorer.covisits.neighbours_of(a)
    place = _place(covisits, b)
    cosine = float(scorer.vectors[a] @ scorer.vectors[b])
    boost = float(scorer.boosts[b])
    covisit_weight = float(weights[place - 1]) if place else 0.0
    neighbours = _ranked(scorer, a, np.array([b], np.int64))
    return Parts(
        cosine=cosine,
        tilt=boost,
        near=cosine * boost,
        covisit_weight=covisit_weight,
        weight=scorer.covisit_weight,
        covisit_part=scorer.covisit_weight * covisit_weight,
        score=float(neighbours.scores[neighbours.rows == b][0]),
    )


def _ranks(scorer: Scorer, a: int, b: int) -> Ranks:
    covisits, _ = scorer.covisits.neighbours_of(a)
    near = scorer.near_all(scorer.vectors[a])
    return Ranks(
        score=_rank(scorer, near, a, b),
        near=_rank(dataclasses.replace(scorer, covisit_weight=0.0), near, a, b),
        ranked=len(scorer.vectors) - 1,
        covisits=_place(covisits, b),
        listed_covisits=len(covisits),
    )


def _rank(scorer: Scorer, near: Floats, a: int, b: int) -> int:
    """The rank of `b` if every row were ranked for `a`; near: each row's score without co-visits, roughly.

    Rows that are clearly before or behind `b` are only counted; `Scorer` orders those within the tolerance,
    and the co-visits.
    """
    covisits, weights = scorer.covisits.neighbours_of(a)
    place = _place(covisits, b)
    score = float(near[b]) + (scorer.covisit_weight * float(weights[place - 1]) if place else 0.0)
    clearly_before = near > score + _TOLERANCE
    close = np.abs(near - score) <= _TOLERANCE
    clearly_before[covisits] = clearly_before[a] = False
    neighbours = _ranked(scorer, a, np.append(np.flatnonzero(close), b))
    return int(clearly_before.sum()) + int(np.flatnonzero(neighbours.rows == b)[0]) + 1


def _ranked(scorer: Scorer, a: int, rows: Rows) -> Neighbours:
    """All of `rows` and of the co-visits of `a`, best first."""
    return scorer.score_item(a, rows, len(scorer.vectors))


def _verdict(explanation: Explanation) -> str:
    a, b, place = explanation.a.item_id, explanation.b.item_id, explanation.place
    if a == b:
        return f"{b} is the item itself, and no item is in its own list."
    if not explanation.a.has_vector:
        which = f"{ordinal(place)} of them" if place else f"not among the first {explanation.k} of them"
        return f"{a} has too few interactions to have a vector, so it gets popular items; {b} is {which}."
    if not explanation.b.has_vector and place:
        return (
            f"{b} has too few interactions to have a vector, so it is only recommended as popular: "
            f"it completes {a}'s list, as {ordinal(place)}."
        )
    parts, ranks = explanation.parts, explanation.ranks
    if parts is None or ranks is None:
        return f"{b} has too few interactions to have a vector, so it is only recommended as popular."
    if place:
        sentence = f"{b} is {ordinal(place)} in {a}'s list: {_reason(parts)}."
    else:
        obstacle = _obstacle(parts, ranks, explanation.k)
        sentence = f"{b} is {ordinal(ranks.score)} of {ranks.ranked:,} for {a}{obstacle}."
    return sentence + "".join(_origin(side) for side in (explanation.a, explanation.b))


def _origin(side: Side) -> str:
    if not side.from_metadata:
        return ""
    return f" {side.item_id} has too few interactions, so its vector comes from its metadata."


def _reason(parts: Parts) -> str:
    share = f"co-visit part {parts.covisit_part:.3g} of {parts.score:.3g}"
    if parts.covisit_part > parts.near:
        return f"mostly because they co-occur ({share})"
    if parts.covisit_weight:
        return f"mostly because their vectors are similar (cosine {parts.cosine:.2f}; {share})"
    return f"because their vectors are similar (cosine {parts.cosine:.2f}; no co-visit part)"


def _obstacle(parts: Parts, ranks: Ranks, k: int) -> str:
    if ranks.score <= k:
        return ", but the approximate search does not find it"
    return f": {_co_occurrence(parts, ranks)}, cosine {parts.cosine:.2f}"


def _co_occurrence(parts: Parts, ranks: Ranks) -> str:
    """How `b` co-occurs with `a`; co-visit lists keep the heaviest only, so absence does not mean "never"."""
    if ranks.covisits:
        return f"co-occurs with it (co-visit part {parts.covisit_part:.3g} of {parts.score:.3g})"
    if ranks.listed_covisits:
        return f"not among the {ranks.listed_covisits} items that co-occur with it most"
    return "never co-occurs with it"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 1,241st."""
    teens = number % 100 in (11, 12, 13)
    ending = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
