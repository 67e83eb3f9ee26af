"""Session-KNN: past sessions that share items with the current one vote for the next item.

Garg et al., "Sequence and Time Aware Neighborhood for Session-based Recommendations: STAN", SIGIR 2019.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.evaluation.baselines import known_rows, spans, top_rows
from hybrid_recs.offline.evaluation.method import MethodKind
from hybrid_recs.types import Floats, Rows

RECENT = 2_500
NEIGHBOURS = 500
USER_ITEMS = 20
SECONDS_PER_DAY = 86_400.0
_MAX_DISTANCE = 10  # in units of `near`: beyond it the weight is below e⁻¹⁰

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SessionKnn:
    """Every history of the training data is a past session; sessions are numbered from oldest to newest.

    items, starts: the items of session s in order, from starts[s] to starts[s + 1]. sessions, places,
    item_starts: the sessions of item i, oldest first, and its place in each of them. session_weights:
    exp(-age / fade_days) / √length of each session, with the age in days before the end of the data.
    fade_within, near: λ₁ (places in the current session) and λ₃ (places in the past one) of the paper.
    """

    items: Rows
    starts: Rows
    sessions: Rows
    places: Rows
    item_starts: Rows
    session_weights: Numbers
    fade_within: float
    near: float
    name = "session-KNN (STAN-like)"
    kind = MethodKind.BASELINE

    @classmethod
    def fit(
        cls, data: EncodedData, fade_within: float = 6, fade_days: float = 40, near: float = 2
    ) -> "SessionKnn":
        """Without times, all sessions have the same age, and are numbered in the order of the data."""
        ends = data.pairs.group_by("user").agg(end=pl.col("time").max()).sort("end", "user", nulls_last=False)
        numbered = data.pairs.join(ends.with_row_index("session"), on="user", maintain_order="left")
        numbered = numbered.sort("session", maintain_order=True)
        session = numbered["session"].to_numpy().astype(np.int64)
        items = numbered["item"].to_numpy().astype(np.int64)
        starts = np.searchsorted(session, np.arange(len(ends) + 1))
        order = np.argsort(items, kind="stable")
        seconds = ends["end"].fill_null(0.0).to_numpy()
        age = (seconds.max(initial=-np.inf) - seconds) / SECONDS_PER_DAY
        return cls(
            items=items,
            starts=starts,
            sessions=session[order],
            places=(np.arange(len(items)) - starts[session])[order],
            item_starts=np.searchsorted(items[order], np.arange(data.n_vectors + 1)),
            session_weights=np.exp(-age / fade_days) / np.sqrt(np.diff(starts)),
            fade_within=fade_within,
            near=near,
        )

    def from_item(self, row: int, k: int) -> Rows:
        """Recommend for a session of this one item."""
        rows = np.array([row], np.int64)
        return self._next(rows, k, masked=rows)

    def from_session(self, rows: Rows, k: int) -> Rows:
        return self._next(rows, k, masked=rows[:0])

    def from_user(self, rows: Rows, k: int) -> Rows:
        """Recommend for a session of the user's last 20 items."""
        return self._next(rows[-USER_ITEMS:], k, masked=rows)

    def _next(self, rows: Rows, k: int, masked: Rows) -> Rows:
        """The best k rows by the votes of the neighbours, without `masked` rows."""
        n = len(self.item_starts) - 1
        scores = self._votes(*self._neighbours(known_rows(rows, n)))
        return top_rows(scores, k, masked=known_rows(masked, n), above=0)

    def _neighbours(self, rows: Rows) -> tuple[Rows, Numbers, Rows]:
        """Past sessions, their weights, and the place in each of the most recent shared item."""
        similarity = np.zeros(len(self.session_weights))
        place = np.zeros(len(self.session_weights), np.int64)
        candidates: list[Rows] = [rows[:0]]
        distances = {int(row): len(rows) - 1 - position for position, row in enumerate(rows)}
        for row, distance in sorted(distances.items(), key=lambda pair: -pair[1]):
            end = int(self.item_starts[row + 1])
            recent = slice(max(int(self.item_starts[row]), end - RECENT), end)
            sharing = self.sessions[recent]
            candidates.append(sharing[similarity[sharing] == 0])
            similarity[sharing] += np.exp(-distance / self.fade_within)
            place[sharing] = self.places[recent]
        # The most recent sessions have the highest numbers.
        sessions = _largest(np.concatenate(candidates), RECENT)
        weights = similarity[sessions] * self.session_weights[sessions] / np.sqrt(max(len(distances), 1))
        if len(sessions) > NEIGHBOURS:
            best = top_rows(weights.astype(np.float32), NEIGHBOURS)
            sessions, weights = sessions[best], weights[best]
        return sessions, weights, place[sessions]

    def _votes(self, sessions: Rows, weights: Numbers, places: Rows) -> Floats:
        """Σ weight · exp(-|p - q| / near) over the neighbours' items at p, with the shared item at q."""
        n, max_distance = len(self.item_starts) - 1, int(_MAX_DISTANCE * self.near)
        starts = self.starts[sessions]
        first = np.maximum(places - max_distance, 0)
        lengths = np.minimum(places + max_distance + 1, self.starts[sessions + 1] - starts) - first
        positions = spans(starts + first, lengths)
        distances = np.abs(positions - np.repeat(starts + places, lengths))
        votes = np.repeat(weights, lengths) * np.exp(-distances / self.near)
        return np.bincount(self.items[positions], votes, minlength=n).astype(np.float32)


def _largest(numbers: Rows, k: int) -> Rows:
    return numbers if len(numbers) <= k else np.partition(numbers, len(numbers) - k)[-k:]
