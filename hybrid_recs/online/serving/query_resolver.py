"""Resolves a request and the state of its visitor into one query over the rows of a snapshot."""

import time
from dataclasses import replace

import numpy as np

from hybrid_recs.cache.user_list_codec import decode_user_list
from hybrid_recs.errors import UnknownItemError
from hybrid_recs.events.session_list import SessionList
from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.generation.scoring import WeightedItems
from hybrid_recs.items.change_feed import unit
from hybrid_recs.online.serving.query import RecommendationRequest
from hybrid_recs.online.serving.snapshot import Snapshot
from hybrid_recs.online.visitors.state_reader import VisitorState
from hybrid_recs.ranking.recommender import Recommender, ResolvedQuery
from hybrid_recs.types import Answer, Floats, Outcome, Source


class QueryResolver:
    """One request with rows for its ids, all from one snapshot. Raises UnknownItemError if the request says
    so.

    unknown: the item ids of the request that have no row.
    """

    def __init__(
        self, snapshot: Snapshot, request: RecommendationRequest, session: VisitorState, user: VisitorState
    ) -> None:
        self._recommender: Recommender = snapshot.recommender
        self._items = snapshot.items
        rows = self._items.rows
        self._request = request
        self._session = session
        self._visitor_unavailable = session.unavailable or user.unavailable
        self._stored = decode_user_list(user.stored) if user.stored else None
        self._recent = rows(user.items) + rows(session.items)
        self._history = [*(self._stored.history.tolist() if self._stored else ()), *self._recent]
        self.unknown: list[str] = []
        self._excluded = frozenset(rows(request.exclude))
        self._weights = self._item_weights()

    @property
    def age_seconds(self) -> float | None:
        """How old the user's stored list is, if there is one."""
        return time.time() - self._stored.made if self._stored else None

    def precomputed(self, query: ResolvedQuery) -> Answer | None:
        """The precomputed list, if it is still the answer to `query`."""
        request = self._request
        if request.items or request.vector or request.metadata or request.is_varied:
            return None
        if self._visitor_unavailable:
            return None
        if request.user_id is None:
            return self._session_list(query)
        if self._stored is None or self._is_stale():
            return None
        neighbours = self._recommender.select_from_list(query, self._stored.neighbours)
        return Answer(Source.BATCH, Outcome.HIT, neighbours) if neighbours is not None else None

    def _session_list(self, query: ResolvedQuery) -> Answer | None:
        stored, version = SessionList.decode(self._session.stored), self._session.version
        if stored is None or version is None or not stored.is_current(self._recommender, version.decode()):
            return None
        neighbours = self._recommender.select_from_list(query, stored.neighbours)
        if neighbours is None:
            return None
        if stored.source is Source.POPULAR:
            return Answer(stored.source, stored.outcome, neighbours)
        return Answer(Source.CACHE, Outcome.HIT, neighbours)

    def _is_stale(self) -> bool:
        """Whether the user interacted with items that the stored list was not computed from."""
        if self._stored is None:
            return True
        return not frozenset(self._stored.history.tolist()).issuperset(self._recent)

    def query(self) -> ResolvedQuery:
        request, visitor = self._request, self._visitor()
        items = self._merge(visitor.items)
        filters = request.categories.filter()
        if not len(items.rows) and items.vector is None and request.interests:
            any_of = (*request.interests, *filters.any_of)
            filters = CategoryFilter(any_of, filters.all_of, filters.none_of)
        source, outcome = self._source(items)
        return ResolvedQuery(
            items=items,
            k=request.k,
            excluded=visitor.excluded | self._excluded | frozenset(self._weights),
            categories=filters,
            diversity=request.diversity,
            max_per_category=request.max_per_category,
            source=source,
            outcome=outcome,
            popular_outcome=self._nothing(),
        )

    def _merge(self, visitor: WeightedItems) -> WeightedItems:
        """One set of the visitor's items, those of the request, and the vectors that have no row."""
        weights = dict(zip(visitor.rows.tolist(), visitor.weights.tolist(), strict=True))
        vectors = [v for v in (visitor.vector, self._vector(), self._metadata_vector()) if v is not None]
        for row, weight in self._weights.items():
            if self._items.is_new(row):
                vectors.append(weight * self._items.vector(row))
            elif self._recommender.has_vector(row):
                weights[row] = weights.get(row, 0.0) + weight
        vector = np.asarray(sum(vectors[1:], vectors[0]), np.float32) if vectors else None
        return replace(
            visitor,
            rows=np.array(list(weights), np.int64),
            weights=np.array(list(weights.values()), np.float32),
            vector=vector if vector is not None and vector.any() else None,
        )

    def _visitor(self) -> ResolvedQuery:
        """The visitor's history as a query; an empty query without a visitor."""
        if not self._history:
            return ResolvedQuery(self._recommender.weighted_items((), ()), self._request.k)
        scoring = self._recommender.generation.manifest.scoring
        weights = scoring.of_session if self._session.items else scoring.of_user
        rows = np.array(self._history, np.int64)
        return self._recommender.history_query(rows, self._request.k, frozenset(), weights)

    def _item_weights(self) -> dict[int, float]:
        weights: dict[int, float] = {}
        for item in self._request.items:
            row = self._items.row(item.item_id)
            if row is None:
                if self._request.on_unknown == "error":
                    raise UnknownItemError(item.item_id)
                self.unknown.append(item.item_id)
            else:
                weights[row] = weights.get(row, 0.0) + item.weight
        return weights

    def _vector(self) -> Floats | None:
        """The vector of the request, at unit length."""
        if self._request.vector is None:
            return None
        return unit(np.array(self._request.vector), self._recommender.generation.manifest.dimensions)

    def _metadata_vector(self) -> Floats | None:
        """The vector of the request's metadata, if the content encoder knows any of its words."""
        metadata, encoder = self._request.metadata, self._recommender.generation.content
        if metadata is None or encoder is None:
            return None
        return encoder.encode(metadata.title, metadata.categories, metadata.text)

    def _source(self, items: WeightedItems) -> tuple[Source, Outcome]:
        learned = self._recommender.generation.manifest.learned
        if self._request.vector or bool((items.rows < learned).any()):
            return Source.LIVE, self._why_not_stored()
        unavailable = self._visitor_unavailable
        return Source.CONTENT, Outcome.VISITOR_UNAVAILABLE if unavailable else Outcome.NO_INTERACTIONS

    def _why_not_stored(self) -> Outcome:
        """Why a user's stored list, if there is one, is not the answer."""
        if self._visitor_unavailable:
            return Outcome.VISITOR_UNAVAILABLE
        if self._stored is None:
            return Outcome.COMPOSED
        return Outcome.LIST_STALE if self._is_stale() else Outcome.LIST_TOO_SHORT

    def _nothing(self) -> Outcome:
        if self._visitor_unavailable:
            return Outcome.VISITOR_UNAVAILABLE
        if self._weights or self._history:
            return Outcome.NO_VECTOR
        return Outcome.UNKNOWN_ITEM if self.unknown else Outcome.NOTHING_KNOWN
