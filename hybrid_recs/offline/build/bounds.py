"""The bounds of the gate: each figure of a build beside the serving generation's, and why it is refused."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from hybrid_recs.types import SECONDS_PER_DAY

MIN_ANN_RECALL = 0.95
MIN_FULL_LISTS = 0.99
MIN_PARITY = 0.95
MIN_OVERLAP = 0.1
# Share of itself by which a figure may fall below that of the serving generation of the same dataset.
MAX_FALL = {"hr@20": 0.2, "shared_coverage": 0.5}
DATA_SIZES = ("rows", "users", "items", "days", "kept_share")
SAME_DATASET = 0.5
"""Share of the serving generation's interactions that are about items of the build: from here on a dataset of
another name is taken for the same one."""
PAST = "publish it all the same with FORCE=1 (--force)"
REPLACE = "replace it with NEW_DATASET=1 (--new-dataset)"
_MIN_SHARED = 100
_LOWEST = {
    "ann_recall@10": MIN_ANN_RECALL,
    "ann_recall@100": MIN_ANN_RECALL,
    "full_lists": MIN_FULL_LISTS,
    "parity@10": MIN_PARITY,
}
_ZERO = ("duplicates", "not_finite", "self_recommended", "unknown_rows")
_SERVING = "serving_"

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class DataBounds:
    """How far the data may fall behind that of the serving generation of the same dataset.

    max_fall: of rows, users, items, days and the share of rows kept, as a share of the serving generation's.
    min_surviving: share of its interactions that must be about items which the build has, too. max_days_back:
        by which the newest interaction may be older.
    """

    max_fall: float = 0.5
    min_surviving: float = 0.5
    max_days_back: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure as text: of the build, of the serving generation, and its bound; empty where there is none.

    refusal: both figures, the bound, its setting and the way past it; empty when the figure is within bounds.
    """

    name: str
    build: str
    serving: str = ""
    bound: str = ""
    refusal: str = ""


def judge(quality: Figures, bounds: DataBounds) -> list[Verdict]:
    """Every figure, in the order of the reasons to refuse the build; those without a bound come last."""
    judged = [*_lowest(quality), *_falls(quality), *_data(quality, bounds), *_zeros(quality)]
    seen = {verdict.name for verdict in judged} | {"other_name"}
    rest = (name for name in quality if name not in seen and not name.startswith(_SERVING))
    return judged + [
        Verdict(name, _figure(quality[name]), _figure(quality.get(_SERVING + name))) for name in rest
    ]


def _lowest(quality: Figures) -> Iterator[Verdict]:
    compared = {"overlap@10": MIN_OVERLAP} if quality.get("shared_hot_items", 0) >= _MIN_SHARED else {}
    for name, bound in (_LOWEST | compared).items():
        value = quality[name]
        refusal = f"{name} is {_figure(value)}, below {bound:g} (fixed); {PAST}"
        # Not "less than": NaN must fail every bound.
        yield Verdict(name, _figure(value), "", f"≥ {bound:g}", "" if value >= bound else refusal)


def _zeros(quality: Figures) -> Iterator[Verdict]:
    for name in _ZERO:
        refusal = f"{name} is {quality[name]:g}, not 0 (fixed); {PAST}" if quality[name] else ""
        yield Verdict(name, _figure(quality[name]), "", "0", refusal)


def _falls(quality: Figures) -> Iterator[Verdict]:
    for name, max_fall in MAX_FALL.items():
        before = quality.get(_SERVING + name)
        if before is None or (name == "shared_coverage" and quality["shared_hot_items"] < _MIN_SHARED):
            continue
        yield _beside(quality, name, (1 - max_fall) * before, "fixed", _figure)


def _data(quality: Figures, bounds: DataBounds) -> Iterator[Verdict]:
    """What the build was learned from, next to what the serving generation was."""
    if "surviving" not in quality:
        return
    yield _surviving(quality, bounds)
    if _is_another_dataset(quality):
        return
    for name in DATA_SIZES:
        before = quality.get(_SERVING + name)
        if before is not None:
            setting = f"HYBRID_RECS_GATE_MAX_FALL={bounds.max_fall:g}"
            yield _beside(quality, name, (1 - bounds.max_fall) * before, setting, _size)
    if "serving_newest" in quality:
        yield _newest(quality, bounds)


def _is_another_dataset(quality: Figures) -> bool:
    return bool(quality["other_name"]) and not quality["surviving"] >= SAME_DATASET


def _surviving(quality: Figures, bounds: DataBounds) -> Verdict:
    surviving, lowest = quality["surviving"], bounds.min_surviving
    about = f"{surviving:.1%} of the serving generation's interactions are about items of this build"
    refusal = ""
    if _is_another_dataset(quality):
        lowest = SAME_DATASET
        refusal = (
            f"it is of another dataset than the serving generation ({about}, {SAME_DATASET:.0%} would make "
            f"it the same one under a new name); {REPLACE}"
        )
    elif not surviving >= lowest:
        refusal = (
            f"only {about}, bound {lowest:.0%} (HYBRID_RECS_GATE_MIN_SURVIVING={lowest:g}); if ids were "
            f"renamed, {REPLACE}, or {PAST}"
        )
    return Verdict("surviving", f"{surviving:.1%}", "", f"≥ {lowest:.0%}", refusal)


def _newest(quality: Figures, bounds: DataBounds) -> Verdict:
    before = quality["serving_newest"]
    value, bound = quality.get("newest"), before - bounds.max_days_back
    day = "of no known day" if value is None else _day(value)
    refusal = (
        f"the newest interaction is {day}, {_day(before)} in the serving generation, bound {_day(bound)} "
        f"(HYBRID_RECS_GATE_MAX_DAYS_BACK={bounds.max_days_back:g}): is it an old export? {PAST}"
    )
    within = value is not None and value >= bound
    return Verdict("newest", day, _day(before), f"≥ {_day(bound)}", "" if within else refusal)


def _beside(
    quality: Figures, name: str, bound: float, setting: str, text: Callable[[float | None], str]
) -> Verdict:
    """A figure that may fall to `bound`; one that only the serving generation has counts as 0."""
    value, before = quality.get(name), text(quality[_SERVING + name])
    is_text = f"is {text(value)}" if value is not None else "could not be measured"
    refusal = f"{name} {is_text}, {before} in the serving generation, bound {text(bound)} ({setting}); {PAST}"
    within = (0 if value is None else value) >= bound
    return Verdict(name, text(value) or "unknown", before, f"≥ {text(bound)}", "" if within else refusal)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _size(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _day(days: float) -> str:
    if not np.isfinite(days):
        return "of no known day"
    return datetime.fromtimestamp(days * SECONDS_PER_DAY, UTC).strftime("%Y-%m-%d %H:%M")
