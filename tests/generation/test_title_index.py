"""Titles are found as a plain scan over all of them would find them."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_recs.generation.catalogue import Catalogue, write_catalogue
from hybrid_recs.generation.title_index import search_tokens

TITLES = [
    "Red enamel lantern",
    "RED LANTERN, small",
    "Lantern (infrared)",
    "Café-au-lait bowl",
    "Straße nach Süden",
    "",
    "Ред фонарь",
    "赤いランタン",
    "Red red red",
    "T-light holder 12",
    "Credenza",
]


def _catalogue(folder: Path, titles: Sequence[str], popularity: Sequence[float]) -> Catalogue:
    ids = [f"i{row}" for row in range(len(titles))]
    write_catalogue(folder, ids, titles, [[] for _ in ids], np.array(popularity, np.float64))
    return Catalogue(folder)


def _scan(titles: Sequence[str], popularity: Sequence[float], query: str) -> list[int]:
    """Every word of the query in some word of the title; at the beginnings first, then by popularity."""
    pieces = search_tokens(query)[:10]
    begun, held = [], []
    for row in sorted(range(len(titles)), key=lambda row: -popularity[row]):
        words = search_tokens(titles[row])
        if not pieces:
            continue
        if all(any(word.startswith(piece) for word in words) for piece in pieces):
            begun.append(row)
        elif all(
            any(piece in word if len(piece.encode()) > 1 else word.startswith(piece) for word in words)
            for piece in pieces
        ):
            held.append(row)
    return begun + held


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return _catalogue(tmp_path_factory.mktemp("titles"), TITLES, range(len(TITLES), 0, -1))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("red", [0, 1, 8, 2, 10]),  # infrared and Credenza hold it further in
        ("  LAN red ", [0, 1, 2]),
        ("cafe", [3]),
        ("CAFÉ AU", [3]),
        ("STRASSE", [4]),
        ("sud", [4]),
        ("фон", [6]),
        ("ランタ", [7]),
        ("t-li", [9]),
        ("1", [9]),
        ("2", []),  # a single letter counts at beginnings only
        ("redlantern", []),
        ("lantern infra red", [2]),
        ("-- !", []),
        ("", []),
    ],
)
def test_what_is_found(catalogue: Catalogue, query: str, found: list[int]) -> None:
    assert catalogue.titles.find(query, 20).tolist() == found


def test_the_best_of_many(catalogue: Catalogue) -> None:
    assert catalogue.titles.find("red", 4).tolist() == [0, 1, 8, 2]
    assert catalogue.titles.find("red", 2).tolist() == [0, 1]


_WORDS = st.text("abAB é1", max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    titles=st.lists(_WORDS, min_size=1, max_size=12),
    query=_WORDS,
    seed=st.integers(0, 9),
    count=st.integers(1, 12),
)
def test_same_as_a_scan(titles: list[str], query: str, seed: int, count: int) -> None:
    popularity = np.random.default_rng(seed).permutation(len(titles)).tolist()
    with TemporaryDirectory() as folder:
        found = _catalogue(Path(folder), titles, popularity).titles.find(query, count).tolist()
    assert found == _scan(titles, popularity, query)[:count]


def test_a_catalogue_without_titles(tmp_path: Path) -> None:
    assert _catalogue(tmp_path, ["", ""], [1, 2]).titles.find("a", 5).tolist() == []
