"""Interleaved measurement (A B A B …), so that a noisy moment of the machine affects all contenders."""

from collections.abc import Callable, Mapping
from statistics import median

Rounds = dict[str, list[float]]


def measure_interleaved(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> Rounds:
    """Each contender's figures, round by round, after one uncounted warm-up round of each."""
    for measure in contenders.values():
        measure()
    figures: Rounds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            figures[name].append(measure())
    return figures


def ratio(figures: Rounds, name: str, over: str) -> float:
    """Median over the rounds of the ratio of two contenders' figures in the same round."""
    return median(a / b for a, b in zip(figures[name], figures[over], strict=True))


def medians(figures: Rounds, unit: str) -> dict[str, float]:
    """Median of each contender for the report; the unit is part of the name."""
    return {f"{name} {unit}": round(median(values), 3) for name, values in figures.items()}
