"""Requests of a window as numbers: what every hit-rate curve is computed from."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hybrid_recs.reports.planner.stack_distances import Ints

# Of counts without an order, as many requests are drawn up: enough for a tenth of a point.
MAX_DRAWN = 200_000
_ROW = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of one window.

    counts: by item number (n), most popular before the window first: the order in which a rebuild takes items
        into the hot set. Only items that can have a list are numbered.
    others: requests that no list could answer: unknown items, items without a vector.
    uncounted: requests for items too rare to be in the counters.
    trace: the numbers asked for, oldest first; `ordered` says whether that order was observed or drawn.
    source: in words.
    """

    counts: Ints
    others: float
    uncounted: float
    trace: Ints
    ordered: bool
    source: str

    @property
    def requests(self) -> float:
        """All of them."""
        return float(self.counts.sum()) + self.others + self.uncounted


def of_trace(item_ids: Sequence[str], row: _ROW, listed: int, source: str) -> Traffic:
    """Of requests in order; `row` numbers the items, of which the first `listed` can have a list."""
    known = {item: row(item) for item in set(item_ids)}
    rows = np.array([-1 if (at := known[item]) is None else at for item in item_ids], np.int64)
    trace = rows[(rows >= 0) & (rows < listed)]
    counts = np.bincount(trace, minlength=listed).astype(np.int64)
    return Traffic(counts, float(len(rows) - len(trace)), 0.0, trace, True, source)


def of_trace_alone(item_ids: Sequence[str], share_before: float, source: str) -> Traffic:
    """Of requests in order, without a catalogue: the first `share_before` say which items are popular, the
    rest is counted. An item that is not among the first could not have had a list."""
    split = int(len(item_ids) * share_before)
    before = Counter(item_ids[:split])
    rows = {item: at for at, (item, _) in enumerate(before.most_common())}
    said = f"{source}: the hot set is chosen from the first {share_before:.0%} and measured on the rest"
    return of_trace(item_ids[split:], rows.get, len(rows), said)


def of_counts(
    asked: Mapping[str, float], requests: float, others: float, row: _ROW, listed: int, source: str
) -> Traffic:
    """Of the service's counters: `asked` by item, among `requests` in all, `others` for which there is no
    list.

    The counts have no order, so one is drawn (the independent reference model): bursts of the real traffic,
    which would favour LRU, are not in it. Counts are of a sample and are scaled to what was counted in full.
    """
    counts = np.zeros(listed, np.float64)
    for item_id, count in asked.items():
        at = row(item_id)
        if at is not None and at < listed:
            counts[at] += count
    listable = max(requests - others, 0.0)
    counted = float(counts.sum())
    scale = listable / counted if counted > listable else 1.0
    # Rounded on the way of the sum, so that the sum is kept.
    whole = np.diff(np.rint(np.cumsum(counts * scale)), prepend=0.0).astype(np.int64)
    uncounted = max(listable - float(whole.sum()), 0.0)
    return Traffic(whole, others, uncounted, _drawn(whole), False, source)


def _drawn(counts: Ints, seed: int = 1) -> Ints:
    """The counted requests in an order of chance; MAX_DRAWN of them where there are more."""
    rng = np.random.default_rng(seed)
    total = int(counts.sum())
    if total <= MAX_DRAWN:
        return rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.choice(len(counts), MAX_DRAWN, p=counts / total)
