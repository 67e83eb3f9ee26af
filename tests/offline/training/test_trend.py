"""The trend, against a sum over all interactions."""

import numpy as np
import pytest

from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.offline.training.trend import fit_trend
from tests.offline.builders import dataset_of, random_histories

HISTORIES = random_histories(4, users=300, items=60, longest=8)
TIMES = [
    [1e9 + 86_400.0 * ((7 * user + index) % 100) for index in range(len(met))]
    for user, met in enumerate(HISTORIES)
]


@pytest.mark.parametrize("half_life", [0.01, 0.25, 1.0])
def test_every_interaction_counts_by_its_age(half_life: float) -> None:
    data = encode(dataset_of(HISTORIES, times=TIMES))
    times = data.pairs["time"].to_numpy()
    totals = np.zeros(data.n_vectors)
    for item, time in zip(data.pairs["item"].to_list(), times, strict=True):
        totals[item] += 0.5 ** ((times.max() - time) / (half_life * (times.max() - times.min())))
    actual = fit_trend(data, half_life, 20)
    assert actual.rows.tolist() == np.argsort(-totals, kind="stable")[:20].tolist()
    np.testing.assert_allclose(actual.weights, totals[actual.rows] / totals.max(), rtol=1e-6)
    assert actual.weights[0] == 1


def test_without_times_it_is_popularity() -> None:
    data = encode(dataset_of(HISTORIES))
    actual = fit_trend(data, 0.01, 10)
    met = np.bincount(data.pairs["item"].to_numpy(), minlength=data.n_vectors)
    assert actual.rows.tolist() == np.argsort(-met, kind="stable")[:10].tolist()
    np.testing.assert_allclose(actual.weights, met[actual.rows] / met.max(), rtol=1e-6)


def test_interactions_that_are_too_old_give_no_trend() -> None:
    data = encode(dataset_of([[0, 1], [2, 3]], times=[[0.0, 0.0], [1e9, 1e9]]))
    actual = fit_trend(data, 1e-4)
    assert sorted(data.items["item"].to_list()[row] for row in actual.rows.tolist()) == ["i0002", "i0003"]
    assert actual.weights.tolist() == [1, 1]
