"""Makes up a shop with readable products and shoppers of known tastes, for a first try without real data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.demo import vocabulary
from hybrid_recs.types import SECONDS_PER_DAY

DAYS = 180
END = 1_782_863_999  # 2026-06-30 23:59:59 UTC
ROWS_PER_SHOPPER = 25
EVENTS = ("view", "cart", "purchase")

_BRANDS = 8  # per department
# Standard deviations of the log popularity above and below the median: few best sellers, a visible tail.
_SPREAD_ABOVE, _SPREAD_BELOW = 1.5, 0.9
_MIN_SHOPPERS = 3  # of every product
_MAX_SESSION, _SESSION_ENDS = 15, 0.23  # rows; probability after each row
_LOYAL, _NOISE, _REPEAT = 0.3, 0.06, 0.04  # shares of the favourite brand, of random products, of repeats
_SAME_TYPE, _SAME_AISLE = 0.40, 0.94  # the next row stays in the type, else in the aisle, else moves on
_STEPS = np.array([1, 1, 1, 1, 1, 2, 2, -1])  # to a type that is bought together with this one
_FRESH_EVENTS = (0.82, 0.117, 0.063)
_REPEAT_EVENTS = (0.33, 0.43, 0.24)  # shoppers who return to a product are likely to buy it

_DATASET = """\
[interactions]
path = "interactions.parquet"
user = "user"
item = "item"
time = "time"
event = "event"
event_weights = { view = 1, cart = 3, purchase = 5 }

[items]
path = "items.parquet"
id = "item"
title = "title"
categories = "categories"
text = ["title", "description"]
"""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Type:
    """A kind of product, such as a trail running shoe."""

    department: str
    aisle: str
    noun: str
    plural: str
    attributes: list[str]
    numbered: bool


@dataclass(frozen=True, slots=True)
class _Shop:
    """Products, sorted by type and then by brand, and the numbers for simulating shoppers.

    cells: first product of each type × brand. edges: cumulated popularity of the products.
    first_type: of each aisle. companions: the aisles shopped with each aisle, cycled to equal lengths.
    """

    items: pl.DataFrame
    type_of_item: Ints
    cells: Ints
    edges: NDArray[np.float64]
    aisle_of_type: Ints
    department_of_type: Ints
    first_type: Ints
    companions: Ints

    def draw(self, first: Ints, end: Ints, rng: np.random.Generator) -> Ints:
        """One product from each range of products, by popularity."""
        low, high = self.edges[first], self.edges[end]
        rows = np.searchsorted(self.edges, low + rng.random(len(low)) * (high - low), "right") - 1
        return np.clip(rows, first, end - 1)

    def draw_of_type(self, types: Ints, rng: np.random.Generator) -> Ints:
        return self.draw(self.cells[types * _BRANDS], self.cells[(types + 1) * _BRANDS], rng)


def write_demo_shop(
    folder: Path, products: int = 20_000, interactions: int = 1_000_000, seed: int = 7
) -> Path:
    """Write interactions.parquet, items.parquet and dataset.toml into `folder`; returns the path of the last.

    The same arguments give the same rows. There are no fewer products than product types (some 380).
    """
    rng = np.random.default_rng(seed)
    shop = _stock(products, rng)
    log = _interactions(shop, interactions, rng)
    folder.mkdir(parents=True, exist_ok=True)
    log.write_parquet(folder / "interactions.parquet")
    shop.items.sort("item").write_parquet(folder / "items.parquet")
    description = folder / "dataset.toml"
    description.write_text(_DATASET, "utf-8")
    return description


def _stock(products: int, rng: np.random.Generator) -> _Shop:
    types = _types()
    share = rng.uniform(0.7, 1.3, len(types))
    edges = np.rint(np.cumsum(share) / share.sum() * products).astype(np.int64)
    counts = np.maximum(np.diff(edges, prepend=0), 1)
    brand, titles, descriptions = _names(types, counts, rng)
    type_of_item = np.repeat(np.arange(len(types)), counts)
    names = [(kind.department, kind.aisle, kind.plural) for kind in types]
    levels = pl.DataFrame(names, schema=["department", "aisle", "type"], orient="row")[type_of_item]
    ids = [f"SKU-{number:06d}" for number in rng.permutation(len(titles)) + 1]
    items = pl.DataFrame({"item": ids, "title": titles}).hstack(levels)
    luck = rng.standard_normal(len(titles))
    popularity = np.exp(np.where(luck > 0, _SPREAD_ABOVE, _SPREAD_BELOW) * luck)
    aisles = list(dict.fromkeys(kind.aisle for kind in types))
    departments = list(dict.fromkeys(kind.department for kind in types))
    companions = [[aisles.index(other) for other in vocabulary.companions(aisle)] for aisle in aisles]
    aisle_of_type = np.array([aisles.index(kind.aisle) for kind in types])
    return _Shop(
        items=items.with_columns(
            categories=pl.concat_list("department", "aisle", "type"), description=pl.Series(descriptions)
        ),
        type_of_item=type_of_item,
        cells=np.searchsorted(type_of_item * _BRANDS + brand, np.arange(len(types) * _BRANDS + 1)),
        edges=np.concatenate([[0.0], np.cumsum(popularity)]),
        aisle_of_type=aisle_of_type,
        department_of_type=np.array([departments.index(kind.department) for kind in types]),
        first_type=np.searchsorted(aisle_of_type, np.arange(len(aisles) + 1)),
        companions=np.array([np.resize(others, 12) for others in companions]),
    )


def _types() -> list[_Type]:
    """The product types in shelf order, in which types bought together are neighbours."""
    attributes = dict(line.split(": ", 1) for line in vocabulary.ATTRIBUTES.strip().splitlines())
    types, department, numbered = [], "", False
    for line in vocabulary.SHELVES.strip().splitlines():
        aisle, is_aisle, shelf = line.partition(" > ")
        if not is_aisle:
            department, numbered = line.removesuffix(" *"), line.endswith("*")
            continue
        for group in shelf.split("; "):
            key, nouns = group.split(": ")
            values = attributes[key].split(" | ")
            for noun in nouns.split(", "):
                name = noun.removesuffix("=")
                types.append(_Type(department, aisle, name, vocabulary.plural(noun), values, numbered))
    return types


def _names(types: list[_Type], counts: Ints, rng: np.random.Generator) -> tuple[Ints, list[str], list[str]]:
    """Brand, title and description of every product; titles are unique."""
    brands = vocabulary.by_department(vocabulary.BRANDS)
    ranges = vocabulary.by_department(vocabulary.RANGES)
    brand_of: list[Ints] = []
    titles, descriptions = [], []
    for kind, count in zip(types, counts, strict=True):
        names, lines = brands[kind.department], ranges[kind.department]
        combinations = _BRANDS * len(lines) * len(kind.attributes)
        numbers = max(4 if kind.numbered else 1, -(-int(count) // combinations))
        code = np.sort(rng.choice(combinations * numbers, int(count), replace=False))
        brand, *others = np.unravel_index(code, (_BRANDS, len(lines), numbers, len(kind.attributes)))
        brand_of.append(brand)
        for b, r, n, a in zip(brand, *others, strict=True):
            model = f"{lines[r]} {n + 1}" if n else lines[r]
            titles.append(f"{names[b]} {model} {kind.noun}, {kind.attributes[a]}")
            descriptions.append(f"{kind.plural} from the {model} range by {names[b]}: {kind.attributes[a]}.")
    return np.concatenate(brand_of), titles, descriptions


def _interactions(shop: _Shop, total: int, rng: np.random.Generator) -> pl.DataFrame:
    shoppers = max(total // ROWS_PER_SHOPPER, 1)
    lengths = _session_lengths(total, rng)
    shopper = _shopper_of_sessions(len(lengths), shoppers, rng)
    starts = np.cumsum(lengths) - lengths
    user = np.repeat(shopper, lengths)
    types = _walk(shop, _aisle_of_sessions(shop, shopper, shoppers, rng), starts, lengths, rng)
    items = _choose(shop, types, user, shoppers, rng)
    position = np.arange(total) - np.repeat(starts, lengths)
    repeated = np.flatnonzero((position > 0) & (rng.random(total) < _REPEAT))
    items[repeated] = items[repeated - 1]
    _give_every_product_shoppers(shop, items, types, user, rng)
    events = rng.choice(len(EVENTS), total, p=_FRESH_EVENTS)
    events[repeated] = rng.choice(len(EVENTS), len(repeated), p=_REPEAT_EVENTS)
    log = pl.DataFrame(
        {
            "user": pl.Series([f"U{n:06d}" for n in range(1, shoppers + 1)]).gather(user),
            "item": shop.items["item"].gather(items),
            "time": _times(shopper, starts, lengths, rng),
            "event": pl.Series(EVENTS).gather(events),
        }
    )
    return log.sort("time", maintain_order=True)


def _session_lengths(total: int, rng: np.random.Generator) -> Ints:
    """The lengths of sessions that have exactly `total` rows together."""
    lengths = np.minimum(rng.geometric(_SESSION_ENDS, total), _MAX_SESSION)
    ends = np.cumsum(lengths)
    count = int(np.searchsorted(ends, total)) + 1
    lengths[count - 1] -= ends[count - 1] - total
    return lengths[:count]


def _shopper_of_sessions(sessions: int, shoppers: int, rng: np.random.Generator) -> Ints:
    """In order; every shopper has a session, some have many."""
    keenness = np.cumsum(rng.gamma(1.5, 1.0, shoppers))
    more = np.searchsorted(keenness, rng.random(max(sessions - shoppers, 0)) * keenness[-1], "right")
    return np.sort(np.concatenate([np.arange(min(shoppers, sessions)), np.minimum(more, shoppers - 1)]))


def _aisle_of_sessions(shop: _Shop, shopper: Ints, shoppers: int, rng: np.random.Generator) -> Ints:
    """Every shopper has one to three aisles, mostly companions of each other."""
    size = np.diff(shop.edges[shop.cells[shop.first_type * _BRANDS]])
    weights = size / size.sum()
    tastes = rng.choice(len(weights), (shoppers, 3), p=weights)
    for place in (1, 2):
        kin = shop.companions[tastes[:, place - 1], rng.integers(shop.companions.shape[1], size=shoppers)]
        tastes[:, place] = np.where(rng.random(shoppers) < 0.75, kin, tastes[:, place])
    known = rng.choice([1, 2, 3], shoppers, p=[0.35, 0.42, 0.23])
    place = rng.choice(3, len(shopper), p=[0.55, 0.27, 0.18]) % known[shopper]
    return np.asarray(tastes[shopper, place], np.int64)


def _walk(shop: _Shop, aisles: Ints, starts: Ints, lengths: Ints, rng: np.random.Generator) -> Ints:
    """The product type of every row: each session walks from type to type, all sessions in step."""
    types = np.empty(int(lengths.sum()), np.int64)
    types[starts] = _any_type(shop, aisles, rng)
    for position in range(1, _MAX_SESSION):
        rows = starts[lengths > position] + position
        before = types[rows - 1]
        aisle = shop.aisle_of_type[before]
        first = shop.first_type[aisle]
        step = rng.choice(_STEPS, len(rows))
        related = first + (before - first + step) % (shop.first_type[aisle + 1] - first)
        kin = shop.companions[aisle, rng.integers(shop.companions.shape[1], size=len(rows))]
        chance = rng.random(len(rows))
        moved = np.where(chance < _SAME_AISLE, related, _any_type(shop, kin, rng))
        types[rows] = np.where(chance < _SAME_TYPE, before, moved)
    return types


def _any_type(shop: _Shop, aisles: Ints, rng: np.random.Generator) -> Ints:
    return rng.integers(shop.first_type[aisles], shop.first_type[aisles + 1])


def _choose(shop: _Shop, types: Ints, user: Ints, shoppers: int, rng: np.random.Generator) -> Ints:
    """A product for every row: of the favourite brand, or any of the type, or, as noise, of the shop."""
    total, departments = len(types), int(shop.department_of_type[-1]) + 1
    favourite = rng.integers(_BRANDS, size=(shoppers, departments))
    items = shop.draw_of_type(types, rng)
    cell = types * _BRANDS + favourite[user, shop.department_of_type[types]]
    stocked = shop.cells[cell + 1] > shop.cells[cell]
    loyal = np.flatnonzero(stocked & (rng.random(total) < _LOYAL))
    items[loyal] = shop.draw(shop.cells[cell[loyal]], shop.cells[cell[loyal] + 1], rng)
    # A product that a shopper has already seen is redrawn once: repeats have a share of their own.
    seen = np.ones(total, bool)
    seen[np.unique(user * len(shop.type_of_item) + items, return_index=True)[1]] = False
    items[seen] = shop.draw_of_type(types[seen], rng)
    noise = np.flatnonzero(rng.random(total) < _NOISE)
    first, end = np.repeat([[0], [len(shop.type_of_item)]], len(noise), axis=1)
    items[noise] = shop.draw(first, end, rng)
    return items


def _give_every_product_shoppers(
    shop: _Shop, items: Ints, types: Ints, user: Ints, rng: np.random.Generator
) -> None:
    """Reassign rows of best sellers, except noise, to products of the same type that have too few
    shoppers."""
    count = len(shop.type_of_item)
    sold = np.bincount(np.unique(user * count + items) % count, minlength=count)
    rows = np.argsort(items, kind="stable")
    ends = np.searchsorted(items[rows], shop.cells[::_BRANDS])
    for kind in np.unique(shop.type_of_item[sold < _MIN_SHOPPERS]).tolist():
        products = np.arange(shop.cells[kind * _BRANDS], shop.cells[(kind + 1) * _BRANDS])
        candidates = rows[ends[kind] : ends[kind + 1]]
        spare = candidates[(sold[items[candidates]] > _MIN_SHOPPERS) & (types[candidates] == kind)]
        spare = rng.permutation(spare[np.unique(user[spare], return_index=True)[1]])
        spare = spare[np.argsort(-sold[items[spare]], kind="stable")]
        missing = np.repeat(products, np.maximum(_MIN_SHOPPERS - sold[products], 0))[: len(spare)]
        items[spare[: len(missing)]] = missing


def _times(shopper: Ints, starts: Ints, lengths: Ints, rng: np.random.Generator) -> Ints:
    """Sessions days apart, mostly in the evening; rows of a session seconds to minutes apart."""
    count = np.bincount(shopper)
    nth = np.arange(len(shopper)) - (np.cumsum(count) - count)[shopper]
    joined = np.maximum(rng.uniform(-0.4, 0.6, len(count)), 0)[shopper]
    through = (nth + rng.uniform(0.15, 0.85, len(shopper))) / count[shopper]
    day = ((joined + (1 - joined) * through) * DAYS).astype(np.int64)
    second = (rng.beta(4, 2, len(shopper)) * 22 * 3600).astype(np.int64)
    begin = END + 1 - (DAYS - day) * SECONDS_PER_DAY + second
    pause = 5 + rng.exponential(70, int(lengths.sum())).astype(np.int64)
    pause[starts] = 0
    passed = np.cumsum(pause)
    return np.minimum(np.repeat(begin - passed[starts], lengths) + passed, END)
