"""How often rows were asked for lately, estimated in fixed memory: a count-min sketch that ages.

After every SAMPLE counts all counters are halved, so that the estimate is of the recent past, as in
Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on
Storage 13(4), 2017. Within a sample it is never too low; it is too high by chance, and rarely: a counter
holds about two counts of other rows, and all four of a row's counters must be too high at once.
"""

import numpy as np

SAMPLE = 1 << 17
_BITS = 17
_MOST = 255
_WORD = (1 << 64) - 1
# Odd multipliers, one a line: the upper bits of row · multiplier spread over the line (Dietzfelbinger).
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)


class FrequencySketch:
    """Four lines of 2^17 one-byte counters: half a megabyte, whatever is counted."""

    def __init__(self) -> None:
        self._lines = [bytearray(1 << _BITS) for _ in _MULTIPLIERS]
        self._counted = 0

    def count(self, row: int) -> int:
        """Count `row` once more; returns the estimate of how often it was counted."""
        cells = [((row + 1) * multiplier & _WORD) >> (64 - _BITS) for multiplier in _MULTIPLIERS]
        estimate = min([line[cell] for line, cell in zip(self._lines, cells, strict=True)])
        if estimate < _MOST:
            for line, cell in zip(self._lines, cells, strict=True):
                # Only the lowest grow: the others already count more than this row.
                if line[cell] == estimate:
                    line[cell] = estimate + 1
            estimate += 1
        self._counted += 1
        if self._counted == SAMPLE:
            self._halve()
        return estimate

    def _halve(self) -> None:
        for line in self._lines:
            counters = np.frombuffer(line, np.uint8)
            counters >>= 1
        self._counted = 0
