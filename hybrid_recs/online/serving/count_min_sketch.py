"""Estimates how often rows were requested recently, in fixed memory: a count-min sketch that ages.

After every SAMPLE counts all counters are halved, so that the estimate follows the recent past, as in
Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage
13(4), 2017. Within a sample the estimate is never too low, and rarely too high: a counter holds about two
counts of other rows, and all four counters of a row must be too high at once.
"""

import numpy as np

SAMPLE = 1 << 17
_BITS = 17
_MAX_COUNT = 255
_WORD = (1 << 64) - 1
# An odd multiplier per line: the upper bits of row · multiplier spread over the line (Dietzfelbinger).
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)


class FrequencySketch:
    """Four lines of 2^17 one-byte counters: half a megabyte, whatever is counted."""

    def __init__(self) -> None:
        self._lines = [bytearray(1 << _BITS) for _ in _MULTIPLIERS]
        self._counts = 0

    def count(self, row: int) -> int:
        """Count `row`; returns the estimate of its count."""
        cells = [((row + 1) * multiplier & _WORD) >> (64 - _BITS) for multiplier in _MULTIPLIERS]
        estimate = min([line[cell] for line, cell in zip(self._lines, cells, strict=True)])
        if estimate < _MAX_COUNT:
            for line, cell in zip(self._lines, cells, strict=True):
                # Only the lowest counters grow: the others include counts of other rows.
                if line[cell] == estimate:
                    line[cell] = estimate + 1
            estimate += 1
        self._counts += 1
        if self._counts == SAMPLE:
            self._halve()
        return estimate

    def _halve(self) -> None:
        for line in self._lines:
            counters = np.frombuffer(line, np.uint8)
            counters >>= 1
        self._counts = 0
