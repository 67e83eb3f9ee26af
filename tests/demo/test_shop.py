"""The made-up shop holds what it promises: readable products and shoppers of known tastes."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hybrid_recs.commands import rebuild_index
from hybrid_recs.demo import vocabulary, walkthrough
from hybrid_recs.demo.shop import DAYS, END, write_demo_shop
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings
from tests.conftest import quiet_steps

PRODUCTS, INTERACTIONS = 4_000, 100_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a small shop's dataset.toml."""
    return write_demo_shop(tmp_path_factory.mktemp("demo") / "shop", PRODUCTS, INTERACTIONS)


@pytest.fixture(scope="module")
def items(shop: Path) -> pl.DataFrame:
    return pl.read_parquet(shop.with_name("items.parquet"))


@pytest.fixture(scope="module")
def log(shop: Path) -> pl.DataFrame:
    return pl.read_parquet(shop.with_name("interactions.parquet"))


@pytest.mark.parametrize(
    ("hot", "kinds"), [({"hot_share": 1.0}, ["Popular"]), ({"hot_max_items": 0}, ["Long-tail"])]
)
def test_with_all_items_hot_or_none_there_is_one_example(
    hot: dict[str, float], kinds: list[str], planted: Path, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(index_dir=tmp_path, redis_url=redis_url, key_prefix=f"demo-{kinds[0]}")
    settings = settings.model_copy(update=hot)
    generation = rebuild_index.rebuild(planted, None, settings, quiet_steps())
    examples = walkthrough.examples(generation)
    assert [kind for kind, _ in examples] == kinds
    assert (examples[0][1] in generation.hot) == (kinds == ["Popular"])


def test_products_have_ids_and_titles_of_their_own(items: pl.DataFrame) -> None:
    assert len(items) == pytest.approx(PRODUCTS, rel=0.03)
    assert items["item"].dtype == pl.String
    assert items["item"].n_unique() == len(items)
    assert items["item"].str.contains(r"^SKU-\d{6}$").all()
    assert items["title"].n_unique() == len(items)


def test_titles_stay_unique_when_the_words_run_out(tmp_path: Path) -> None:
    path = write_demo_shop(tmp_path, 300_000, 1_000)
    titles = pl.read_parquet(path.with_name("items.parquet"))["title"]
    assert titles.n_unique() == len(titles) == 300_000


def test_categories_are_department_aisle_and_type(items: pl.DataFrame) -> None:
    assert items["categories"].dtype == pl.List(pl.String)
    assert items["categories"].list.len().unique().to_list() == [3]
    path = items.select(pl.concat_list("department", "aisle", "type")).to_series()
    assert items["categories"].to_list() == path.to_list()
    assert items["department"].n_unique() == 14
    assert items["aisle"].n_unique() >= 60
    assert items["type"].n_unique() >= 250
    # Each type stands in one aisle, and each aisle in one department.
    assert items.select("aisle", "type").n_unique() == items["type"].n_unique()
    assert items.select("department", "aisle").n_unique() == items["aisle"].n_unique()


def test_title_ends_in_what_the_product_is(items: pl.DataFrame) -> None:
    shoes = items.filter(pl.col("type") == "Trail running shoes")
    assert len(shoes) > 0
    assert shoes["title"].str.contains(r"^\S+ \w+ (\d )?Trail Running Shoe, (men's|women's|kids')").all()
    assert shoes["description"].str.starts_with("Trail running shoes from the ").all()


@pytest.mark.parametrize(
    ("noun", "plural"),
    [
        ("Trail Running Shoe", "Trail running shoes"),
        ("Wall Shelf", "Wall shelves"),
        ("Bread Knife", "Bread knives"),
        ("Wireless Mouse", "Wireless mice"),
        ("Climbing Harness", "Climbing harnesses"),
        ("Two-Slice Toaster", "Two-slice toasters"),
        ("Safety Glasses", "Safety glasses"),
        ("Paint Brush", "Paint brushes"),
        ("Puppy", "Puppies"),
        ("Cycling Jersey", "Cycling jerseys"),
        ("Surface Spray", "Surface sprays"),
        ("Muffin Tray", "Muffin trays"),
        ("LED Bulb", "LED bulbs"),
        ("USB Hub", "USB hubs"),
        ("Ground Coffee=", "Ground coffee"),
    ],
)
def test_plural(noun: str, plural: str) -> None:
    assert vocabulary.plural(noun) == plural


def test_a_brand_is_at_home_in_two_departments_at_most() -> None:
    brands = [brand for names in vocabulary.by_department(vocabulary.BRANDS).values() for brand in names]
    assert max(brands.count(brand) for brand in brands) == 2


def test_every_aisle_has_companions(items: pl.DataFrame) -> None:
    aisles = items["aisle"].unique().to_list()
    named = {aisle for aisle in aisles for aisle in vocabulary.companions(aisle)}
    assert named == set(aisles)
    assert "Coffee beans" in vocabulary.companions("Coffee makers")
    assert "Sports nutrition" in vocabulary.companions("Running")


def test_same_arguments_same_frames(
    tmp_path: Path, shop: Path, items: pl.DataFrame, log: pl.DataFrame
) -> None:
    again = write_demo_shop(tmp_path / "again", PRODUCTS, INTERACTIONS)
    assert_frame_equal(pl.read_parquet(again.with_name("items.parquet")), items)
    assert_frame_equal(pl.read_parquet(again.with_name("interactions.parquet")), log)
    for name in ("dataset.toml", "items.parquet", "interactions.parquet"):
        assert again.with_name(name).read_bytes() == shop.with_name(name).read_bytes()
    other = write_demo_shop(tmp_path / "other", PRODUCTS, INTERACTIONS, seed=8)
    assert not pl.read_parquet(other.with_name("interactions.parquet")).equals(log)


def test_rows_and_shoppers(log: pl.DataFrame, items: pl.DataFrame) -> None:
    assert log.columns == ["user", "item", "time", "event"]
    assert len(log) == pytest.approx(INTERACTIONS, rel=0.03)
    assert log["user"].n_unique() == INTERACTIONS // 25
    assert set(log["item"]) == set(items["item"])
    assert log.null_count().sum_horizontal().item() == 0


def test_times_span_the_half_year_up_to_the_end(log: pl.DataFrame) -> None:
    day = 86_400
    first, last = int(log["time"][0]), int(log["time"][-1])
    assert END == 1_782_863_999
    assert END - DAYS * day < first < END - (DAYS - 10) * day
    assert END - 5 * day < last <= END
    assert log["time"].is_sorted()


def test_event_mix(log: pl.DataFrame) -> None:
    share = dict(log["event"].value_counts(normalize=True).iter_rows())
    assert set(share) == {"view", "cart", "purchase"}
    assert share["view"] == pytest.approx(0.80, abs=0.02)
    assert share["cart"] == pytest.approx(0.13, abs=0.02)
    assert share["purchase"] == pytest.approx(0.07, abs=0.02)


def test_a_tenth_of_the_products_gets_nearly_half_of_the_rows(log: pl.DataFrame) -> None:
    counts = log["item"].value_counts(sort=True)["count"].to_numpy()
    assert counts[:400].sum() / len(log) == pytest.approx(0.45, abs=0.05)
    assert counts[:40].sum() / len(log) == pytest.approx(0.13, abs=0.05)
    assert 3 <= counts[-400:].mean() < 8  # the tail


def test_every_product_has_several_shoppers(log: pl.DataFrame) -> None:
    shoppers = log.group_by("item").agg(pl.col("user").n_unique())["user"]
    assert shoppers.to_numpy().min() >= 2


def test_shoppers_come_back_to_products(tmp_path: Path) -> None:
    log = pl.read_parquet(write_demo_shop(tmp_path, 20_000, 100_000).with_name("interactions.parquet"))
    repeated = 1 - log.select("user", "item").n_unique() / len(log)
    assert 0.05 < repeated < 0.1


def test_sessions_stay_in_an_aisle_or_move_to_a_companion(log: pl.DataFrame, items: pl.DataFrame) -> None:
    steps = (
        log.join(items.select("item", "aisle", "type"), on="item", maintain_order="left")
        .sort("user", "time", maintain_order=True)
        .with_columns(pl.col("time", "aisle", "type").shift().over("user").name.prefix("last_"))
        .drop_nulls("last_time")
    )
    pause = pl.col("time") - pl.col("last_time")
    within = steps.filter(pause < 3600)
    assert within.select(pause.median()).item() < 300
    assert steps.filter(pause > 86_400).height / steps.filter(pause >= 3600).height > 0.8
    same = within.select((pl.col("aisle") == pl.col("last_aisle")).mean()).item()
    assert 0.78 < same < 0.92
    same_type = within.select((pl.col("type") == pl.col("last_type")).mean()).item()
    assert 0.3 < same_type < 0.6
    kin = {(aisle, other) for aisle in set(items["aisle"]) for other in vocabulary.companions(aisle)}
    moves = list(within.select("last_aisle", "aisle").iter_rows())
    planted = sum(a == b or (a, b) in kin for a, b in moves) / len(moves)
    assert 0.84 < planted < 0.95  # the rest is noise


def test_shoppers_have_few_aisles(log: pl.DataFrame, items: pl.DataFrame) -> None:
    """The three aisles a shopper is most in hold most of what they do."""
    per_aisle = (
        log.join(items.select("item", "aisle"), on="item")
        .group_by("user", "aisle")
        .len()
        .sort("len", descending=True)
        .with_columns(total=pl.col("len").sum().over("user"), place=pl.int_range(pl.len()).over("user"))
        .filter(pl.col("total") >= 15)
    )
    top = per_aisle.filter(pl.col("place") < 3)["len"].to_numpy().sum()
    assert top / per_aisle["len"].to_numpy().sum() > 0.75


def test_readable_with_nothing_dropped(shop: Path, log: pl.DataFrame, items: pl.DataFrame) -> None:
    data = read_dataset(DatasetConfig.load(shop), 5000)
    assert data.stats.rows_read == data.stats.rows_kept == len(log)
    assert data.stats.dropped == {}
    assert data.stats.items == len(items)
    assert data.stats.users == log["user"].n_unique()
    assert data.timed
    assert data.ordered
    assert data.items["title"].null_count() == 0
    event_weight = {"view": 1, "cart": 3, "purchase": 5}
    assert data.pairs["weight"].sum() == log["event"].replace_strict(event_weight).sum()


def test_a_small_shop_sells_every_product(tmp_path: Path) -> None:
    path = write_demo_shop(tmp_path, 600, 20_000)
    stats = read_dataset(DatasetConfig.load(path), 5000).stats
    assert (stats.rows_kept, stats.items, stats.users, stats.dropped) == (20_000, 600, 800, {})


@pytest.mark.parametrize(("products", "interactions"), [(1, 1), (50, 10), (600, 600)])
def test_tiny_shops_are_whole(tmp_path: Path, products: int, interactions: int) -> None:
    path = write_demo_shop(tmp_path, products, interactions)
    log = pl.read_parquet(path.with_name("interactions.parquet"))
    assert len(log) == interactions
    assert set(log["item"]) <= set(pl.read_parquet(path.with_name("items.parquet"))["item"])


def test_the_demo_takes_an_index_of_its_own_beside_another_dataset(tmp_path: Path) -> None:
    """A generation that another version of this program made is no hindrance."""
    configured, own_dir = tmp_path / "index", tmp_path / "var" / "demo" / "index"
    assert walkthrough.demo_index_dir(configured, own_dir) == configured
    folder = tmp_path / "index" / "generations" / "g1"
    folder.mkdir(parents=True)
    (tmp_path / "index" / "CURRENT").write_text("g1")
    for manifest, own in (
        ('{"schema_version": 1, "dataset": {"name": "demo"}}', False),
        ('{"schema_version": 1, "dataset": {"name": "shop"}}', True),
        ("damaged", True),
    ):
        (folder / "manifest.json").write_text(manifest)
        assert walkthrough.demo_index_dir(configured, own_dir) == (own_dir if own else configured)
