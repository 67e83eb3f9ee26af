"""The rules by which item changes become the overlay of a generation."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybrid_recs.errors import BadVectorError, TooManyNewItemsError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.items.change_feed import ChangeFeed, unit
from hybrid_recs.items.change_store import ChangeStore
from hybrid_recs.items.item_change import Placement
from hybrid_recs.types import Floats
from tests.builders import write_generation

IDS = ["a", "b", "c", "d", "e", "f"]
LEARNED, VECTORS = 3, 4  # d is placed by content, e and f not at all
N = len(IDS)
X, Y = np.eye(4, dtype=np.float32)[:2]


class _Encoder:
    """Places what has "red" in its title."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, list[str], str | None]] = []

    def encode(self, title: str | None, categories: list[str], text: str | None) -> Floats | None:
        self.asked.append((title, categories, text))
        return Y if title and "red" in title else None


@pytest.fixture
def encoder() -> _Encoder:
    return _Encoder()


@pytest.fixture
def small(tmp_path: Path, encoder: _Encoder) -> Generation:
    folder = tmp_path / "generation"
    folder.mkdir()
    written = write_generation(folder, "one", IDS, np.array([0]))
    manifest = written.manifest.model_copy(update={"learned": LEARNED, "vectors": VECTORS})
    return replace(written, manifest=manifest, content=encoder)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> ChangeStore:
    return ChangeStore(tmp_path)


def _after(generation: Generation, name: str, changes: int) -> Generation:
    """A later generation that folded in the first `changes`."""
    manifest = generation.manifest.model_copy(update={"id": name, "changes": changes})
    return replace(generation, id=name, manifest=manifest)


def test_nothing_changed(small: Generation, store: ChangeStore) -> None:
    overlay = ChangeFeed(store, 10).overlay_of(small)
    assert (overlay.version, overlay.hidden, len(overlay.new)) == (0, frozenset(), 0)


def test_hidden_rows_old_and_new(small: Generation, store: ChangeStore) -> None:
    feed = ChangeFeed(store, 10)
    store.hide("b", in_catalogue=True)
    store.hide("f", in_catalogue=True)
    feed.put(small, "new", {"vector": X, "available": False})
    feed.put(small, "new too", {"vector": X})
    overlay = feed.overlay_of(small)
    assert overlay.hidden == {1, 5, N}
    assert overlay.new.ids == ["new", "new too"]
    assert overlay.version == store.last
    builder = feed.builder_of(small)
    assert [builder.is_available(item) for item in ("a", "b", "new", "new too")] == [True, False, False, True]
    feed.put(small, "b", {"available": True})
    feed.put(small, "new", {"available": True})
    assert feed.overlay_of(small).hidden == {5}


def test_what_places_an_item(small: Generation, store: ChangeStore, encoder: _Encoder) -> None:
    feed = ChangeFeed(store, 100)
    for item_id in ("a", "d", "e", "new"):
        feed.put(small, item_id, {"title": "a red one"})
    for item_id in ("f", "blue"):
        feed.put(small, item_id, {"title": "a blue one"})
    feed.put(small, "b", {"vector": 7 * X})
    feed.put(small, "both", {"title": "a red one", "vector": X, "categories": ["x"]})
    overlay = feed.overlay_of(small)
    new = dict(zip(overlay.new.ids, overlay.new.vectors.tolist(), strict=True))
    by_content, by_vector, nowhere = Y.tolist(), X.tolist(), [0, 0, 0, 0]
    # a keeps the vector it was learned with, f keeps having none.
    assert new == {
        "d": by_content, "e": by_content, "new": by_content, "blue": nowhere, "b": by_vector,
        "both": by_vector,
    }  # fmt: skip
    assert overlay.hidden == {1, 3, 4}  # rows whose item is a new one now
    placed = feed.builder_of(small).placement
    assert {item: placed(item, small.catalogue.row(item)) for item in (*IDS, "new", "blue", "both")} == {
        "a": Placement.INTERACTIONS, "b": Placement.VECTOR, "c": Placement.INTERACTIONS,
        "d": Placement.CONTENT, "e": Placement.CONTENT, "f": Placement.NOT_PLACED, "new": Placement.CONTENT,
        "blue": Placement.NOT_PLACED,
        "both": Placement.VECTOR,
    }  # fmt: skip
    asked = len(encoder.asked)
    feed.put(small, "more", {"title": "a red one"})
    feed.overlay_of(small)
    assert len(encoder.asked) == asked + 1  # each description is encoded once


def test_a_new_generation_keeps_what_it_did_not_fold_in(small: Generation, store: ChangeStore) -> None:
    feed = ChangeFeed(store, 100)
    feed.put(small, "e", {"title": "a red one"})
    store.hide("e")
    store.hide("a", in_catalogue=True)
    folded = store.last
    feed.put(small, "new", {"title": "a red one"})
    feed.put(small, "e", {"available": True})
    assert feed.overlay_of(_after(small, "nothing folded", 0)).new.ids == ["new", "e"]
    later = feed.overlay_of(_after(small, "folded", folded))
    # Of e only its availability changed after the build; a is hidden until it is made available.
    assert (list(later.new.ids), set(later.hidden)) == (["new"], {0})
    assert feed.overlay_of(_after(small, "all", store.last)).new.ids == ()


def test_a_vector_is_right_in_its_own_space_only(small: Generation, store: ChangeStore) -> None:
    feed = ChangeFeed(store, 100)
    feed.put(small, "red", {"title": "a red one", "vector": X})
    feed.put(small, "vector only", {"vector": X})
    assert feed.overlay_of(small).new.vectors.tolist() == [X.tolist(), X.tolist()]
    other = _after(small, "of another fit", 0)
    assert feed.overlay_of(other).new.vectors.tolist() == [Y.tolist(), [0, 0, 0, 0]]
    assert feed.builder_of(other).placement("vector only", None) is Placement.NOT_PLACED
    assert feed.overlay_of(small).new.vectors.tolist() == [X.tolist(), X.tolist()]  # rolled back


def test_news_of_other_processes_and_the_same_object_without(small: Generation, store: ChangeStore) -> None:
    feed = ChangeFeed(store, 100)
    first = feed.overlay_of(small)
    assert feed.overlay_of(small) is first
    other = ChangeStore(store.path.parent)
    other.hide("c", in_catalogue=True)
    second = feed.overlay_of(small)
    assert (set(second.hidden), second.version) == ({2}, other.last)
    assert feed.overlay_of(small) is second
    other.hide("c")  # nothing new
    assert feed.overlay_of(small) is second


def test_while_the_store_is_damaged_what_is_known_stands_and_is_said_once(
    small: Generation, store: ChangeStore, caplog: pytest.LogCaptureFixture
) -> None:
    feed = ChangeFeed(store, 100)
    store.hide("c", in_catalogue=True)
    before = feed.overlay_of(small)
    store.close()
    for left in store.path.parent.glob("items.sqlite*"):
        left.write_bytes(b"damaged" * 1_000)
    with caplog.at_level(logging.INFO):
        assert feed.overlay_of(small) is before
        assert feed.overlay_of(_after(small, "new", 0)).hidden == {2}
        assert feed.overlay_of(small) is before
    (said,) = caplog.messages
    assert "items.sqlite: damaged" in said
    for left in store.path.parent.glob("items.sqlite*"):
        left.unlink()
    with caplog.at_level(logging.INFO):
        assert feed.overlay_of(small).hidden == frozenset()
    assert "can be read again" in caplog.messages[-1]


def test_bounds(small: Generation, store: ChangeStore) -> None:
    feed = ChangeFeed(store, 1)
    for bad in ([1.0] * 3, [1.0] * 5, [0.0] * 4, [np.nan, 1, 1, 1], [np.inf, 1, 1, 1]):
        with pytest.raises(BadVectorError, match="vector: 4 finite numbers, not all 0, are needed"):
            feed.put(small, "new", {"vector": np.array(bad)})
    assert store.last == 0
    assert feed.put(small, "new", {"vector": X})[1] is True
    assert feed.put(small, "new", {"vector": Y})[1] is False
    with pytest.raises(TooManyNewItemsError):
        feed.put(small, "another", {"vector": X})
    assert feed.put(small, "a", {"available": False})[1] is False


@pytest.mark.parametrize("scale", [1.0, 1e300, 1e-300, 5e-324])
def test_vectors_of_any_length_are_scaled(scale: float) -> None:
    assert unit(np.array([scale, 0, -scale]), 3).tolist() == pytest.approx([0.5**0.5, 0, -(0.5**0.5)])
