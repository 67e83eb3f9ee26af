"""A row of the results: a figure beside its target, with the absolute figures it comes from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.speed.rig import Rig
from hybrid_recs.types import Json


@dataclass(frozen=True, slots=True)
class Row:
    """figure, met: None when the row failed, then `error` says why."""

    id: str
    what: str
    figure: float | None
    unit: str
    target: str
    met: bool | None
    absolute: Json = field(default_factory=dict)
    error: str | None = None

    def as_json(self) -> Json:
        """As in results.json."""
        return asdict(self)


def at_least(id_: str, what: str, figure: float, bound: float, absolute: Json, also: bool = True) -> Row:
    """A ratio that must not be below `bound`; also: whatever else must hold."""
    return Row(id_, what, round(figure, 3), "×", f"≥ {bound:g}", figure >= bound and also, absolute)


def at_most(
    id_: str, what: str, figure: float, bound: float, absolute: Json, unit: str = "×", also: bool = True
) -> Row:
    """A figure that must not be above `bound`; also: whatever else must hold."""
    return Row(id_, what, round(figure, 3), unit, f"≤ {bound:g}", figure <= bound and also, absolute)


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows measured together; `ids` says which, so that those missing can be reported."""

    ids: Sequence[str]
    run: Callable[[Rig], Iterator[Row]]


def run_part(part: Part, rig: Rig) -> Iterator[Row]:
    """Its rows; what could not be measured comes as an error with the reason, and the caller goes on."""
    missing = dict.fromkeys(part.ids)
    try:
        for row in part.run(rig):
            missing.pop(row.id)
            yield row
        reason = "was not measured"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    for id_ in missing:
        yield Row(id_, "failed", None, "", "", None, error=reason)
