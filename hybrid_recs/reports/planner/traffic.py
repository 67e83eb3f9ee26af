"""The requests of a window as item numbers: the input of every hit-rate curve."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hybrid_recs.reports.planner.stack_distances import Ints

# Length of a trace that is drawn from counts: accurate to a tenth of a point.
MAX_DRAWN = 200_000
RowOf = Callable[[str], int | None]
"""The row of an item id, None for an unknown item."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of one window.

    counts: by item number (n), ordered by popularity before the window, which is the order in which a rebuild
    adds
        items to the hot set. Only items that can have a list are numbered.
    others: requests that no list could answer: unknown items, items without a vector. uncounted: requests for
    items too rare to be in the counters. trace: the requested item numbers, oldest first; `ordered`: in the
    observed order, otherwise in a random one. source: a description for the report.
    """

    counts: Ints
    others: float
    uncounted: float
    trace: Ints
    ordered: bool
    source: str

    @property
    def requests(self) -> float:
        """The total, including requests that no list could answer."""
        return float(self.counts.sum()) + self.others + self.uncounted


def traffic_from_trace(item_ids: Sequence[str], row_of: RowOf, listable: int, source: str) -> Traffic:
    """Requests in order; only the first `listable` rows can have a list."""
    row_by_id = {item_id: row_of(item_id) for item_id in set(item_ids)}
    rows = np.array([-1 if (row := row_by_id[item_id]) is None else row for item_id in item_ids], np.int64)
    trace = rows[(rows >= 0) & (rows < listable)]
    counts = np.bincount(trace, minlength=listable).astype(np.int64)
    return Traffic(counts, float(len(rows) - len(trace)), 0.0, trace, True, source)


def traffic_from_split_trace(item_ids: Sequence[str], share_before: float, source: str) -> Traffic:
    """Requests in order, without a catalogue: popularity comes from the first `share_before`, and the rest is
    counted. An item that is missing from the first part could not have had a list."""
    split = int(len(item_ids) * share_before)
    popular = Counter(item_ids[:split]).most_common()
    rows = {item_id: row for row, (item_id, _) in enumerate(popular)}
    description = (
        f"{source}: the hot set is chosen from the first {share_before:.0%} and measured on the rest"
    )
    return traffic_from_trace(item_ids[split:], rows.get, len(rows), description)


def traffic_from_counts(
    requested: Mapping[str, float], requests: float, others: float, row_of: RowOf, listable: int, source: str
) -> Traffic:
    """Requests counted by the service: `requested` by item, `requests` in total, and `others` that no list
    could answer.

    Counts have no order, so a random one is drawn (the independent reference model). It lacks the bursts of
    real traffic, which would favour LRU. Counts by item are sampled, and are scaled to the exact total.
    """
    counts = np.zeros(listable, np.float64)
    for item_id, count in requested.items():
        row = row_of(item_id)
        if row is not None and row < listable:
            counts[row] += count
    answerable = max(requests - others, 0.0)
    counted = float(counts.sum())
    scale = answerable / counted if counted > answerable else 1.0
    # The running sum is rounded, so that the total is kept.
    whole = np.diff(np.rint(np.cumsum(counts * scale)), prepend=0.0).astype(np.int64)
    uncounted = max(answerable - float(whole.sum()), 0.0)
    return Traffic(whole, others, uncounted, _drawn_trace(whole), False, source)


def _drawn_trace(counts: Ints, seed: int = 1) -> Ints:
    """The counted requests in random order; a sample of MAX_DRAWN if there are more."""
    rng = np.random.default_rng(seed)
    total = int(counts.sum())
    if total <= MAX_DRAWN:
        return rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.choice(len(counts), MAX_DRAWN, p=counts / total)
