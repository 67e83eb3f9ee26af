"""What was put and hidden since the dataset was written is part of the next build."""

from pathlib import Path

import numpy as np
import pytest

from hybrid_recs.commands import rebuild_index
from hybrid_recs.errors import ItemChangesError
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.items.change_store import ChangeStore
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.data.item_changes import last_sequence_number, with_changes
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings
from tests.conftest import quiet_steps
from tests.planted import item_id


def test_changes_go_before_the_items_table(planted: Path, tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    old, other = item_id(0, 0), item_id(0, 1)
    store.put("new", {"title": "New", "categories": ["a", "b"], "text": "words"})
    store.put("vector only", {"vector": np.ones(3, np.float32)})
    store.put(old, {"title": "Another title"})
    store.hide(other, in_catalogue=True)
    dataset = read_dataset(DatasetConfig.load(planted, None), 100)
    edited = with_changes(dataset, store.all()).dataset.items
    items = {row["item"]: row for row in edited.drop("available").iter_rows(named=True)}
    before = {row["item"]: row for row in dataset.items.drop("available").iter_rows(named=True)}
    assert items.pop("new") == {"item": "new", "title": "New", "categories": ["a", "b"], "text": "words"}
    assert items.pop("vector only") == {"item": "vector only", "title": None, "categories": [], "text": None}
    assert items.pop(old) == before.pop(old) | {"title": "Another title"}
    assert items == before  # the hidden one is as it was
    assert with_changes(dataset, []).dataset.items.equals(dataset.items)
    assert last_sequence_number([]) == 0


def test_a_rebuild_says_which_changes_it_knows(index_dir: Path, planted: Path, redis_url: str) -> None:
    settings = Settings(
        index_dir=index_dir, redis_url=redis_url, key_prefix="changed", covisit_weight=1, tilt=0.05, steps=2
    )
    store = ChangeStore(index_dir)
    store.put("new/1", {"title": "Thing 5 of world 2", "categories": ["world 2"]})
    store.hide(item_id(1, 0), in_catalogue=True)
    built = rebuild_index.rebuild(planted, None, settings, quiet_steps(), force=True)
    assert built.manifest.changes == store.last > 0
    row = built.catalogue.row("new/1")
    assert row is not None
    assert row >= built.manifest.learned
    assert built.catalogue.item(row).categories == ["world 2"]
    hidden = built.catalogue.row(item_id(1, 0))
    assert hidden is not None
    assert hidden < built.manifest.learned  # hidden items are learned from like any other

    store.close()
    store.path.write_bytes(b"damaged" * 1_000)
    with pytest.raises(ItemChangesError, match=r"items\.sqlite: damaged"):
        rebuild_index.rebuild(planted, None, settings, quiet_steps())
    assert GenerationStore(index_dir).current() == built.id
