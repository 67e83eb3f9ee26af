"""Contenders measured in turns (A B A B …), so that a noisy moment of the machine meets all of them."""

from collections.abc import Callable, Mapping
from statistics import median

Rounds = dict[str, list[float]]


def take_turns(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> Rounds:
    """Each contender's figures, round by round; each has an uncounted round first to warm up."""
    for measure in contenders.values():
        measure()
    figures: Rounds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            figures[name].append(measure())
    return figures


def ratio(figures: Rounds, name: str, over: str) -> float:
    """The median over the rounds of one contender's figure over another's of the same round."""
    return median(a / b for a, b in zip(figures[name], figures[over], strict=True))


def medians(figures: Rounds, unit: str) -> dict[str, float]:
    """For the report: the median of each contender, its unit in the name."""
    return {f"{name} {unit}": round(median(values), 3) for name, values in figures.items()}
