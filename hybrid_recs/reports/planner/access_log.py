"""Reads item requests from an access log: common or combined log format, or one item id per line; may be
gzipped."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from hybrid_recs.errors import DatasetError

_REQUEST = re.compile(r'"(?:GET|POST|HEAD) (\S+)[^"]*" (\d{3})')
_ROUTE = "/recommendations"


def item_requests(path: Path) -> list[str]:
    """Requested item ids in the order of the lines; raises DatasetError when there are none.

    In a log, `GET …/recommendations?item_id=` counts if its status is below 400, with any prefix of the path.
    """
    try:
        lines = _lines(path)
        items = [item for line in lines if (item := _item(line)) is not None]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    if not items:
        raise DatasetError(f"{path}: no line is a request for {_ROUTE}?item_id=… or a bare item id")
    return items


def _lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", errors="replace") as file:
        for line in file:
            if stripped := line.strip():
                yield stripped


def _item(line: str) -> str | None:
    """The item id of a line, None if the line is not an item request."""
    if '"' not in line:
        return line
    match = _REQUEST.search(line)
    if match is None or int(match[2]) >= 400:
        return None
    url = urlsplit(match[1])
    if not url.path.endswith(_ROUTE):
        return None
    values = parse_qs(url.query).get("item_id")
    return values[0] if values and values[0] else None
