"""Turns a question and what is known of its visitor into one query over the rows of one generation."""

import time
from dataclasses import replace

import numpy as np

from hybrid_recs.cache.user_list_codec import decode
from hybrid_recs.errors import UnknownItemError
from hybrid_recs.events.session_list import Pushed
from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.generation.scoring import ItemSet
from hybrid_recs.items.change_feed import unit
from hybrid_recs.online.serving.query import Question
from hybrid_recs.online.serving.snapshot import Serving
from hybrid_recs.online.visitors.state_reader import VisitorState
from hybrid_recs.ranking.recommender import Recommender, Wanted
from hybrid_recs.types import Answer, Floats, Reason, Source


class Resolved:
    """One question, with rows for ids; everything from one generation and overlay."""

    def __init__(
        self, serving: Serving, question: Question, session: VisitorState, user: VisitorState
    ) -> None:
        self._recommender: Recommender = serving.recommender
        rows = self._recommender.items.rows
        self._question = question
        self._session = session
        self._prediction = decode(user.stored) if user.stored else None
        self._recent = rows(user.items) + rows(session.items)
        self._history = [*(self._prediction.history.tolist() if self._prediction else ()), *self._recent]
        self.unknown: list[str] = []
        self._excluded = frozenset(rows(question.exclude))
        self._weights = self._item_weights()

    @property
    def age_seconds(self) -> float | None:
        """How old the user's stored list is, if there is one."""
        return time.time() - self._prediction.made if self._prediction else None

    def ahead(self, wanted: Wanted) -> Answer | None:
        """What was computed ahead, if it still is the answer to `wanted`."""
        question = self._question
        if question.items or question.vector or question.metadata or question.varied:
            return None
        if question.user_id is None:
            return self._pushed(wanted)
        if self._prediction is None or self._something_new():
            return None
        found = self._recommender.from_list(wanted, self._prediction.neighbours)
        return Answer(Source.BATCH, None, found) if found is not None else None

    def _pushed(self, wanted: Wanted) -> Answer | None:
        pushed = Pushed.decode(self._session.stored)
        version = self._session.version
        if pushed is None or version is None or not pushed.is_what(self._recommender, version.decode()):
            return None
        found = self._recommender.from_list(wanted, pushed.neighbours)
        if found is None:
            return None
        if pushed.source is Source.POPULAR:
            return Answer(pushed.source, pushed.reason, found)
        return Answer(Source.CACHE, None, found)

    def _something_new(self) -> bool:
        """Whether the user did something that the stored list does not know of."""
        return self._prediction is None or not frozenset(self._prediction.history.tolist()).issuperset(
            self._recent
        )

    def wanted(self) -> Wanted:
        """The question as one query."""
        question, visitor = self._question, self._visitor()
        items = self._together(visitor.items)
        filters = question.categories.filter()
        if not len(items.rows) and items.vector is None and question.interests:
            wishes = (*question.interests, *filters.any_of)
            filters = CategoryFilter(wishes, filters.all_of, filters.none_of)
        source, reason = self._source(items)
        return Wanted(
            items=items,
            k=question.k,
            excluded=visitor.excluded | self._excluded | frozenset(self._weights),
            categories=filters,
            diversity=question.diversity,
            max_per_category=question.max_per_category,
            source=source,
            reason=reason,
            nothing=self._nothing(),
        )

    def _together(self, of_visitor: ItemSet) -> ItemSet:
        """The visitor's items, those of the question, and what has a vector but no row: one set."""
        items = self._recommender.items
        weights = dict(zip(of_visitor.rows.tolist(), of_visitor.weights.tolist(), strict=True))
        vectors = [v for v in (of_visitor.vector, self._given(), self._described()) if v is not None]
        for row, weight in self._weights.items():
            if items.is_new(row):
                vectors.append(weight * items.vector(row))
            elif self._recommender.is_placed(row):
                weights[row] = weights.get(row, 0.0) + weight
        vector = np.asarray(sum(vectors[1:], vectors[0]), np.float32) if vectors else None
        return replace(
            of_visitor,
            rows=np.array(list(weights), np.int64),
            weights=np.array(list(weights.values()), np.float32),
            vector=vector if vector is not None and vector.any() else None,
        )

    def _visitor(self) -> Wanted:
        """What the visitor did, as a query; an empty one where there is no visitor."""
        if not self._history:
            return Wanted(self._recommender.item_set((), ()), self._question.k)
        scoring = self._recommender.generation.manifest.scoring
        how = scoring.of_session if self._session.items else scoring.of_user
        rows = np.array(self._history, np.int64)
        return self._recommender.of_history(rows, self._question.k, frozenset(), how)

    def _item_weights(self) -> dict[int, float]:
        weights: dict[int, float] = {}
        for item in self._question.items:
            row = self._recommender.items.row(item.item_id)
            if row is None:
                if self._question.on_unknown == "error":
                    raise UnknownItemError(item.item_id)
                self.unknown.append(item.item_id)
            else:
                weights[row] = weights.get(row, 0.0) + item.weight
        return weights

    def _given(self) -> Floats | None:
        """The vector of the question, at unit length."""
        if self._question.vector is None:
            return None
        return unit(np.array(self._question.vector), self._recommender.generation.manifest.dimensions)

    def _described(self) -> Floats | None:
        """The place of the metadata of the question, if its words say anything."""
        said, encoder = self._question.metadata, self._recommender.generation.content
        if said is None or encoder is None:
            return None
        return encoder.encode(said.title, said.categories, said.text)

    def _source(self, items: ItemSet) -> tuple[Source, Reason | None]:
        learned = self._recommender.generation.manifest.learned
        if self._question.vector or bool((items.rows < learned).any()):
            return Source.LIVE, self._why_not_stored()
        return Source.CONTENT, Reason.NO_INTERACTIONS

    def _why_not_stored(self) -> Reason | None:
        """Why a user's stored list is not the answer, where there is one."""
        if self._prediction is None:
            return None
        return Reason.LIST_STALE if self._something_new() else Reason.LIST_TOO_SHORT

    def _nothing(self) -> Reason:
        if self._weights or self._history:
            return Reason.NO_VECTOR
        return Reason.UNKNOWN_ITEM if self.unknown else Reason.NOTHING_KNOWN
