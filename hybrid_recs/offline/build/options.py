"""The settings that a generation depends on, as the manifest records them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_recs.offline.training.parameters import PARAMETERS, Parameter
from hybrid_recs.settings import Settings
from hybrid_recs.types import Json


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """pinned: the tuned parameters that have a value in the settings. The rest is as in `Settings`."""

    dimensions: int | None
    seed: int
    max_history: int
    pinned: Mapping[Parameter, float]
    exact_below: int
    ann_recall: float
    hot_share: float
    hot_max_items: int
    hot_max_mb: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "BuildOptions":
        """Every setting but those about serving."""
        names = {parameter.name for parameter in PARAMETERS}
        values = settings.model_dump(include=names, exclude_none=True)
        return cls(
            dimensions=settings.dimensions,
            seed=settings.seed,
            max_history=settings.max_history,
            pinned={
                parameter: values[parameter.name] for parameter in PARAMETERS if parameter.name in values
            },
            exact_below=settings.exact_below,
            ann_recall=settings.ann_recall,
            hot_share=settings.hot_share,
            hot_max_items=settings.hot_max_items,
            hot_max_mb=settings.hot_max_mb,
        )

    @property
    def hot_max_bytes(self) -> int:
        """1 MB is 10^6 bytes."""
        return self.hot_max_mb * 1_000_000

    def as_json(self) -> Json:
        """By the names and in the order of the settings; tuned parameters are null."""
        return {
            "dimensions": self.dimensions,
            "seed": self.seed,
            "max_history": self.max_history,
            **{parameter.name: self.pinned.get(parameter) for parameter in PARAMETERS},
            "exact_below": self.exact_below,
            "ann_recall": self.ann_recall,
            "hot_share": self.hot_share,
            "hot_max_items": self.hot_max_items,
            "hot_max_mb": self.hot_max_mb,
        }

    def digest(self) -> str:
        """SHA-256 of `as_json`, with sorted keys."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()
