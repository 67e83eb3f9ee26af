"""Looks at a file of interactions and drafts its dataset.toml, with a comment wherever it guessed."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data import times
from hybrid_recs.offline.sources.compression import open_bytes
from hybrid_recs.offline.sources.data_files import data_files
from hybrid_recs.offline.sources.dataset_config import (
    DatasetConfig,
    InteractionsTable,
    RawTable,
    format_of,
    separator_of,
)
from hybrid_recs.offline.sources.tables import scan_raw

_SAMPLE_ROWS, _SAMPLE_BYTES = 10_000, 1 << 20
_SEPARATORS = (",", ";", "\t", "|")
_ENCODINGS = ("utf-8", "cp1252", "latin-1")
# By what the columns of exports are called, the surest first.
_NAMES = {
    "user": r"user|customer|client|visitor|member|buyer|reviewer|person|account|e-?mail|session|cookie",
    "item": r"item|product|sku|stock_?code|asin|article|movie|book|isbn|track|song|artist|video|listing",
    "time": r"time|date|created|_at$|^at$|\bts\b|when|day",
    "event": r"event|action|activity|^type$|_type$",
    "weight": r"quantity|qty|plays|count|amount|weight|pieces",
    "title": r"title|description|name",
    "categories": r"categor|genre|tags?$|department|brand",
}
_NEEDED = ("user", "item")
_MAX_EVENTS = 30


@dataclass(frozen=True, slots=True)
class Draft:
    """toml: the text. missing: of user and item, what no column looks like."""

    toml: str
    missing: list[str] = field(default_factory=list)


def draft_of(path: Path) -> Draft:
    """Of a file, or of a folder of files; raises DatasetError when it cannot be read as a table at all."""
    config, keys = _reading(path)
    table = config.tables["file"]
    frame = scan_raw(config, table).head(_SAMPLE_ROWS).collect()
    uses = _uses(frame)
    lines = [
        f"# A draft from the first {len(frame):,} rows of {path.name}. See what is understood with",
        "# make check-data DATASET=<this file>, and every key in docs/reference/dataset.md.",
        "",
        "[interactions]",
        f"path = {_quoted(path.name)}",
        *keys,
    ]
    lines += [_needed(use, uses.get(use), frame) for use in _NEEDED]
    lines += _time_lines(config, uses.get("time"), frame)
    lines += _weight_lines(uses, frame)
    unused = [name for name in frame.columns if name not in uses.values()]
    if unused:
        lines.append(f"# not used: {', '.join(unused)}")
    nested = [name for name in unused if frame[name].dtype.is_nested()]
    if nested:
        lines.append(f"# {', '.join(nested)} hold lists or objects: a query takes them apart, see")
        lines.append("# docs/how-to/describe-your-data.md")
    lines += _item_lines(path, uses, keys)
    return Draft("\n".join(lines) + "\n", [use for use in _NEEDED if use not in uses])


def _reading(path: Path) -> tuple[DatasetConfig, list[str]]:
    """A description that reads the file, and its keys as lines of TOML."""
    keys: dict[str, str] = {}
    placeholder = InteractionsTable.model_validate({"path": path.name, "user": "user", "item": "item"})
    tables = {"file": RawTable(path=path.name)}
    config = DatasetConfig(interactions=[placeholder], tables=tables, folder=path.absolute().parent)
    file = data_files(config, tables["file"])[0]
    if format_of(file.path) is None:
        keys["format"] = "csv"
    if (format_of(file.path) or "csv") == "csv":
        with open_bytes(file.path) as content:
            start = content.read(_SAMPLE_BYTES)
        encoding = _encoding_of(start)
        text = start.decode(encoding, "replace")
        separator = _separator_of(text)
        if encoding != "utf-8":
            keys["encoding"] = encoding
        if separator != separator_of(tables["file"], file.path):
            keys["separator"] = separator
    read = RawTable.model_validate({"path": path.name, **keys})
    lines = [f"{name} = {_quoted(value)}" for name, value in keys.items()]
    return config.model_copy(update={"tables": {"file": read}}), lines


def _encoding_of(start: bytes) -> str:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    whole = start[: start.rfind(b"\n") + 1] or start
    for encoding in _ENCODINGS:
        try:
            whole.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise AssertionError("latin-1 decodes everything")


def _separator_of(text: str) -> str:
    """The one that parts most lines into as many cells as the header, and into the most."""
    lines = [line for line in text.splitlines()[:200] if line.strip()]

    def cells(separator: str) -> tuple[int, int]:
        counts = [line.count(separator) for line in lines]
        alike = sum(count == counts[0] for count in counts) if counts and counts[0] else 0
        return alike, counts[0] if counts else 0

    return max(_SEPARATORS, key=cells)


def _uses(frame: pl.DataFrame) -> dict[str, str]:
    """What each column seems to be; every column has one use."""
    uses: dict[str, str] = {}
    for use, pattern in _NAMES.items():
        for name in frame.columns:
            if (
                name not in uses.values()
                and re.search(pattern, name, re.IGNORECASE)
                and _fits(use, frame[name])
            ):
                uses[use] = name
                break
    return uses


def _fits(use: str, cells: pl.Series) -> bool:
    kind = getattr(cells.dtype, "inner", cells.dtype)
    if kind.is_nested() or (isinstance(cells.dtype, pl.List) and use != "item"):
        return False
    if use == "weight":
        numbers = cells.cast(pl.Float64, strict=False)
        return numbers.null_count() < len(cells) / 2
    return use != "event" or 1 < cells.n_unique() <= _MAX_EVENTS


def _needed(use: str, column: str | None, frame: pl.DataFrame) -> str:
    if column is None:
        return f'{use} = "?"  # no column looks like one; there are {", ".join(frame.columns)}'
    return f"{use} = {_quoted(column)}"


def _time_lines(config: DatasetConfig, column: str | None, frame: pl.DataFrame) -> list[str]:
    if column is None:
        return [
            "# without a time the order of the rows is judged; name a column if there is one:",
            '# time = "…"',
        ]
    lines = [f"time = {_quoted(column)}"]
    table = config.interactions[0].model_copy(update={"time": column})
    try:
        times.time_seconds(frame.lazy(), table)
    except DatasetError as error:
        proposed = re.search(r'time_format = ("[^"]+")( or ("[^"]+"))?', str(error))
        if proposed is None:
            return [
                f"# time = {_quoted(column)}  # it holds {frame[column].drop_nulls()[0]!r}: set time_format"
            ]
        other = f"  # or {proposed[3]}: the data does not tell" if proposed[3] else ""
        lines.append(f"time_format = {proposed[1]}{other}")
    return lines


def _weight_lines(uses: dict[str, str], frame: pl.DataFrame) -> list[str]:
    if (event := uses.get("event")) is not None:
        kinds = frame[event].drop_nulls().value_counts(sort=True)[event].to_list()
        weights = ", ".join(f"{_quoted(str(kind))} = 1" for kind in kinds)
        return [
            f"event = {_quoted(event)}",
            f"event_weights = {{ {weights} }}  # what each kind counts; those left out are dropped",
        ]
    if (weight := uses.get("weight")) is not None:
        return [f"weight = {_quoted(weight)}"]
    return []


def _item_lines(path: Path, uses: dict[str, str], keys: list[str]) -> list[str]:
    described = [use for use in ("title", "categories") if use in uses]
    if not described or "item" not in uses:
        return [
            "",
            "# [items]  # a table of titles and categories, if there is one",
            '# path = "…"',
            '# id = "…"',
        ]
    lines = ["", "[items]", f"path = {_quoted(path.name)}", *keys, f"id = {_quoted(uses['item'])}"]
    return lines + [f"{use} = {_quoted(uses[use])}" for use in described]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
