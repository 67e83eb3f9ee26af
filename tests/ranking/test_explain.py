"""Explanations against brute force on the planted data, and the command that prints them."""

import re
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import orjson
import pytest
from click.testing import CliRunner, Result

from hybrid_recs.cli import main
from hybrid_recs.errors import UnknownItemError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.generation.vector_index import FaissIndex
from hybrid_recs.ranking.explain import Explanation, explain, known_row, ordinal
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Outcome, Source
from tests.builders import covisits_of, write_generation
from tests.planted import NEVER_BOUGHT, item_id

HOT, TAIL = item_id(2, 0), item_id(2, 29)


def _explain(generation: Generation, a: str, b: str, k: int = 10) -> Explanation:
    return explain(generation, known_row(generation, a), known_row(generation, b), k)


@pytest.mark.parametrize("a", [HOT, TAIL])
def test_every_served_item_is_told_with_the_score_and_place_it_is_served_with(
    generation: Generation, a: str
) -> None:
    row = known_row(generation, a)
    cached = generation.hot.neighbours(row) or Outcome.TAIL
    answer = Recommender(generation).answer(ItemQuery(row, 100), cached)
    assert len(answer.neighbours) == 100
    pairs = zip(answer.neighbours.rows.tolist(), answer.neighbours.scores.tolist(), strict=True)
    for place, (b, score) in enumerate(pairs, 1):
        explanation = explain(generation, row, b, 10)
        assert explanation.parts is not None
        assert explanation.ranks is not None
        assert explanation.parts.score == score
        assert explanation.parts.near + explanation.parts.covisit_part == pytest.approx(
            score, rel=2e-3, abs=1e-4
        )
        assert explanation.ranks.score == place
        assert explanation.place == (place if place <= 10 else None)
        assert explanation.in_list == (place <= 10)
        assert explanation.precomputed_place == (place if a == HOT else None)
        assert explanation.source is answer.source


def _check_ranks(generation: Generation, a: int, others: list[int]) -> None:
    scorer, n = generation.scorer, len(generation.scorer.vectors)
    order = scorer.score_item(a, np.arange(n), n).rows.tolist()
    near = np.einsum("ij,j->i", scorer.vectors, scorer.vectors[a]) * scorer.boosts
    by_near = [b for b in np.argsort(-near, kind="stable").tolist() if b != a]
    for b in others:
        ranks = explain(generation, a, b).ranks
        assert ranks is not None
        assert ranks.ranked == len(order) == n - 1
        assert ranks.score == order.index(b) + 1
        assert ranks.near == by_near.index(b) + 1


@pytest.mark.parametrize("a", [HOT, TAIL, item_id(5, 7)])
def test_ranks_are_the_order_of_scoring_everything(generation: Generation, a: str) -> None:
    row = known_row(generation, a)
    _check_ranks(generation, row, [b for b in range(generation.manifest.vectors) if b != row])


def test_ranks_in_a_large_catalogue_with_many_ties(tmp_path: Path) -> None:
    n = 20_000
    large = write_generation(tmp_path, "large", [str(at) for at in range(n)], np.empty(0, np.int64))
    vectors = (np.round(large.scorer.vectors * 4) / 4).astype(np.float32)
    linked = [3, 7_000, 19_999, 6_535, 6_536]
    covisits = covisits_of([([], [])] * 7 + [(linked, [1.0, 0.75, 0.5, 0.5, 0.25])] + [([], [])] * (n - 8))
    large = replace(large, scorer=replace(large.scorer, vectors=vectors, covisits=covisits))
    assert len(np.unique(vectors @ vectors[7])) < n / 100
    _check_ranks(large, 7, [0, 8, 13_072, 19_998, *linked])
    _check_ranks(large, 13_071, [0, 7, 13_070, 13_072])


def test_parts_are_those_on_disk(generation: Generation) -> None:
    scorer, a = generation.scorer, known_row(generation, HOT)
    linked, weights = scorer.covisits.neighbours_of(a)
    kept = dict(zip(linked.tolist(), weights.tolist(), strict=True))
    assert kept
    for b in (b for b in range(len(scorer.vectors)) if b != a):
        explanation = explain(generation, a, b)
        assert explanation.parts is not None
        assert explanation.ranks is not None
        assert explanation.parts.cosine == pytest.approx(
            float(scorer.vectors[a] @ scorer.vectors[b]), abs=1e-6
        )
        assert explanation.parts.tilt == float(scorer.boosts[b])
        assert explanation.parts.near == explanation.parts.cosine * explanation.parts.tilt
        assert explanation.parts.covisit_weight == kept.get(b, 0.0)
        assert explanation.parts.covisit_part == generation.manifest.scoring.covisit_weight * kept.get(b, 0.0)
        assert explanation.ranks.covisits == (list(kept).index(b) + 1 if b in kept else None)
        assert explanation.ranks.listed_covisits == len(kept)


def test_both_items_and_the_generation_are_named(generation: Generation) -> None:
    explanation = _explain(generation, HOT, TAIL)
    assert explanation.generation == generation.id
    assert (explanation.a.item_id, explanation.a.title, explanation.a.hot) == (
        HOT,
        "Thing 0 of world 2",
        True,
    )
    assert (explanation.b.item_id, explanation.b.title, explanation.b.hot) == (
        TAIL,
        "Thing 29 of world 2",
        False,
    )
    assert explanation.a.popularity == generation.catalogue.popularity[known_row(generation, HOT)]
    assert explanation.source is Source.CACHE
    assert _explain(generation, TAIL, HOT).source is Source.LIVE


def test_an_item_is_never_in_its_own_list(generation: Generation) -> None:
    explanation = _explain(generation, HOT, HOT)
    assert (explanation.in_list, explanation.place, explanation.parts, explanation.ranks) == (
        False,
        None,
        None,
        None,
    )
    assert explanation.verdict == f"{HOT} is the item itself, and no item is in its own list."


def test_an_item_that_nobody_bought_is_only_popular(generation: Generation) -> None:
    explanation = _explain(generation, HOT, NEVER_BOUGHT[0])
    assert (explanation.in_list, explanation.parts, explanation.ranks, explanation.b.has_vector) == (
        False,
        None,
        None,
        False,
    )
    assert explanation.verdict == (
        f"{NEVER_BOUGHT[0]} has too few interactions to have a vector, so it is only recommended as popular."
    )


def test_the_list_of_an_item_without_a_vector_is_the_popular_one(generation: Generation) -> None:
    third = generation.catalogue.item_id(int(generation.catalogue.by_popularity[2]))
    explanation = _explain(generation, NEVER_BOUGHT[0], third)
    assert (explanation.source, explanation.place, explanation.parts) == (Source.POPULAR, 3, None)
    assert explanation.verdict == (
        f"{NEVER_BOUGHT[0]} has too few interactions to have a vector, so it gets popular items; "
        f"{third} is 3rd of them."
    )
    other = _explain(generation, NEVER_BOUGHT[0], NEVER_BOUGHT[1], 5)
    assert not other.in_list
    assert other.verdict.endswith(f"; {NEVER_BOUGHT[1]} is not among the first 5 of them.")


def test_an_item_without_a_vector_fills_up_a_list_that_would_be_too_short(generation: Generation) -> None:
    n = generation.manifest.vectors
    explanation = explain(generation, known_row(generation, TAIL), n, n)
    assert (explanation.place, explanation.parts) == (n, None)
    assert explanation.verdict.endswith(
        f"only recommended as popular: it completes {TAIL}'s list, as {ordinal(n)}."
    )


_VERDICTS = {
    "mostly met": rf"\d+ is \w+ in {HOT}'s list: mostly because they co-occur "
    r"\(co-visit part [\d.]+ of [\d.]+\)\.",
    "mostly alike": rf"\d+ is \w+ in {HOT}'s list: mostly because their vectors are similar "
    r"\(cosine [\d.]+; co-visit part [\d.e-]+ of [\d.]+\)\.",
    "met": rf"\d+ is \w+ of 239 for {HOT}: co-occurs with it \(co-visit part [\d.e-]+ of -?[\d.e-]+\), "
    r"cosine -?\d\.\d\d\.",
    "far": rf"\d+ is \w+ of 239 for {HOT}: not among the \d+ items that co-occur with it most, "
    r"cosine -?\d\.\d\d\.",
}


@pytest.mark.parametrize(
    ("weight", "in_list"), [(10.0, "mostly met"), (0.01, "mostly alike")], ids=["heavy", "light"]
)
def test_verdicts_follow_the_parts(generation: Generation, weight: float, in_list: str) -> None:
    none_hot = NeighbourLists(np.empty(0, np.uint32), np.empty(0, np.uint8), np.zeros(1, np.int64))
    weighed = replace(generation, scorer=replace(generation.scorer, covisit_weight=weight), hot=none_hot)
    a, seen = known_row(generation, HOT), set()
    served = Recommender(weighed).live_neighbours(ItemQuery(a, 5)).rows.tolist()
    for b in (b for b in range(generation.manifest.vectors) if b != a):
        explanation = explain(weighed, a, b, 5)
        (kind,) = (kind for kind, form in _VERDICTS.items() if re.fullmatch(form, explanation.verdict))
        assert explanation.parts is not None
        assert kind == (in_list if b in served else "met" if explanation.parts.covisit_weight else "far")
        seen.add(kind)
    assert seen == {in_list, "met", "far"}


def test_verdicts_without_co_visits_and_of_an_item_that_search_misses(tmp_path: Path) -> None:
    small = write_generation(tmp_path, "small", [f"i{at}" for at in range(40)], np.empty(0, np.int64))
    order = small.scorer.score_item(0, np.arange(40), 40).rows.tolist()
    first, last = order[0], order[-1]
    near, far = explain(small, 0, first, 5), explain(small, 0, last, 5)
    assert near.parts is not None
    assert far.parts is not None
    alike = f"because their vectors are similar (cosine {near.parts.cosine:.2f}; no co-visit part)"
    assert near.verdict == f"i{first} is 1st in i0's list: {alike}."
    assert (
        far.verdict
        == f"i{last} is 39th of 39 for i0: never co-occurs with it, cosine {far.parts.cosine:.2f}."
    )
    backwards = faiss.IndexFlatIP(4)
    backwards.add(-small.scorer.vectors)
    faiss.write_index(backwards, str(tmp_path / "backwards"))
    missed = explain(replace(small, index=FaissIndex(tmp_path / "backwards", [])), 0, first, 5)
    assert (missed.in_list, missed.ranks and missed.ranks.score) == (False, 1)
    assert missed.verdict == f"i{first} is 1st of 39 for i0, but the approximate search does not find it."


def test_ordinals() -> None:
    numbers = (1, 2, 3, 4, 11, 12, 13, 21, 101, 111, 1_242)
    assert " ".join(map(ordinal, numbers)) == "1st 2nd 3rd 4th 11th 12th 13th 21st 101st 111th 1,242nd"


def test_an_unknown_item_has_no_row(generation: Generation) -> None:
    with pytest.raises(UnknownItemError, match="no item 'no such thing' in this catalogue"):
        known_row(generation, "no such thing")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments])


@pytest.fixture
def index(built_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command sees."""
    monkeypatch.setenv("HYBRID_RECS_INDEX_DIR", str(built_index))


@pytest.mark.usefixtures("index")
def test_command_prints_every_part(generation: Generation) -> None:
    b = generation.catalogue.item_id(
        int(generation.scorer.covisits.neighbours_of(known_row(generation, HOT))[0][0])
    )
    explanation, result = _explain(generation, HOT, b), _run(HOT, b)
    assert (result.exit_code, result.stderr) == (0, "")
    assert explanation.parts is not None
    assert explanation.ranks is not None
    lines = result.stdout.splitlines()
    assert lines[0] == f"{HOT}  Thing 0 of world 2  (popularity {explanation.a.popularity:,.10g}, hot)"
    assert lines[1].startswith(f"{b}  {explanation.b.title}  (popularity ")
    assert lines[-1] == explanation.verdict
    table = dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in lines[3:-1])
    assert table["cosine"] == f"{explanation.parts.cosine:.4f}"
    assert table["popularity tilt of B"] == f"{explanation.parts.tilt:.4f}"
    assert (
        table["cosine × tilt"].split()
        == f"{explanation.parts.near:.4f} {explanation.ranks.near} of 239".split()
    )
    assert table["co-visit weight"].split()[:3] == ["1.0000", "1", "of"]
    assert table["weight of co-visits"] == f"{explanation.parts.weight:g}"
    assert table["co-visit part"] == f"{explanation.parts.covisit_part:.4f}"
    assert table["score"].split() == f"{explanation.parts.score:.4f} {explanation.ranks.score} of 239".split()
    assert table["list of A"].split() == f"cache {explanation.place} of 10".split()
    assert (
        table["precomputed list of A"]
        == f"{explanation.precomputed_place} of {explanation.precomputed_length}"
    )
    assert table["generation"] == generation.id


@pytest.mark.usefixtures("index")
def test_command_prints_what_there_is_without_a_score() -> None:
    result = _run(TAIL, NEVER_BOUGHT[0], "--k", "3")
    assert result.exit_code == 0
    assert f"{NEVER_BOUGHT[0]}  Never bought {NEVER_BOUGHT[0]}  (popularity 0, no vector)" in result.stdout
    assert re.search(r"^list of A +live +not in 3 *$", result.stdout, re.M)
    assert "cosine" not in result.stdout
    assert "precomputed" not in result.stdout


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("b", [item_id(2, 1), item_id(4, 1), HOT, NEVER_BOUGHT[0]])
def test_command_writes_json(generation: Generation, b: str) -> None:
    result = _run(HOT, b, "--format", "json", "--k", "7")
    assert result.exit_code == 0
    assert orjson.loads(result.stdout) == orjson.loads(orjson.dumps(_explain(generation, HOT, b, 7)))


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("pair", [("nix", HOT), (HOT, "nix")])
def test_command_names_the_unknown_item(pair: tuple[str, str]) -> None:
    result = _run(*pair)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: no item 'nix' in this catalogue\n"


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    "arguments", [(HOT,), (HOT, TAIL, "--k", "0"), (HOT, TAIL, "--k", "101"), (HOT, TAIL, "--format", "xml")]
)
def test_command_refuses_what_it_does_not_understand(arguments: tuple[str, ...]) -> None:
    result = _run(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_command_without_a_generation_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYBRID_RECS_INDEX_DIR", str(tmp_path / "none"))
    result = _run(HOT, TAIL)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "run: make rebuild-index DATASET=" in result.stderr
