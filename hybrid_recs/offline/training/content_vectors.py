"""Embeds items without co-occurrences from their metadata."""

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
class CompleteModel:
    """Items in their final rows, the scoring function over all that have a vector, and the encoder.

    encoder and info are None when the items have no metadata, or none that predicts their vectors.
    """

    data: EncodedData
    scorer: Scorer
    encoder: ContentEncoder | None = None
    info: ContentInfo | None = None


def add_content_vectors(
    data: EncodedData, scorer: Scorer, seed: int, on_progress: ProgressCallback = no_progress
) -> CompleteModel:
    """Fit the encoder to the items with a learned vector, and embed the others from their metadata.

    Learned rows stay as they are; the rows embedded from metadata follow them.
    """
    learned, end = data.n_vectors, len(data.items)
    fitted = fit_encoder(list(_metadata(data, 0, learned)), scorer.vectors, data.degrees, seed, on_progress)
    if fitted is None:
        return CompleteModel(data, scorer)
    encoder, info = fitted
    embedded, vectors = encoder.encode_many(_metadata(data, learned, end))
    return CompleteModel(
        with_content(data, learned + embedded), append_vectors(scorer, vectors), encoder, info
    )


def append_vectors(scorer: Scorer, vectors: Floats) -> Scorer:
    """The scorer with further rows (m × d) behind its own, with the boost of an item that has no users and
    without co-visits."""
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


def _metadata(data: EncodedData, first: int, end: int) -> Iterator[Description]:
    return data.items[first:end].select("title", "categories", "text").iter_rows()
