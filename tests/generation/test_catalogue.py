"""Item ids and rows map to each other whatever the ids look like."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_recs.errors import CorruptGenerationError
from hybrid_recs.generation.arrays import open_array, save_array
from hybrid_recs.generation.catalogue import Catalogue, write_catalogue

_ODD = [
    "",
    " ",
    "  ",
    "7",
    "07",
    "007",
    "7 ",
    " 7",
    "é",
    "e\u0301",
    "🛒",
    "a\nb",
    "a\tb",
    "\x00",
    "A",
    "a",
    "x" * 9_000,
]
_ID = st.one_of(
    st.sampled_from(_ODD),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.integers(0, 999).map(lambda number: f"{number:05d}"),
)
# Includes lone surrogates, which no file can hold but a request can carry.
_ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
_FILES = [
    "ids", "ids_offsets", "titles", "titles_offsets", "categories", "categories_offsets",
    "id_hashes", "id_rows", "popularity", "by_popularity",
]  # fmt: skip


def _write(
    folder: Path,
    ids: list[str],
    titles: list[str] | None = None,
    categories: list[list[str]] | None = None,
    popularity: list[float] | None = None,
) -> Catalogue:
    n = len(ids)
    write_catalogue(
        folder,
        ids,
        titles or [""] * n,
        categories or [[]] * n,
        np.array(popularity or np.arange(n, 0, -1), np.float64),
    )
    return Catalogue(folder)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(_ID, unique=True, max_size=60), st.lists(_ANY_TEXT, max_size=20))
def test_every_id_maps_to_its_row_and_back(ids: list[str], others: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalogue = _write(Path(folder), ids)
        assert len(catalogue) == len(ids)
        for row, item_id in enumerate(ids):
            assert catalogue.row(item_id) == row
            assert catalogue.item_id(row) == item_id
        for item_id in (*others, "\ud800", "a\udfff", *(f"{i}\ud800" for i in ids)):
            assert catalogue.row(item_id) == (ids.index(item_id) if item_id in ids else None)


def test_twenty_thousand_ids_each_find_their_own_row(tmp_path: Path) -> None:
    ids = [f"{number:06d}" for number in range(20_000)]
    catalogue = _write(tmp_path, ids)
    assert [catalogue.row(item_id) for item_id in ids] == list(range(20_000))
    assert all(catalogue.row(str(number)) is None for number in range(100))


def test_ids_with_one_hash_are_told_apart(tmp_path: Path) -> None:
    ids = ["first", "second", "third"]
    _write(tmp_path, ids)
    hashes = open_array(tmp_path / "id_hashes.npy").copy()
    order = open_array(tmp_path / "id_rows.npy").copy()
    # The id behind the middle hash is looked up first at the lower position, where another id is.
    wanted, other = ids[int(order[1])], ids[int(order[0])]
    hashes[0] = hashes[1]
    save_array(tmp_path / "id_hashes.npy", hashes)
    catalogue = Catalogue(tmp_path)
    assert catalogue.row(wanted) == order[1]
    assert catalogue.row(ids[int(order[2])]) == order[2]
    # Its true hash is no longer in the table.
    assert catalogue.row(other) is None


def test_an_id_that_only_shares_a_hash_is_unknown(tmp_path: Path) -> None:
    known = _write(tmp_path, ["known", "stranger"]).row("known")
    hashes, order = open_array(tmp_path / "id_hashes.npy"), open_array(tmp_path / "id_rows.npy")
    of_stranger = hashes[order != known]
    only = tmp_path / "only"
    only.mkdir()
    _write(only, ["known"])
    save_array(only / "id_hashes.npy", of_stranger)
    assert Catalogue(only).row("stranger") is None


def test_titles_and_categories_are_of_their_item(tmp_path: Path) -> None:
    catalogue = _write(
        tmp_path,
        ["a", "b", "c"],
        ["Tea", "", "Käse 🧀"],
        [["hot", "drink, mild"], [], ["food|fresh"]],
        [5.0, 2.5, 0.0],
    )
    assert [catalogue.title(row) for row in range(3)] == ["Tea", None, "Käse 🧀"]
    items = [catalogue.item(row) for row in range(3)]
    assert [item.item_id for item in items] == ["a", "b", "c"]
    assert [item.title for item in items] == ["Tea", None, "Käse 🧀"]
    assert [item.categories for item in items] == [["hot", "drink, mild"], [], ["food|fresh"]]
    assert [item.popularity for item in items] == [5.0, 2.5, 0.0]


def test_a_catalogue_without_items_answers(tmp_path: Path) -> None:
    catalogue = _write(tmp_path, [])
    assert len(catalogue) == 0
    assert catalogue.row("a") is None
    assert catalogue.popular(10, frozenset()).tolist() == []


@pytest.mark.parametrize("n", [1, 2, 30, 200])
def test_popular_is_never_short_while_items_are_left(n: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(n)
    popularity = rng.integers(0, 1 + n // 3, n).astype(np.float64).tolist()
    catalogue = _write(tmp_path, [str(row) for row in range(n)], popularity=popularity)
    best_first = sorted(range(n), key=lambda row: (-popularity[row], row))
    for _ in range(200):
        # As often as not the very best are excluded; some of the excluded are rows of no item.
        pool = [best_first[: 1 + n // 4], list(range(2 * n))][int(rng.integers(2))]
        excluded = frozenset(rng.choice(pool, rng.integers(0, len(pool) + 1), replace=False).tolist())
        count = int(rng.integers(0, n + 3))
        expected = [row for row in best_first if row not in excluded][:count]
        assert catalogue.popular(count, excluded).tolist() == expected


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    _write(folder, ["a", "bb", "ccc"], ["x", "y", "z"], [["k"], [], ["l", "m"]])
    return folder


@pytest.mark.parametrize("name", _FILES)
@pytest.mark.parametrize("damage", ["missing", "cut short", "not an array"])
def test_a_damaged_file_is_named(written: Path, tmp_path: Path, name: str, damage: str) -> None:
    folder = Path(shutil.copytree(written, tmp_path / "copy"))
    path = folder / f"{name}.npy"
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "cut short" else b"garbage" * 40)
    with pytest.raises(CorruptGenerationError, match=f"{name}.npy"):
        Catalogue(folder)
