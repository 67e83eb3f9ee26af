"""A row of the results: a figure and its target, with the absolute figures behind it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.speed.harness import Harness
from hybrid_recs.types import Json


@dataclass(frozen=True, slots=True)
class Result:
    """figure, met (whether the target is met): None if the measurement failed; `error` says why."""

    id: str
    what: str
    figure: float | None
    unit: str
    target: str
    met: bool | None
    absolute: Json = field(default_factory=dict)
    error: str | None = None

    def as_json(self) -> Json:
        """Its entry in results.json."""
        return asdict(self)


def at_least(id_: str, what: str, figure: float, bound: float, absolute: Json, also: bool = True) -> Result:
    """A ratio that must not be below `bound`; also: a further condition of the target."""
    return Result(id_, what, round(figure, 3), "×", f"≥ {bound:g}", figure >= bound and also, absolute)


def at_most(
    id_: str, what: str, figure: float, bound: float, absolute: Json, unit: str = "×", also: bool = True
) -> Result:
    """A figure that must not be above `bound`; also: a further condition of the target."""
    return Result(id_, what, round(figure, 3), unit, f"≤ {bound:g}", figure <= bound and also, absolute)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Results measured together; `ids` lists them, so that missing ones can be reported."""

    ids: Sequence[str]
    run: Callable[[Harness], Iterator[Result]]


def run_benchmark(benchmark: Benchmark, harness: Harness) -> Iterator[Result]:
    """Its results. A failed measurement becomes a result with an error, so that the caller can continue."""
    missing = dict.fromkeys(benchmark.ids)
    try:
        for result in benchmark.run(harness):
            missing.pop(result.id)
            yield result
        reason = "was not measured"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    for id_ in missing:
        yield Result(id_, "failed", None, "", "", None, error=reason)
