"""Turns a request and what is known of its visitor into one query over the rows of one generation."""

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
    """One question, with rows for ids; everything from one generation and overlay."""

    def __init__(
        self, serving: Snapshot, request: RecommendationRequest, session: VisitorState, user: VisitorState
    ) -> None:
        self._recommender: Recommender = serving.recommender
        self._items = serving.items
        rows = self._items.rows
        self._request = request
        self._session = session
        self._prediction = decode_user_list(user.stored) if user.stored else None
        self._recent = rows(user.items) + rows(session.items)
        self._history = [*(self._prediction.history.tolist() if self._prediction else ()), *self._recent]
        self.unknown: list[str] = []
        self._excluded = frozenset(rows(request.exclude))
        self._weights = self._item_weights()

    @property
    def age_seconds(self) -> float | None:
        """How old the user's stored list is, if there is one."""
        return time.time() - self._prediction.made if self._prediction else None

    def ahead(self, query: ResolvedQuery) -> Answer | None:
        """What was computed ahead, if it still is the answer to `query`."""
        request = self._request
        if request.items or request.vector or request.metadata or request.varied:
            return None
        if request.user_id is None:
            return self._pushed(query)
        if self._prediction is None or self._something_new():
            return None
        found = self._recommender.from_list(query, self._prediction.neighbours)
        return Answer(Source.BATCH, Outcome.HIT, found) if found is not None else None

    def _pushed(self, query: ResolvedQuery) -> Answer | None:
        pushed = SessionList.decode(self._session.stored)
        version = self._session.version
        if pushed is None or version is None or not pushed.is_what(self._recommender, version.decode()):
            return None
        found = self._recommender.from_list(query, pushed.neighbours)
        if found is None:
            return None
        if pushed.source is Source.POPULAR:
            return Answer(pushed.source, pushed.outcome, found)
        return Answer(Source.CACHE, Outcome.HIT, found)

    def _something_new(self) -> bool:
        """Whether the user did something that the stored list does not know of."""
        return self._prediction is None or not frozenset(self._prediction.history.tolist()).issuperset(
            self._recent
        )

    def query(self) -> ResolvedQuery:
        """The request as one query."""
        request, visitor = self._request, self._visitor()
        items = self._together(visitor.items)
        filters = request.categories.filter()
        if not len(items.rows) and items.vector is None and request.interests:
            wishes = (*request.interests, *filters.any_of)
            filters = CategoryFilter(wishes, filters.all_of, filters.none_of)
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
            nothing=self._nothing(),
        )

    def _together(self, of_visitor: WeightedItems) -> WeightedItems:
        """The visitor's items, those of the question, and what has a vector but no row: one set."""
        weights = dict(zip(of_visitor.rows.tolist(), of_visitor.weights.tolist(), strict=True))
        vectors = [v for v in (of_visitor.vector, self._given(), self._described()) if v is not None]
        for row, weight in self._weights.items():
            if self._items.is_new(row):
                vectors.append(weight * self._items.vector(row))
            elif self._recommender.is_placed(row):
                weights[row] = weights.get(row, 0.0) + weight
        vector = np.asarray(sum(vectors[1:], vectors[0]), np.float32) if vectors else None
        return replace(
            of_visitor,
            rows=np.array(list(weights), np.int64),
            weights=np.array(list(weights.values()), np.float32),
            vector=vector if vector is not None and vector.any() else None,
        )

    def _visitor(self) -> ResolvedQuery:
        """What the visitor did, as a query; an empty one where there is no visitor."""
        if not self._history:
            return ResolvedQuery(self._recommender.weighted_items((), ()), self._request.k)
        scoring = self._recommender.generation.manifest.scoring
        how = scoring.of_session if self._session.items else scoring.of_user
        rows = np.array(self._history, np.int64)
        return self._recommender.of_history(rows, self._request.k, frozenset(), how)

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

    def _given(self) -> Floats | None:
        """The vector of the question, at unit length."""
        if self._request.vector is None:
            return None
        return unit(np.array(self._request.vector), self._recommender.generation.manifest.dimensions)

    def _described(self) -> Floats | None:
        """The place of the metadata of the question, if its words say anything."""
        said, encoder = self._request.metadata, self._recommender.generation.content
        if said is None or encoder is None:
            return None
        return encoder.encode(said.title, said.categories, said.text)

    def _source(self, items: WeightedItems) -> tuple[Source, Outcome]:
        learned = self._recommender.generation.manifest.learned
        if self._request.vector or bool((items.rows < learned).any()):
            return Source.LIVE, self._why_not_stored()
        return Source.CONTENT, Outcome.NO_INTERACTIONS

    def _why_not_stored(self) -> Outcome:
        """Why a user's stored list is not the answer, where there is one."""
        if self._prediction is None:
            return Outcome.COMPOSED
        return Outcome.LIST_STALE if self._something_new() else Outcome.LIST_TOO_SHORT

    def _nothing(self) -> Outcome:
        if self._weights or self._history:
            return Outcome.NO_VECTOR
        return Outcome.UNKNOWN_ITEM if self.unknown else Outcome.NOTHING_KNOWN
