"""JSON, one object a line or an array of objects, as columns of text.

Types may change from line to line and keys may appear late: every value is read as the text it is written
as, so that an id is the same whether it is a number or a string. Only values that are lists or objects in a
sample keep that type.
"""

import codecs
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from hybrid_recs.offline.sources.bad_lines import BadLines, require_few, shown_json
from hybrid_recs.offline.sources.compression import DataFile, open_bytes
from hybrid_recs.offline.sources.dataset_config import Table
from hybrid_recs.offline.sources.scratch import new_file
from hybrid_recs.offline.sources.text_encoding import as_utf8
from hybrid_recs.offline.sources.whole_lines import scan_whole_lines

_SAMPLE_LINES = 10_000
_START = 1 << 16
_checked: dict[tuple[object, ...], "_Checked"] = {}
"""Files looked over: a table is scanned several times."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """path: one object a line. kinds: the type of every key of a sample, None for text."""

    path: Path
    bad: BadLines
    kinds: dict[str, pl.DataType | None]


def scan_json(file: DataFile, table: Table) -> pl.LazyFrame:
    """All keys of a sample and those that the table names; lines that are no objects are left out."""
    checked = _check(file, table)
    lines = scan_whole_lines([str(checked.path)], table.skip_rows)
    if checked.bad.count:
        lines = lines.filter(_is_object(pl.col("line")))
    kinds = dict.fromkeys(table.named_columns) | checked.kinds
    return lines.select(_value(name, kind).alias(name) for name, kind in kinds.items())


def bad_json(file: DataFile, table: Table) -> BadLines:
    """The lines that are no objects."""
    return _check(file, table).bad


def _check(file: DataFile, table: Table) -> _Checked:
    """Raises DatasetError when many lines are no objects."""
    status = file.path.stat()
    key = (file.path, status.st_size, status.st_mtime_ns, table.encoding, table.skip_rows)
    if key not in _checked:
        path = _one_a_line(as_utf8(file, table.encoding))
        bad = _bad_lines(file, path, table)
        require_few(bad, "A file of JSON holds one object a line, or one array of objects")
        _checked[key] = _Checked(path, bad, _kinds(scan_whole_lines([str(path)], table.skip_rows)))
    return _checked[key]


def _is_object(line: pl.Expr) -> pl.Expr:
    return line.str.json_path_match("$").str.starts_with("{").fill_null(False)


def _bad_lines(file: DataFile, path: Path, table: Table) -> BadLines:
    lines = scan_whole_lines([str(path)], table.skip_rows)
    count = lines.select(n=pl.len(), bad=(~_is_object(pl.col("line"))).sum()).collect(engine="streaming")
    n, bad = count.row(0)
    if not bad:
        return BadLines(file.name, n)
    with open_bytes(path) as content:
        for number, raw in enumerate(content, start=1):
            line = raw.decode("utf-8", "replace")
            if number > table.skip_rows and line.strip() and not isinstance(_loaded(line), dict):
                shown = shown_json(line, table.private_columns)
                return BadLines(file.name, n, bad, number, "no complete JSON object", shown)
    return BadLines(file.name, n, bad)


def _loaded(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _kinds(lines: pl.LazyFrame) -> dict[str, pl.DataType | None]:
    """Every key of the first lines, and its type if it holds lists or objects."""
    seen: dict[str, list[Any]] = {}
    for line in lines.head(_SAMPLE_LINES).collect()["line"]:
        row = _loaded(line)
        for name, value in row.items() if isinstance(row, dict) else ():
            seen.setdefault(name, []).append(value)
    kinds = {name: _type_of(values) for name, values in seen.items()}
    return {name: None if kind == pl.String else kind for name, kind in kinds.items()}


def _type_of(values: list[Any]) -> pl.DataType:
    """Lists and objects as such, all that is in them as text; so is what is an object only sometimes."""
    values = [value for value in values if value is not None]
    if values and all(isinstance(value, list) for value in values):
        return pl.List(_type_of([part for value in values for part in value]))
    if values and all(isinstance(value, dict) for value in values):
        keys = dict.fromkeys(key for value in values for key in value)
        parts = {key: [value[key] for value in values if key in value] for key in keys}
        return pl.Struct({key: _type_of(part) for key, part in parts.items()})
    return pl.String()


def _value(name: str, kind: pl.DataType | None) -> pl.Expr:
    text = pl.col("line").str.json_path_match(f"$[{json.dumps(name, ensure_ascii=False)}]")
    return text if kind is None else text.str.json_decode(kind)


def _one_a_line(utf8: Path) -> Path:
    """The file itself, or a copy with one object a line of an array of objects.

    An array is read into memory as a whole. So is an object that spans lines; if one of its keys alone holds
    a list of objects, those are meant.
    """
    with open_bytes(utf8) as content:
        start = content.read(_START).removeprefix(codecs.BOM_UTF8).lstrip()
    first = start.partition(b"\n")[0].decode("utf-8", "replace")
    if not start.startswith((b"[", b"{")) or isinstance(_loaded(first), dict):
        return utf8
    with open_bytes(utf8) as content:
        objects = _objects_of(content.read().removeprefix(codecs.BOM_UTF8))
    if objects is None:
        return utf8
    copy, path = new_file(".ndjson")
    with copy:
        copy.writelines(orjson.dumps(one) + b"\n" for one in objects)
    return path


def _objects_of(content: bytes) -> list[Any] | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if isinstance(value, dict):
        parts = [part for part in value.values() if isinstance(part, list)]
        lists = [part for part in parts if part and isinstance(part[0], dict)]
        return lists[0] if len(lists) == 1 else [value]
    return value if isinstance(value, list) else None
