"""Quality bounds on the real datasets (docs/benchmarks/quality.md). Minutes each."""

import pytest

from benchmarks.session_knn import SessionKnn
from hybrid_recs.commands.evaluate import BASELINES, evaluate
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings
from hybrid_recs.types import Json
from tests.conftest import quiet_steps, real_data
from tests.paths import REAL_DATA, ROOT

EXAMPLES = ROOT / "examples"
ITEM, SESSION, USER = "next item from an item", "next item from a session", "held-out items of a user"
FITS = {**BASELINES, "session-KNN": SessionKnn.fit}

pytestmark = pytest.mark.slow


def _rows(result: Json, task: str, kind: str) -> dict[str, Json]:
    return {r["method"]: r for r in result["rows"] if (r["task"], r["kind"]) == (task, kind)}


@pytest.mark.parametrize(
    "name", ["serenade-example", "movietweetings", "online-retail", "ml-latest-small", "goodbooks-10k"]
)
def test_served_lists_are_better_than_every_baseline(name: str) -> None:
    real_data(name)
    for library in ("implicit", "gensim"):
        pytest.importorskip(library, reason="the baselines need the benchmark extra")
    description = DatasetConfig.load(EXAMPLES / f"{name}.toml", REAL_DATA)
    result = evaluate(description, BuildOptions.from_settings(Settings()), quiet_steps(), FITS, 4_000)

    served = _rows(result, ITEM, "served")["hybrid-recs"]
    parts, baselines = _rows(result, ITEM, "part"), _rows(result, ITEM, "baseline")
    del baselines["session-KNN (STAN-like)"]  # made for sessions, and compared there
    assert served["hr@20"] >= 1.05 * max(row["hr@20"] for row in baselines.values())
    assert served["hr@20"] >= max(row["hr@20"] for row in parts.values()) - served["se"]
    assert served["hr@20"] == pytest.approx(parts["its exact search"]["hr@20"], rel=0.005)
    assert served["tail"] >= baselines["item-KNN cosine"]["tail"]

    if name == "serenade-example":
        session = _rows(result, SESSION, "served")["hybrid-recs"]["hr@20"]
        assert session >= 1.05 * max(r["hr@20"] for r in _rows(result, SESSION, "baseline").values())
    else:
        user, baselines = _rows(result, USER, "served")["hybrid-recs"], _rows(result, USER, "baseline")
        for figure in ("recall@20", "ndcg@20"):
            for method in ("implicit ALS", "item-KNN cosine"):
                assert user[figure] >= baselines[method][figure]
