"""Refuses interactions and an items table whose ids do not meet, and says which spelling would let them."""

import itertools

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.id_rules import IdRules
from hybrid_recs.offline.sources.dataset_config import DatasetConfig

MIN_SHARE = 0.01
_TRIED = 1_000
_MIN_MET, _MIN_GAIN = 0.5, 0.1
_RULES = (
    ("whole_numbers", True),
    ("strip", True),
    ("id_case", "lower"),
)


def require_overlap(config: DatasetConfig, logged: pl.Series, listed: pl.Series) -> None:
    """Raise DatasetError when under 1 % of the items of the log are in the items table.

    logged, listed: ids, spelt as the rules say.
    """
    if config.items is None:
        return
    logged, listed = logged.unique().sort(), listed.unique().sort()
    if met(logged, listed) >= MIN_SHARE:
        return
    keys = spelling_that_meets(logged, listed)
    remedy = (
        f"they would meet with {keys} above the first table of the dataset.toml"
        if keys
        else "check the columns item and id, or leave [items] out"
    )
    examples = f"{logged[0]!r}" + (f" beside {listed[0]!r}" if len(listed) else ", and the table is empty")
    raise DatasetError(
        f"{config.items.shown}: {met(logged, listed):.1%} of the {len(logged):,} items of the interactions "
        f"are in the items table ({examples}); {remedy}"
    )


def met(logged: pl.Series, listed: pl.Series) -> float:
    """Share of the items of the log that the table lists."""
    return float(logged.is_in(listed.implode()).mean() or 0) if len(logged) else 1.0  # type: ignore[arg-type]


def spelling_that_meets(logged: pl.Series, listed: pl.Series) -> str | None:
    """The fewest keys with which at least half of the items of the log are listed, and many more than
    without; of a sample of the log."""
    needed = max(_MIN_MET, met(logged, listed) + _MIN_GAIN)
    sample = logged.sample(min(_TRIED, len(logged)), seed=0).to_list()
    table = listed.to_list()
    for count in (1, 2, 3):
        for chosen in itertools.combinations(_RULES, count):
            keys = dict(chosen)
            rules = IdRules("lower" if "id_case" in keys else None, "strip" in keys, "whole_numbers" in keys)
            known = {rules.spell(item) for item in table}
            if sum(rules.spell(item) in known for item in sample) >= needed * len(sample):
                return " and ".join(f"{key} = {_toml(value)}" for key, value in chosen)
    return None


def _toml(value: object) -> str:
    return "true" if value is True else f'"{value}"'
