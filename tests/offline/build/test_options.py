"""What a build uses of the settings is recorded as it always was: the digest tells equal builds apart."""

import hashlib
import json
from typing import Any

import pytest

from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.training.parameters import COVISIT_WEIGHT, STEPS, USER
from hybrid_recs.settings import Settings

RECORDED = {
    "dimensions", "seed", "max_history", "covisit_weight", "tilt", "steps", "half_life",
    "trend_half_life", "session_decay", "session_weight", "session_trend",
    "user_decay", "user_weight", "user_trend", "exact_below", "ann_recall", "hot_share",
    "hot_max_items", "hot_max_mb",
}  # fmt: skip
DEFAULT_DIGEST = "ec8a6bb6645b6dce4628e002b433fde28d6537177dd391f2243dfa6d32c39b0e"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"covisit_weight": 3, "steps": 2, "user_trend": 0.0, "dimensions": 64, "seed": 7},
        {"tilt": 1, "session_decay": 0.25, "hot_max_mb": 0, "hot_share": 1, "ann_recall": 0.5},
    ],
)
def test_the_recorded_settings_are_those_of_the_settings_themselves(values: dict[str, Any]) -> None:
    settings = Settings(**values)
    expected = settings.model_dump(mode="json", include=RECORDED)
    options = BuildOptions.from_settings(settings)
    assert json.dumps(options.as_json()) == json.dumps(expected)
    assert options.digest() == hashlib.sha256(json.dumps(expected, sort_keys=True).encode()).hexdigest()


def test_the_digest_of_the_default_settings_has_not_changed() -> None:
    assert BuildOptions.from_settings(Settings()).digest() == DEFAULT_DIGEST


def test_settings_about_serving_change_nothing() -> None:
    options = BuildOptions.from_settings(Settings(list_ttl_days=2, session_hours=1, key_prefix="other"))
    assert options == BuildOptions.from_settings(Settings())


def test_only_parameters_with_a_value_are_pinned() -> None:
    assert BuildOptions.from_settings(Settings()).pinned == {}
    pinned = BuildOptions.from_settings(Settings(covisit_weight=0, steps=3, user_decay=0.5)).pinned
    assert pinned == {COVISIT_WEIGHT: 0.0, STEPS: 3, USER.decay: 0.5}
