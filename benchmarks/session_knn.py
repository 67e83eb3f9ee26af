"""Past sessions that share items with the current one vote for what comes next.

Garg et al., "Sequence and Time Aware Neighborhood for Session-based Recommendations: STAN", SIGIR 2019.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.evaluation.baselines import known_rows, spans, top_rows
from hybrid_recs.offline.evaluation.method import Kind
from hybrid_recs.types import Floats, Rows

RECENT = 2_500
NEIGHBOURS = 500
USER_ITEMS = 20
SECONDS_PER_DAY = 86_400.0
_REACH = 10  # times `near`: further away the weight is below e⁻¹⁰

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SessionKnn:
    """Every history of the training data is a past session; they are numbered from oldest to newest.

    items, starts: the items of session s in order, from starts[s] to starts[s + 1].
    sessions, places, item_starts: the sessions of item i, oldest first, and its place in each of them.
    worth: exp(-age / fade) / √length of each session, its age counted from the end of the data in days.
    fade_within, near: λ₁ (places in the current session) and λ₃ (places in the past one) of the paper.
    """

    items: Rows
    starts: Rows
    sessions: Rows
    places: Rows
    item_starts: Rows
    worth: Numbers
    fade_within: float
    near: float
    name = "session-KNN (STAN-like)"
    kind = Kind.BASELINE

    @classmethod
    def fit(
        cls, data: EncodedData, fade_within: float = 6, fade_days: float = 40, near: float = 2
    ) -> "SessionKnn":
        """Without times no session is older than another one by age, only by place in the data."""
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
            worth=np.exp(-age / fade_days) / np.sqrt(np.diff(starts)),
            fade_within=fade_within,
            near=near,
        )

    def from_item(self, row: int, k: int) -> Rows:
        """As a session of this one item."""
        rows = np.array([row], np.int64)
        return self._next(rows, k, masked=rows)

    def from_session(self, rows: Rows, k: int) -> Rows:
        """As it is."""
        return self._next(rows, k, masked=rows[:0])

    def from_user(self, rows: Rows, k: int) -> Rows:
        """As a session of the last 20 items."""
        return self._next(rows[-USER_ITEMS:], k, masked=rows)

    def _next(self, rows: Rows, k: int, masked: Rows) -> Rows:
        """The best k by the votes of the neighbours; `masked` rows left out."""
        n = len(self.item_starts) - 1
        scores = self._votes(*self._neighbours(known_rows(rows, n)))
        return top_rows(scores, k, masked=known_rows(masked, n), above=0)

    def _neighbours(self, rows: Rows) -> tuple[Rows, Numbers, Rows]:
        """Past sessions, their similarity, and the place in each of the most recent item it shares."""
        similarity = np.zeros(len(self.worth))
        place = np.zeros(len(self.worth), np.int64)
        met: list[Rows] = [rows[:0]]
        distances = {int(row): len(rows) - 1 - at for at, row in enumerate(rows)}
        for row, distance in sorted(distances.items(), key=lambda pair: -pair[1]):
            end = int(self.item_starts[row + 1])
            part = slice(max(int(self.item_starts[row]), end - RECENT), end)
            having = self.sessions[part]
            met.append(having[similarity[having] == 0])
            similarity[having] += np.exp(-distance / self.fade_within)
            place[having] = self.places[part]
        # The most recent sessions have the highest numbers.
        found = _largest(np.concatenate(met), RECENT)
        weights = similarity[found] * self.worth[found] / np.sqrt(max(len(distances), 1))
        if len(found) > NEIGHBOURS:
            best = top_rows(weights.astype(np.float32), NEIGHBOURS)
            found, weights = found[best], weights[best]
        return found, weights, place[found]

    def _votes(self, sessions: Rows, weights: Numbers, places: Rows) -> Floats:
        """Σ weight · exp(-|p - q| / near) over the neighbours' items at p, q the place of the shared item."""
        n, reach = len(self.item_starts) - 1, int(_REACH * self.near)
        starts = self.starts[sessions]
        first = np.maximum(places - reach, 0)
        lengths = np.minimum(places + reach + 1, self.starts[sessions + 1] - starts) - first
        at = spans(starts + first, lengths)
        away = np.abs(at - np.repeat(starts + places, lengths))
        votes = np.repeat(weights, lengths) * np.exp(-away / self.near)
        return np.bincount(self.items[at], votes, minlength=n).astype(np.float32)


def _largest(numbers: Rows, k: int) -> Rows:
    return numbers if len(numbers) <= k else np.partition(numbers, len(numbers) - k)[-k:]
