"""Data with known neighbours: every shopper stays in one of eight worlds, and so do an item's neighbours."""

from pathlib import Path

import numpy as np

WORLDS = 8
ITEMS_PER_WORLD = 30
SHOPPERS_PER_WORLD = 60
NEVER_BOUGHT = ("0000", "0001")

_TOML = """
[interactions]
path = "interactions.csv"
user = "user"
item = "item"
time = "time"

[items]
path = "items.csv"
id = "id"
title = "title"
categories = { column = "worlds", separator = "|" }
"""


def item_id(world: int, place: int) -> str:
    """Place 0 is the world's most popular item; ids keep their leading zero."""
    return f"0{world + 1}{place:02d}"


def world_of(item: str) -> int:
    """The world of an item; -1 for those that nobody bought."""
    return int(item[:2]) - 1


def write_planted(folder: Path, seed: int = 3) -> Path:
    """Write the files into `folder`; returns the path of dataset.toml."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    popularity = 1 / np.arange(1, ITEMS_PER_WORLD + 1) ** 0.7
    popularity /= popularity.sum()
    lines, time = ["user,item,time"], 1_700_000_000
    for world in range(WORLDS):
        for shopper in range(SHOPPERS_PER_WORLD):
            places = rng.choice(ITEMS_PER_WORLD, 12, replace=False, p=popularity)
            lines += [
                f"w{world}s{shopper},{item_id(world, place)},{time + 60 * index}"
                for index, place in enumerate(places.tolist())
            ]
            time += 60 * len(places)
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    items = ["id,title,worlds"]
    for world in range(WORLDS):
        items += [
            f"{item_id(world, place)},Thing {place} of world {world},world {world}|all"
            for place in range(ITEMS_PER_WORLD)
        ]
    items += [f"{item},Never bought {item},all" for item in NEVER_BOUGHT]
    (folder / "items.csv").write_text("\n".join(items) + "\n")
    description = folder / "dataset.toml"
    description.write_text(_TOML)
    return description
