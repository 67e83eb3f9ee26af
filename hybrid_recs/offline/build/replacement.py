"""Compares a build with the serving generation that it would replace."""

from collections.abc import Iterator

import numpy as np

from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import DEMO_DATASET, Manifest
from hybrid_recs.offline.build.bounds import SAME_DATASET
from hybrid_recs.offline.build.description import changed_keys
from hybrid_recs.offline.data.crawlers import REASON as CRAWLER
from hybrid_recs.types import SECONDS_PER_DAY, Json


def compare(build: Generation, serving: Generation) -> dict[str, float]:
    """Figures of the build next to those of the serving generation, which begin with `serving_`.

    Only `surviving` where the serving generation is of another dataset; nothing where it is the demo's.
    """
    if serving.manifest.dataset.name == DEMO_DATASET:
        return {}
    surviving = serving.catalogue.shared_popularity(build.catalogue)
    same_name = serving.manifest.dataset.name == build.manifest.dataset.name
    figures = {"surviving": surviving, "other_name": float(not same_name)}
    if not same_name and surviving < SAME_DATASET:
        return figures
    before, after = _sizes(serving.manifest.dataset.account), _sizes(build.manifest.dataset.account)
    figures |= {name: size for name, size in after.items() if name in before}
    figures |= {f"serving_{name}": size for name, size in before.items()}
    if "hr@20" in serving.manifest.quality:
        figures["serving_hr@20"] = serving.manifest.quality["hr@20"]
    return figures | _shared_lists_figures(build, serving)


def _sizes(account: Json) -> dict[str, float]:
    """How much data a generation was learned from, and the day of the newest interaction, in days since 1970;
    without what an older manifest does not tell."""
    known = {name: float(value) for name, value in account.items() if isinstance(value, int | float)}
    sizes = {name: known[name] for name in ("users", "items") if known.get(name)}
    if known.get("rows_kept") and known.get("rows_read"):
        sizes["rows"] = known["rows_kept"]
        # A wave of crawlers says nothing of how the file was understood.
        crawled = (account.get("dropped") or {}).get(CRAWLER, 0)
        sizes["kept_share"] = (known["rows_kept"] + crawled) / known["rows_read"]
    last = known.get("last_time", 0)
    if last > 0:
        sizes["newest"] = last / SECONDS_PER_DAY
    if last > known.get("first_time", last):
        sizes["days"] = (last - known["first_time"]) / SECONDS_PER_DAY
    return sizes


def remarks(build: Manifest, serving: Manifest) -> list[str]:
    """What whoever reads the comparison has to know, as sentences."""
    found, surviving = [], build.quality["surviving"]
    if build.quality["other_name"] and surviving >= SAME_DATASET:
        found.append(
            f"the serving generation is of the dataset {serving.dataset.name!r}: compared as the same one "
            f"under a new name, as {surviving:.0%} of its interactions are about items of this build"
        )
    unknown = _known(build) - _known(serving)
    if unknown and "serving_items" in build.quality:
        found.append(
            f"the manifest of the serving generation does not tell {', '.join(sorted(unknown))}: not compared"
        )
    return found


def _known(manifest: Manifest) -> set[str]:
    return {*_sizes(manifest.dataset.account), *({"hr@20"} & set(manifest.quality))}


def changed_description(build: Manifest, serving: Manifest) -> str:
    """Which keys of the dataset.toml changed since, as a sentence; empty where none did."""
    before, after = serving.dataset.description, build.dataset.description
    if before is None or after is None:
        return "" if before == after else "which keys of the dataset.toml changed was not recorded"
    keys = changed_keys(before, after)
    return f"keys of the dataset.toml changed since: {', '.join(keys)}" if keys else ""


def _shared_lists_figures(build: Generation, serving: Generation) -> dict[str, float]:
    """About the lists of items that are hot in both, so that the sizes of the hot sets do not matter.

    overlap@10: weighted by the popularity of the items. shared_coverage: share of all learned items that are
    among the first ten of these lists.
    """
    weights: list[float] = []
    shares: list[float] = []
    shown_before: set[str] = set()
    shown_after: set[str] = set()
    for row, before, after in _shared_lists(build, serving):
        weights.append(float(build.catalogue.popularity[row]))
        shares.append(len(before & after) / max(len(before), 1))
        shown_before |= before
        shown_after |= after
    figures = {"shared_hot_items": float(len(weights))}
    if weights:
        figures["overlap@10"] = float(np.average(shares, weights=np.maximum(weights, 1e-9)))
        figures["shared_coverage"] = _learned_share(build, shown_after)
        figures["serving_shared_coverage"] = _learned_share(serving, shown_before)
    return figures


def _learned_share(generation: Generation, shown: set[str]) -> float:
    """Share of the items with a learned vector that are among these."""
    rows = [generation.catalogue.row(item) for item in shown]
    learned = generation.manifest.learned
    return sum(row is not None and row < learned for row in rows) / learned if learned else 0.0


def _shared_lists(build: Generation, serving: Generation) -> Iterator[tuple[int, set[str], set[str]]]:
    for row in build.hot.rows.tolist():
        old_row = serving.catalogue.row(build.catalogue.item_id(row))
        old = None if old_row is None else serving.hot.neighbours(old_row)
        new = build.hot.neighbours(row)
        if old is None or new is None:
            continue
        before = {serving.catalogue.item_id(r) for r in old.head(10).rows.tolist()}
        after = {build.catalogue.item_id(r) for r in new.head(10).rows.tolist()}
        yield row, before, after
