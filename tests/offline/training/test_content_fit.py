"""The fit of the content encoder against the closed form, what hiding items says, and rows from metadata."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from hybrid_recs.commands import rebuild_index
from hybrid_recs.errors import CorruptGenerationError
from hybrid_recs.generation.content_encoder import Description
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.offline.build import gate
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.encoding import encode, with_content
from hybrid_recs.offline.training.content_fit import (
    NEIGHBOURS,
    REGULARISERS,
    fit_encoder,
    known_features,
    ridge,
)
from hybrid_recs.offline.training.content_vectors import add_content_vectors, append_vectors
from hybrid_recs.offline.training.model import fit
from hybrid_recs.ranking.explain import explain
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.settings import Settings
from hybrid_recs.types import Floats, Outcome, Source
from tests.conftest import quiet_steps
from tests.offline.builders import dataset_of, item_name, random_scorer, unit_vectors
from tests.planted import WORLDS, item_id, world_of, write_planted

COLD = [f"cold{world}" for world in range(WORLDS)]


@pytest.mark.parametrize("regulariser", [0.3, 10.0])
@pytest.mark.parametrize("dimensions", [5, 70])
def test_ridge_is_the_closed_form(regulariser: float, dimensions: int) -> None:
    rng = np.random.default_rng(4)
    matrix = sparse.random_array((60, 25), density=0.3, rng=rng, dtype=np.float32).tocsr()
    targets = unit_vectors(5, 60, dimensions)
    weights = rng.uniform(0.1, 1, 60).astype(np.float32)
    actual = ridge(sparse.csr_array(matrix), targets, weights, regulariser, tolerance=1e-5)
    x, w = matrix.toarray().astype(float), weights[:, np.newaxis].astype(float)
    expected = np.linalg.solve(x.T @ (w * x) + regulariser * np.eye(25), x.T @ (w * targets))
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    begun = ridge(
        sparse.csr_array(matrix), targets, weights, regulariser, np.ones_like(actual), tolerance=1e-5
    )
    np.testing.assert_allclose(begun, expected, atol=1e-4)


def test_features_and_their_weights_by_hand() -> None:
    bags = [np.array(of, np.uint32) for of in ([2, 4, 7], [2, 4], [2, 7], [2, 6])]
    features = known_features(bags)
    # 2 is a feature of all items, 6 of one only; 7 is odd: a piece of a word.
    assert features.hashes.tolist() == [4, 7]
    np.testing.assert_allclose(features.weights, [np.log(2), np.log(2) / 2], rtol=1e-6)
    expected = np.array([[2, 1], [np.sqrt(5), 0], [0, np.sqrt(5)], [0, 0]]) / np.sqrt(5)
    np.testing.assert_allclose(features.matrix(bags).toarray(), expected, rtol=1e-6)
    assert known_features([*bags, np.array([4], np.uint32)], limit=1).hashes.tolist() == [2]


def _shelves(n: int, dimensions: int, seed: int = 0) -> tuple[list[Description], Floats]:
    """Items of twelve shelves, named after them; vectors near those of their shelves."""
    rng = np.random.default_rng(seed)
    shelf = rng.integers(0, 12, n)
    vectors = unit_vectors(seed, 12, dimensions)[shelf] + 0.2 * unit_vectors(seed + 1, n, dimensions)
    titles: list[Description] = [
        (f"Shelf{chr(97 + of)} article {position}", [], None) for position, of in enumerate(shelf)
    ]
    return titles, np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_hiding_items_measures_what_new_items_will_get() -> None:
    items, vectors = _shelves(600, 40)
    degrees = np.full(600, 10, np.float32)
    fitted = fit_encoder(items[:500], vectors[:500], degrees[:500], seed=1)
    assert fitted is not None
    encoder, info = fitted
    assert (info.items, info.hidden, info.features) == (500, 50, len(encoder))
    assert info.regulariser in REGULARISERS
    rows, placed = encoder.encode_many(items[500:])
    assert len(rows) == 100
    cosines = np.einsum("ij,ij->i", placed, vectors[500:])
    assert info.cosine == pytest.approx(float(cosines.mean()), abs=0.02)
    assert info.cosine > 0.95
    wanted, got = (
        np.argsort(-(sample @ vectors[:500].T))[:, :NEIGHBOURS] for sample in (vectors[500:], placed)
    )
    shared = [len(np.intersect1d(a, b)) / NEIGHBOURS for a, b in zip(wanted, got, strict=True)]
    assert info.recall == pytest.approx(float(np.mean(shared)), abs=0.1)
    repeated = fit_encoder(items[:500], vectors[:500], degrees[:500], seed=1)
    assert repeated is not None
    np.testing.assert_array_equal(repeated[0].directions, encoder.directions)


def test_items_known_by_many_count_more() -> None:
    items: Sequence[Description] = [("pair", [], None)] * 2 + [
        (f"word{position % 5}", [], None) for position in range(60)
    ]
    vectors = unit_vectors(3, 62, 8)
    vectors[2:] = unit_vectors(4, 5, 8)[np.arange(60) % 5]
    degrees = np.full(62, 50, np.float32)
    degrees[:2] = 10_000, 1
    fitted = fit_encoder(items, vectors, degrees, seed=0)
    assert fitted is not None
    placed = fitted[0].encode("pair", [], None)
    assert placed is not None
    assert placed @ vectors[0] > placed @ vectors[1]


def test_no_encoder_where_texts_say_nothing_of_the_vectors() -> None:
    items, vectors = _shelves(400, 16)
    degrees = np.ones(400, np.float32)
    assert fit_encoder([(None, [], None)] * 400, vectors, degrees, 0) is None
    assert fit_encoder([("the same", ["all"], None)] * 400, vectors, degrees, 0) is None
    assert fit_encoder(items[:10], vectors[:10], degrees[:10], 0) is None
    shuffled = np.random.default_rng(8).permutation(vectors)
    assert fit_encoder(items, shuffled, degrees, 0) is None


def test_rows_behind_the_learned_ones_by_hand() -> None:
    data = encode(dataset_of([[0, 1], [2], [3], [3]], items=[item_name(position) for position in (4, 5)]))
    assert data.n_vectors == 2
    placed = with_content(data, np.array([3, 5]))
    names = [item_name(item) for item in (0, 1, 2, 5, 3, 4)]
    assert placed.items["item"].to_list() == names
    assert placed.popularity.tolist() == [1, 1, 1, 0, 2, 0]
    assert (placed.n_vectors, placed.n_content) == (2, 2)


def test_a_longer_scorer_scores_its_own_rows_as_before() -> None:
    scorer, more = random_scorer(3, 50, 8, weight=2.0), unit_vectors(9, 7, 8)
    longer = append_vectors(scorer, more)
    assert len(longer.covisits) == len(longer.vectors) == len(longer.boosts) == 57
    for row in range(50):
        before, after = (one.score_item(row, np.arange(50), 50) for one in (scorer, longer))
        np.testing.assert_array_equal(after.rows, before.rows)
        np.testing.assert_array_equal(after.scores, before.scores)
    assert [len(longer.covisits.neighbours_of(row)[0]) for row in range(50, 57)] == [0] * 7
    assert longer.boosts[50:].tolist() == [1] * 7
    assert append_vectors(scorer, more[:0]) is scorer


@pytest.fixture(scope="module")
def planted_with_cold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted data with one item for each world that is written about, but that nobody bought."""
    description = write_planted(tmp_path_factory.mktemp("cold"))
    lines = [f"{item},Fresh thing of world {world},world {world}|all" for world, item in enumerate(COLD)]
    with (description.parent / "items.csv").open("a") as file:
        file.write("\n".join(lines) + "\n")
    return description


@pytest.fixture(scope="module")
def cold(planted_with_cold: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Generation:
    settings = Settings(
        index_dir=tmp_path_factory.mktemp("index"), redis_url=redis_url, key_prefix="cold", hot_share=0.5
    )
    return rebuild_index.rebuild(planted_with_cold, None, settings, quiet_steps())


def test_an_item_that_nobody_bought_is_among_its_world(cold: Generation) -> None:
    manifest = cold.manifest
    assert manifest.vectors == manifest.learned + len(COLD)
    assert {cold.catalogue.item_id(row) for row in range(manifest.learned, manifest.vectors)} == set(COLD)
    for world, item in enumerate(COLD):
        row = cold.catalogue.row(item)
        assert row is not None
        title, categories = cold.catalogue.item(row).title, cold.catalogue.item(row).categories
        assert cold.content is not None
        np.testing.assert_array_equal(cold.content.encode(title, categories, None), cold.scorer.vectors[row])
        actual = cold.scorer.score_item(row, cold.index.search(cold.scorer.vectors[row], 11), 10)
        assert [
            world_of(cold.catalogue.item_id(r)) for r in actual.rows.tolist() if r < manifest.learned
        ] == ([world] * 10)
        assert row not in cold.hot
        assert float(cold.scorer.boosts[row]) == 1.0
        told = explain(cold, row, cold.catalogue.row(item_id(world, 0)) or 0)
        assert (told.a.from_metadata, told.b.from_metadata, told.a.has_vector) == (True, False, True)
        assert told.verdict.endswith(
            f"{item} has too few interactions, so its vector comes from its metadata."
        )


def test_it_is_answered_by_its_content_and_says_so(cold: Generation) -> None:
    for world, item in enumerate(COLD):
        row = cold.catalogue.row(item)
        answer = Recommender(cold).answer(ItemQuery(row, 10), Outcome.TAIL)
        assert (answer.source, answer.outcome) == (Source.CONTENT, Outcome.NO_INTERACTIONS)
        names = [cold.catalogue.item_id(actual) for actual in answer.neighbours.rows.tolist()]
        assert [world_of(name) for name in names if name not in COLD] == [world] * 10


def test_what_is_learned_does_not_change_by_a_bit(cold: Generation, generation: Generation) -> None:
    n = generation.manifest.learned
    assert generation.manifest.vectors == n
    assert cold.manifest.learned == n
    assert cold.manifest.scoring == generation.manifest.scoring
    np.testing.assert_array_equal(cold.scorer.vectors[:n], generation.scorer.vectors)
    np.testing.assert_array_equal(cold.scorer.boosts[:n], generation.scorer.boosts)
    np.testing.assert_array_equal(cold.scorer.covisits.indptr[: n + 1], generation.scorer.covisits.indptr)
    np.testing.assert_array_equal(cold.scorer.covisits.rows, generation.scorer.covisits.rows)
    np.testing.assert_array_equal(cold.scorer.covisits.weights, generation.scorer.covisits.weights)
    assert [cold.catalogue.item_id(row) for row in range(n)] == [
        generation.catalogue.item_id(row) for row in range(n)
    ]
    np.testing.assert_array_equal(cold.hot.rows, generation.hot.rows)


def test_the_manifest_and_the_gate(cold: Generation, generation: Generation) -> None:
    for one in (cold, generation):
        info = one.manifest.content
        assert info is not None
        assert (info.items, info.hidden) == (240, 24)
        assert info.recall > 0.3  # 20 of 216 at random
    assert cold.manifest.content == generation.manifest.content
    assert gate.problems(cold.manifest.quality) == []
    shown = {
        row
        for position in cold.hot.rows.tolist()
        if (actual := cold.hot.neighbours(position))
        for row in actual.head(10).rows.tolist()
        if row < cold.manifest.learned
    }
    assert cold.manifest.quality["coverage"] == len(shown) / cold.manifest.learned
    assert [step.name for step in cold.manifest.steps].count("Fit content encoder") == 1


def test_a_generation_whose_encoder_does_not_fit_is_refused(index_dir: Path) -> None:
    folder = next((index_dir / "generations").iterdir())
    manifest = Manifest.read(folder)
    assert manifest.content is not None
    wrong = manifest.content.model_copy(update={"features": manifest.content.features + 1})
    with pytest.raises(CorruptGenerationError, match="content features"):
        Generation.open(folder, manifest.model_copy(update={"content": wrong}))


def _made() -> Dataset:
    rng = np.random.default_rng(2)
    return dataset_of([rng.permutation(30)[:5].tolist() for _ in range(80)])


def test_without_metadata_there_is_no_encoder_and_nothing_else_changes() -> None:
    data = encode(_made())
    scorer = fit(data, 8, 0, ScoringParameters()).scorer(ScoringParameters())
    model = add_content_vectors(data, scorer, 0)
    assert model.encoder is None
    assert model.info is None
    assert model.scorer is scorer
    assert model.data is data


def test_a_text_that_only_cold_items_have_places_none() -> None:
    dataset = _made()
    cold_items = pl.DataFrame({"item": ["x", "y"], "title": ["lone words", "lone words"]})
    items = pl.concat([dataset.items, cold_items], how="diagonal")
    model = add_content_vectors(encode(replace(dataset, items=items)), random_scorer(0, 30, 8, 1.0), 0)
    assert model.encoder is None
    assert model.data.n_content == 0
