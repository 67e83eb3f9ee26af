"""Item requests of an access log: common or combined log format, or one item id a line; also gzipped."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from hybrid_recs.errors import DatasetError

_REQUEST = re.compile(r'"(?:GET|POST|HEAD) (\S+)[^"]*" (\d{3})')
_ROUTE = "/recommendations"


def item_requests(path: Path) -> list[str]:
    """Item ids asked for, in the order of the lines; raises DatasetError when there are none.

    Of a log, `GET …/recommendations?item_id=` with a status below 400 counts, whatever stands before the
    path.
    """
    try:
        lines = _lines(path)
        items = [item for line in lines if (item := _item(line)) is not None]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    if not items:
        raise DatasetError(f"{path}: no line asks for {_ROUTE}?item_id=…, and none is an item id alone")
    return items


def _lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", errors="replace") as file:
        for line in file:
            if stripped := line.strip():
                yield stripped


def _item(line: str) -> str | None:
    """The item of one line, None when it is no item request."""
    if '"' not in line:
        return line
    found = _REQUEST.search(line)
    if found is None or int(found[2]) >= 400:
        return None
    url = urlsplit(found[1])
    if not url.path.endswith(_ROUTE):
        return None
    values = parse_qs(url.query).get("item_id")
    return values[0] if values and values[0] else None
