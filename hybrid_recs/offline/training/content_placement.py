"""Gives items that nobody met beside another one a vector by what is written about them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hybrid_recs.generation.content_encoder import ContentEncoder, Description
from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.manifest import ContentInfo
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.offline.data.encoding import EncodedData, with_content
from hybrid_recs.offline.training.content_fit import fit_encoder
from hybrid_recs.types import Floats, ProgressCallback, no_progress


@dataclass(frozen=True, slots=True)
class PlacedItems:
    """Items in their final rows, the scoring function over all that have a vector, and the encoder.

    encoder and info are None when nothing is written about the items, or nothing that tells their vectors.
    """

    data: EncodedData
    scorer: Scorer
    encoder: ContentEncoder | None = None
    info: ContentInfo | None = None


def place(
    data: EncodedData, scorer: Scorer, seed: int, on_progress: ProgressCallback = no_progress
) -> PlacedItems:
    """Fit the encoder to the items with a learned vector, and give all that it can place a vector.

    Learned rows stay as they are; rows with a vector from metadata follow them.
    """
    learned, last = data.n_vectors, len(data.items)
    fitted = fit_encoder(list(_described(data, 0, learned)), scorer.vectors, data.degrees, seed, on_progress)
    if fitted is None:
        return PlacedItems(data, scorer)
    encoder, info = fitted
    found, vectors = encoder.encode_many(_described(data, learned, last))
    return PlacedItems(with_content(data, learned + found), extended(scorer, vectors), encoder, info)


def extended(scorer: Scorer, vectors: Floats) -> Scorer:
    """With rows (m × d) behind its own, tilted as what nobody met yet, and in no co-visits."""
    if not len(vectors):
        return scorer
    lists = scorer.covisits
    ends = np.full(len(vectors), lists.indptr[-1])
    return replace(
        scorer,
        vectors=np.concatenate((scorer.vectors, vectors)),
        boosts=np.concatenate((scorer.boosts, np.ones(len(vectors), np.float32))),
        covisits=CoVisits(np.concatenate((lists.indptr, ends)), lists.rows, lists.weights),
    )


def _described(data: EncodedData, first: int, end: int) -> Iterator[Description]:
    return data.items[first:end].select("title", "categories", "text").iter_rows()
