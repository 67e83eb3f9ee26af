"""The recipes of the documentation, each on a small file of the shape that it is for."""

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from hybrid_recs.offline.data.dataset import Dataset
from tests.docs.pages import DOCS
from tests.offline.builders import File, read

PAGE = DOCS / "how-to" / "describe-your-data.md"
RECIPES = dict(re.findall(r"^### (.+?)\n.*?^```toml\n(.*?)^```", PAGE.read_text(), re.M | re.S))


def _lines(*objects: object) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def _read(name: str, folder: Path, files: dict[str, File]) -> Dataset:
    return read(folder, files, RECIPES[name])


def _rows(dataset: Dataset, *columns: str) -> list[tuple[object, ...]]:
    return dataset.pairs.sort("user", "time", "order").select(*columns).rows()


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_every_recipe_is_tried() -> None:
    tried = set(re.findall(r'_read\(\s*"([^"]+)"', Path(__file__).read_text()))
    assert tried == set(RECIPES)
    assert len(tried) == 11


def test_shopify(tmp_path: Path) -> None:
    orders = (
        "Name,Email,Financial Status,Created at,Lineitem quantity,Lineitem name,Lineitem sku\n"
        '#1001,ann@example.com,paid,2024-01-05 10:22:33 -0500,2,"Mug, blue",MUG-B\n'
        "#1001,ann@example.com,,,1,Pot,POT\n"
        "#1001,,,,1,Pan,PAN\n"
        "#1002,bob@example.com,paid,2024-01-06 09:00:00 -0500,1,Pot,POT\n"
        "#1003,bob@example.com,refunded,2024-01-07 09:00:00 -0500,0,Pan,PAN\n"
    )
    products = (
        "Handle,Title,Type,Variant SKU\nmug,Mug,Cups,MUG-B\nmug,,,MUG-R\npot,Pot,Cooking,POT\n"
        "pan,Pan,Cooking,PAN\n"
    )
    dataset = _read("Shopify", tmp_path, {"orders_export_1.csv": orders, "products_export_1.csv": products})
    first, second = _at("2024-01-05 15:22:33"), _at("2024-01-06 14:00:00")
    assert set(_rows(dataset, "user", "item", "time", "weight")) == {
        ("ann@example.com", "MUG-B", first, 2.0),
        ("ann@example.com", "POT", first, 1.0),
        ("ann@example.com", "PAN", first, 1.0),
        ("bob@example.com", "POT", second, 1.0),
    }
    assert dataset.stats.dropped == {"without a positive weight": 1}
    assert dataset.items.filter(item="POT").select("title", "categories").row(0) == ("Pot", ["Cooking"])


@pytest.mark.parametrize("form", ["array", "lines"])
def test_woocommerce(form: str, tmp_path: Path) -> None:
    orders = [
        {
            "id": number,
            "status": status,
            "customer_id": customer,
            "date_created_gmt": "2024-01-05T10:22:33",
            "billing": {"email": email, "city": "Bern"},
            "line_items": [{"id": 1, "product_id": product, "quantity": 1} for product in products],
        }
        for number, status, customer, email, products in [
            (1, "completed", 7, "ann@example.com", [11, 12]),
            (2, "processing", 0, "guest@example.com", [11]),
            (3, "completed", 0, "other@example.com", [12, 13]),
            (4, "cancelled", 7, "ann@example.com", [14]),
        ]
    ]
    text = json.dumps(orders) if form == "array" else _lines(*orders)
    dataset = _read("WooCommerce", tmp_path, {"orders-2024.json": text})
    assert set(_rows(dataset, "user", "item", "time")) == {
        (user, item, _at("2024-01-05 10:22:33"))
        for user, item in [
            ("7", "11"),
            ("7", "12"),
            ("guest@example.com", "11"),
            ("other@example.com", "12"),
            ("other@example.com", "13"),
        ]
    }
    assert dataset.stats.dropped == {"not matching where": 1}


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_google_analytics_4(form: str, tmp_path: Path) -> None:
    events = [
        {
            "event_date": "20240105",
            "event_timestamp": "1704450153000000",
            "event_name": name,
            "event_params": [{"key": "ga_session_id", "value": {"int_value": "12"}}],
            "user_pseudo_id": user,
            "items": [{"item_id": item, "item_name": item.lower(), "price": 3.5} for item in items],
        }
        for user, name, items in [
            ("1.2", "view_item", ["A"]),
            ("1.2", "purchase", ["A", "B"]),
            ("3.4", "view_item_list", ["A", "B", "C"]),
            ("3.4", "session_start", []),
            ("3.4", "add_to_cart", ["(not set)", "C"]),
        ]
    ]
    if form == "ndjson":
        dataset = _read("Google Analytics 4", tmp_path, {"events_20240105": _lines(*events)})
    else:
        table = pl.DataFrame(events).with_columns(pl.col("event_timestamp").cast(pl.Int64))
        toml = RECIPES["Google Analytics 4"].replace('"ndjson"', '"parquet"')
        dataset = read(tmp_path, {"events_20240105": table}, toml)
    assert set(_rows(dataset, "user", "item", "weight", "time")) == {
        (user, item, weight, 1_704_450_153.0)
        for user, item, weight in [("1.2", "A", 6.0), ("1.2", "B", 5.0), ("3.4", "C", 3.0)]
    }
    assert dataset.stats.dropped["of another event type"] == 3


def test_segment(tmp_path: Path) -> None:
    calls = [
        {
            "type": "track",
            "event": event,
            "userId": user,
            "anonymousId": visitor,
            "timestamp": time,
            "properties": what,
        }
        for event, user, visitor, time, what in [
            ("Product Viewed", None, "x1", "2024-01-05T10:22:33.120Z", {"product_id": "A", "price": 3}),
            ("Product Added", "ann", "x1", "2024-01-05T10:23:00.000Z", {"product_id": "A", "quantity": 1}),
            (
                "Order Completed",
                "ann",
                "x1",
                "2024-01-05T10:25:00Z",
                {"order_id": "9", "products": [{"product_id": "A"}, {"product_id": 17}]},
            ),
            ("Signed In", "ann", "x1", "2024-01-05T10:26:00Z", {}),
        ]
    ]
    files: dict[str, File] = {"segment/1.json.gz": gzip.compress(_lines(*calls).encode())}
    dataset = _read("Segment", tmp_path, files)
    assert set(_rows(dataset, "user", "item", "weight")) == {
        ("x1", "A", 1.0),
        ("ann", "A", 8.0),
        ("ann", "17", 5.0),
    }
    assert dataset.stats.last_time == _at("2024-01-05 10:25:00")


def test_matomo(tmp_path: Path) -> None:
    visits = [
        {
            "idVisit": number,
            "visitorId": visitor,
            "actionDetails": [
                {"type": "action", "url": "/", "timestamp": 1_704_450_000 + number},
                *(
                    {"type": "action", "productViewSku": sku, "timestamp": 1_704_450_100 + number}
                    for sku in skus
                ),
            ],
        }
        for number, visitor, skus in [(1, "aa", ["A", "B"]), (2, "bb", []), (3, "aa", ["C"])]
    ]
    dataset = _read("Matomo", tmp_path, {"visits-1.json": json.dumps(visits)})
    assert _rows(dataset, "user", "item", "time") == [
        ("aa", "A", 1_704_450_101.0),
        ("aa", "B", 1_704_450_101.0),
        ("aa", "C", 1_704_450_103.0),
    ]


def test_movielens(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,3,2.5,964981247\n"
        "2,1,3.0,1445714835\n",
        "movies.csv": "movieId,title,genres\n1,Toy Story (1995),Adventure|Comedy\n"
        '3,"Misérables, Les (1995)",(no genres listed)\n',
    }
    dataset = _read("MovieLens", tmp_path, files)
    assert _rows(dataset, "user", "item", "time") == [("1", "1", 964982703.0), ("2", "1", 1445714835.0)]
    assert dataset.stats.dropped == {"not matching where": 1}
    assert dataset.items.select("item", "title", "categories").rows() == [
        ("1", "Toy Story (1995)", ["Adventure", "Comedy"]),
        ("3", "Misérables, Les (1995)", ["(no genres listed)"]),
    ]


def test_movielens_1m(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "ratings.dat": "1::122::5::838985046\n1::185::2::838983525\n2::122::3::838983392\n",
        "movies.dat": "122::Boomerang (1992)::Comedy|Romance\n185::Misérables, Les (1995)::Drama\n".encode(
            "latin-1"
        ),
    }
    dataset = _read("MovieLens 1M and 10M", tmp_path, files)
    assert _rows(dataset, "user", "item", "time") == [("1", "122", 838985046.0), ("2", "122", 838983392.0)]
    assert dataset.items.select("item", "title", "categories").rows() == [
        ("122", "Boomerang (1992)", ["Comedy", "Romance"]),
        ("185", "Misérables, Les (1995)", ["Drama"]),
    ]


def test_last_fm(tmp_path: Path) -> None:
    text = 'u1\tmbid-1\t"weird al" yankovic\t12\nu1\t\tbjörk\t3\nu2\tmbid-1\t"weird al" yankovic\t1\n'
    dataset = _read("Last.fm", tmp_path, {"usersha1-artmbid-artname-plays.tsv": text})
    assert set(_rows(dataset, "user", "item", "weight")) == {
        ("u1", '"weird al" yankovic', 12.0),
        ("u1", "björk", 3.0),
        ("u2", '"weird al" yankovic', 1.0),
    }
    assert not dataset.ordered


def test_last_fm_2k(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "user_artists.dat": "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n3\t51\t7\n",
        "artists.dat": "id\tname\turl\tpictureURL\n51\tDuran Duran\thttp://x/a\thttp://x/b\n"
        '52\t"Weird Al" Yankovic\thttp://x/c\t\n53\tSigur Rós "x\thttp://x/d\thttp://x/e\n',
    }
    dataset = _read("Last.fm 2K (HetRec 2011)", tmp_path, files)
    assert set(_rows(dataset, "user", "item", "weight")) == {
        ("2", "51", 13883.0),
        ("2", "52", 11690.0),
        ("3", "51", 7.0),
    }
    assert not dataset.ordered
    assert dataset.items["title"].to_list() == ["Duran Duran", '"Weird Al" Yankovic', 'Sigur Rós "x']


def test_amazon_reviews(tmp_path: Path) -> None:
    reviews = [
        {
            "reviewerID": "A1",
            "asin": "0001",
            "overall": 5.0,
            "unixReviewTime": 1370390400,
            "reviewText": 'a "b"',
        },
        {"reviewerID": "A1", "asin": "0002", "overall": 1.0, "unixReviewTime": 1370390500},
        {"reviewerID": "A2", "asin": "0001", "overall": 3, "unixReviewTime": 1370390600},
    ]
    meta = [
        {"asin": "0001", "title": "Pot", "category": ["Home", "Cooking"]},
        {"asin": "0002", "title": "Pan"},
    ]
    files: dict[str, File] = {
        "reviews_Home.json.gz": gzip.compress(_lines(*reviews).encode()),
        "meta_Home.json.gz": gzip.compress(_lines(*meta).encode()),
    }
    dataset = _read("Amazon reviews", tmp_path, files)
    assert _rows(dataset, "user", "item", "time") == [
        ("A1", "0001", 1370390400.0),
        ("A2", "0001", 1370390600.0),
    ]
    assert dataset.items.select("item", "categories").rows() == [("0001", ["Home", "Cooking"]), ("0002", [])]


def test_instacart(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "orders.csv": (
            "order_id,user_id,eval_set,order_number,order_dow\n"
            "30,2,prior,1,3\n10,1,prior,10,3\n20,1,prior,2,2\n"
        ),
        "order_products__prior.csv": (
            "order_id,product_id,add_to_cart_order,reordered\n10,7,2,0\n10,8,1,0\n20,9,1,0\n30,7,1,0\n"
        ),
        "products.csv": "product_id,product_name,aisle_id\n7,Milk,1\n8,Tea,2\n9,Oats,3\n",
    }
    dataset = _read("Instacart", tmp_path, files)
    assert dataset.pairs.select("user", "item").rows() == [("1", "9"), ("1", "8"), ("1", "7"), ("2", "7")]
    assert dataset.ordered
    assert dataset.items["title"].to_list() == ["Milk", "Tea", "Oats"]
