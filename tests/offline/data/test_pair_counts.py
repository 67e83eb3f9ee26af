"""Pairs counted by user and by item, against counts by name."""

from collections import Counter

import numpy as np
import polars as pl

from hybrid_recs.offline.data.pair_counts import count_pairs, count_users

# Short and long, with a common start, with other scripts: names that a hash may take for one another.
NAMES = [form.format(n) for n in range(700) for form in ("{}", "customer-{}", "{:040}", "é{}", " {}", "{} ")]


def _pairs(seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    rows = {(NAMES[rng.integers(len(NAMES))], f"i{rng.integers(20_000)}") for _ in range(9_000)}
    users, items = zip(*sorted(rows), strict=True)
    columns = {"user": users, "item": items, "weight": rng.random(len(rows))}
    frame = pl.DataFrame(columns).with_columns(
        count=pl.Series(rng.integers(1, 9, len(rows)), dtype=pl.UInt32)
    )
    return frame.sample(fraction=1, shuffle=True, seed=seed)


def test_users_are_those_of_their_names() -> None:
    pairs = _pairs()
    users = count_users(pairs)
    named = users.with_columns(user=pairs["user"].gather(users["place"])).sort("user")
    expected = pairs.group_by("user").agg(items=pl.len(), rows=pl.col("count").sum()).sort("user")
    assert named.select("user", "items", "rows").equals(expected)
    assert len(users) == len(set(pairs["user"]))
    first = [pairs["user"].to_list().index(name) for name in named["user"][:50]]
    assert named["place"][:50].to_list() == first


def test_items_are_linked_by_users_of_several_items() -> None:
    pairs = _pairs()
    counts = count_pairs(pairs, count_users(pairs))
    items = Counter(pairs["user"])
    linked = {item for user, item in pairs.select("user", "item").iter_rows() if items[user] > 1}
    assert 0 < counts.linked == len(linked) < len(counts.items)
    expected = pairs.group_by("item").agg(users=pl.len(), rows=pl.col("count").sum()).sort("item")
    assert counts.items.select("item", "users", "rows").sort("item").equals(expected)
    assert (counts.pairs, counts.rows) == (len(pairs), pairs["count"].sum())


def test_of_users_with_as_much_the_first_by_name_are_shown() -> None:
    names = [f"u{n:04d}" for n in range(3_000)]
    rows = [(name, f"i{n}") for name in names for n in range(2)] + [("z", f"i{n}") for n in range(3)]
    pairs = pl.DataFrame(rows, ["user", "item"], orient="row").with_columns(
        weight=pl.lit(1.0), count=pl.lit(1, pl.UInt32)
    )
    pairs = pairs.sample(fraction=1, shuffle=True, seed=1)
    shown = count_pairs(pairs, count_users(pairs)).largest_users("items", 4)
    assert shown.rows() == [("z", 3, 3), ("u0000", 2, 2), ("u0001", 2, 2), ("u0002", 2, 2)]
