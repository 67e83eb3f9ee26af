"""JSON, one object a line or an array of objects, as columns of text.

Types may change from line to line and keys may appear late: every value is read as the text it is written
as, so that an id is the same whether it is a number or a string. Only values that are lists or objects in a
sample keep that type.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from hybrid_recs.offline.sources.bad_lines import BadLines, require_few, shown_json
from hybrid_recs.offline.sources.compression import DataFile
from hybrid_recs.offline.sources.dataset_config import Table
from hybrid_recs.offline.sources.json_arrays import one_a_line
from hybrid_recs.offline.sources.text_encoding import as_utf8
from hybrid_recs.offline.sources.whole_lines import scan_whole_lines

_MAX_SHARE = 0.01
_SAMPLE_LINES = 10_000
_LINE = pl.col("line")
# What many programs write for a number that is none, though it is no JSON.
_NO_NUMBER = r"([:\[,]\s*)(?:NaN|-?Infinity)\b"
# Numbers that are spelt in another way, or lose digits, when they are read as such.
_RESPELT = r"-?(?:\d{19,}|\d+\.(?:0\d|[1-9])|\d+(?:\.\d+)?[eE])"
_NUMBER = r"-?\d[\d.eE+-]*"
_checked: dict[tuple[object, ...], "_Checked"] = {}
"""Files looked over: a table is scanned several times."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """lines: those that are objects. kinds: the type of every key of a sample, None for text, and of those
    that the table names, if the file has them."""

    lines: pl.LazyFrame
    bad: BadLines
    kinds: dict[str, pl.DataType | None]


def scan_json(file: DataFile, table: Table) -> pl.LazyFrame:
    """One column a key; lines that are no objects are left out."""
    checked = _check(file, table)
    return checked.lines.select(_value(name, kind).alias(name) for name, kind in checked.kinds.items())


def bad_json(file: DataFile, table: Table) -> BadLines:
    """The lines that are no objects."""
    return _check(file, table).bad


def _check(file: DataFile, table: Table) -> _Checked:
    """Raises DatasetError when many lines are no objects."""
    status = file.path.stat()
    read_as = (table.encoding, table.skip_rows, table.comment, table.named_columns, table.private_fields)
    key = (file.path, status.st_size, status.st_mtime_ns, repr(read_as))
    if key not in _checked:
        _checked[key] = _looked_over(file, table)
    return _checked[key]


def _looked_over(file: DataFile, table: Table) -> _Checked:
    lines = scan_whole_lines([one_a_line(as_utf8(file, table.encoding))], table.skip_rows, table.comment)
    kinds = _kinds(lines)
    late = [name for name in table.named_columns if name not in kinds]
    ids = _key(*table.id_columns)
    found = _found(lines, ids, late)
    if found["repairable"]:
        lines = lines.with_columns(
            pl.when(_is_object(_LINE)).then(_LINE).otherwise(_LINE.str.replace_all(_NO_NUMBER, "${1}null"))
        )
        found = _found(lines, ids, late)
    bad = BadLines(file.name, found["lines"])
    if found["bad"]:
        lines = lines.filter(_is_object(_LINE))
        example = shown_json(found["example"], table.private_fields)
        bad = BadLines(
            file.name, found["lines"], found["bad"], found["number"], "no complete JSON object", example
        )
        require_few(bad, _MAX_SHARE, "A file of JSON holds one object a line, or one array of objects")
    if found["respelt"]:
        lines = lines.with_columns(_LINE.str.replace_all(f"({ids})({_NUMBER})", '${1}"${2}"'))
    # A file without any rows has every column.
    late = [name for name in late if found[_is_there(name)] or not found["lines"]]
    return _Checked(lines, bad, kinds | dict.fromkeys(late))


def _found(lines: pl.LazyFrame, ids: str, late: list[str]) -> dict[str, Any]:
    """What a pass over the file tells."""
    bad = ~_is_object(_LINE)
    return (
        lines.select(
            lines=pl.len(),
            bad=bad.sum(),
            number=pl.col("number").filter(bad).first(),
            example=_LINE.filter(bad).first(),
            repairable=(bad & _LINE.str.contains(_NO_NUMBER)).any(),
            respelt=_LINE.str.contains(ids + _RESPELT).any(),
            **{_is_there(name): _value(name, None).is_not_null().any() for name in late},
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )


def _is_there(name: str) -> str:
    return f"{name} is there"


def _key(*names: str) -> str:
    """A pattern for what stands before the value of one of these keys."""
    keys = "|".join(re.escape(json.dumps(name, ensure_ascii=False)) for name in names)
    return rf"(?:{keys})\s*:\s*" if names else r"[^\s\S]"


def _is_object(line: pl.Expr) -> pl.Expr:
    return line.str.json_path_match("$").str.starts_with("{").fill_null(False)


def _kinds(lines: pl.LazyFrame) -> dict[str, pl.DataType | None]:
    """Every key of the first lines, and its type if it holds lists or objects."""
    seen: dict[str, list[Any]] = {}
    for line in lines.head(_SAMPLE_LINES).collect()["line"]:
        for name, value in _object(line).items():
            seen.setdefault(name, []).append(value)
    kinds = {name: _type_of(values) for name, values in seen.items()}
    return {name: None if kind == pl.String else kind for name, kind in kinds.items()}


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


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
