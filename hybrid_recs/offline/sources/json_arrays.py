"""Files of JSON that do not hold one object a line, as copies that do."""

import codecs
import json
from pathlib import Path
from typing import Any

from hybrid_recs.offline.sources.compression import open_bytes
from hybrid_recs.offline.sources.scratch import new_file

_START = 1 << 16


def one_a_line(utf8: Path) -> Path:
    """The file itself, or a copy with one object a line of an array of objects.

    An array is read into memory as a whole. So is an object that spans lines; if one of its keys alone holds
    a list of objects, those are meant.
    """
    with open_bytes(utf8) as content:
        start = content.read(_START).removeprefix(codecs.BOM_UTF8).lstrip()
    if not start.startswith((b"[", b"{")) or _is_object(start.partition(b"\n")[0]):
        return utf8
    with open_bytes(utf8) as content:
        objects = _objects_of(content.read().removeprefix(codecs.BOM_UTF8))
    if objects is None:
        return utf8
    copy, path = new_file(".ndjson")
    with copy:
        copy.writelines(json.dumps(one).encode() + b"\n" for one in objects)
    return path


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _objects_of(content: bytes) -> list[Any] | None:
    try:
        # Numbers stay as they are written: an id may have more digits than a number holds.
        value = json.loads(content, parse_int=str, parse_float=str, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        parts = [part for part in value.values() if isinstance(part, list)]
        lists = [part for part in parts if part and isinstance(part[0], dict)]
        return lists[0] if len(lists) == 1 else [value]
    return value if isinstance(value, list) else None
