"""The content encoder as it is used: what texts say, and the same vector everywhere."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hybrid_recs.generation.content_encoder import (
    MAX_ENCODED_LENGTH,
    ContentEncoder,
    content_features,
    content_tokens,
)
from hybrid_recs.generation.generation import Generation
from tests.paths import ROOT
from tests.planted import ITEMS_PER_WORLD, NEVER_BOUGHT, WORLDS, world_of


def _encoder(generation: Generation) -> ContentEncoder:
    assert generation.content is not None
    return generation.content


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("T-Shirt, ﬁt 42cm!", ["t", "shirt", "fit", "42cm"]),
        ("STRASSE straße Ⅳ", ["strasse", "strasse", "iv"]),
        ("ＡＢＣ１２", ["abc12"]),
        ("Cafe\u0301 CAFÉ", ["café", "café"]),
        ("हिन्दी किताब", ["हिन्दी", "किताब"]),
        ("Çay ЧАЙ 猫耳ヘッドホン", ["çay", "чай", "猫耳ヘッドホン"]),
        (" – …\x1f|", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert content_tokens(text) == words


def test_what_is_said_twice_or_in_another_form_says_nothing_more() -> None:
    once = content_features("Red Running Shoe 42", ["Sport"], None)
    assert content_features("RED  running-shoe", ["sport "], "42 red") == once
    assert content_features("Red Running Shoe 43", ["Sport"], None) != once
    # A category is not a word of that name, and its words are no pieces.
    assert not content_features(None, ["Sport"], None) & content_features("Sport", [], None)
    assert content_features(None, [], "") == content_features(" ", [" – "], None) == set()


def test_words_that_share_pieces_share_features_and_ideographs_count_one_by_one() -> None:
    pieces = {one for one in content_features("lantern", [], None) if one & 1}
    others = {one for one in content_features("lanterns", [], None) if one & 1}
    # <la lan ant nte ter ern rn> and <lan lant ante nter tern ern>, the ends apart.
    assert (len(pieces), len(pieces & others)) == (13, 11)
    cat_ears, cat_food = (content_features(title, [], None) for title in ("猫耳", "猫缶"))
    assert len(cat_ears & cat_food) > 0


def test_a_long_text_is_read_to_its_bound() -> None:
    long = "word " * (MAX_ENCODED_LENGTH // 5) + "beyond"
    assert content_features(None, [], long) == content_features("word", [], None)


@pytest.mark.parametrize("world", range(WORLDS))
def test_an_item_named_after_a_world_lands_among_its_items(generation: Generation, world: int) -> None:
    vector = _encoder(generation).encode(f"A new thing of World {world}", [f"World {world}"], None)
    assert vector is not None
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    nearest = np.argsort(-(generation.scorer.vectors @ vector))[:ITEMS_PER_WORLD]
    worlds = [world_of(generation.catalogue.item_id(int(row))) for row in nearest]
    assert worlds.count(world) >= 0.9 * ITEMS_PER_WORLD


@pytest.mark.parametrize(
    "described",
    [
        (None, [], None),
        ("", [], "?!"),
        ("Zzyzx qqq", ["Nowhere"], "ßßß"),
        (None, ["all"], None),  # every item's category tells none from another
        (f"Never bought {NEVER_BOUGHT[0]}", ["all"], None),
    ],
)
def test_where_nothing_known_is_said_there_is_no_vector(
    generation: Generation, described: tuple[str | None, list[str], str | None]
) -> None:
    encoder = _encoder(generation)
    assert encoder.encode(*described) is None
    rows, vectors = encoder.encode_many([described, ("World 3", [], None), described])
    assert rows.tolist() == [1]
    np.testing.assert_array_equal(vectors[0], encoder.encode("World 3", [], None))


def test_it_is_read_only_and_the_same_after_a_round_trip(generation: Generation, tmp_path: Path) -> None:
    encoder = _encoder(generation)
    assert not encoder.directions.flags.writeable
    assert not encoder.hashes.flags.writeable
    assert encoder.dimensions == generation.manifest.dimensions
    encoder.save(tmp_path)
    again = ContentEncoder.open(tmp_path)
    for title in ("Thing 3 of world 5", "world 5 thing", "Thing 29"):
        np.testing.assert_array_equal(again.encode(title, [], None), encoder.encode(title, [], None))


def test_other_processes_give_the_same_bits(generation: Generation, built_index: Path) -> None:
    """Sets of texts are ordered by a seed that differs between processes."""
    folder = built_index / "generations" / generation.id
    code = (
        "import sys; from pathlib import Path\n"
        "from hybrid_recs.generation.content_encoder import ContentEncoder\n"
        "encoder = ContentEncoder.open(Path(sys.argv[1]))\n"
        "vector = encoder.encode('Thing 12 of world 4', ['world 4', 'all'], 'of the 7 things')\n"
        "print(vector.tobytes().hex(), {'scipy', 'polars', 'sklearn'} & set(sys.modules))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    vector = _encoder(generation).encode("Thing 12 of world 4", ["world 4", "all"], "of the 7 things")
    assert vector is not None
    assert told == {f"{vector.tobytes().hex()} set()\n"}
