"""Latency of a substring search in titles, and the cost of the title index.

python -m benchmarks.title_search            # a million synthetic titles of six words and a number
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hybrid_recs.generation.title_index import TitleIndex, write_title_index

RUNS = 15
COMMON = ("red", "shoe", "running", "lamp", "steel")
QUERIES = ("r", "re", "red", "red shoe", "run lamp", "hoe", "teel ning", "99", "12345", "zzzzqq")
_SYLLABLES = [
    "ba",
    "be",
    "bi",
    "bo",
    "bu",
    "da",
    "de",
    "di",
    "ka",
    "ke",
    "lo",
    "ma",
    "ne",
    "ri",
    "sa",
    "to",
    "vu",
    "xa",
    "zo",
    "st",
    "ar",
    "en",
]


def _titles(count: int) -> list[str]:
    rng = random.Random(1)
    rare = ["".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))).capitalize() for _ in range(60_000)]
    words = [*rare, *COMMON * 200]
    accents = ["éx", "ßx", "üx"]
    return [
        f"{' '.join(rng.choices(words, k=5))} {rng.choice(accents)} {number:07d}" for number in range(count)
    ]


def main(count: int) -> None:
    titles = _titles(count)
    by_popularity = np.random.default_rng(1).permutation(count).astype(np.uint32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        write_title_index(folder, titles, by_popularity)
        build_seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        print(f"{count:,} titles: {build_seconds:.1f} s to write, {size:.0f} MB\n")
        index = TitleIndex(folder, by_popularity)
        print("| query | found of 10 | median | slowest |\n|---|---|---|---|")
        for query in QUERIES:
            seconds = []
            for _ in range(RUNS):
                started = time.perf_counter()
                rows = index.find(query, 10)
                seconds.append(time.perf_counter() - started)
            median, slowest = statistics.median(seconds) * 1e3, max(seconds) * 1e3
            print(f"| `{query}` | {len(rows)} | {median:.1f} ms | {slowest:.1f} ms |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
