"""The fast path and the full route give the same answers, byte for byte, and the same counts.

An empty parameter at the end (`…&`) means nothing to the route and is not of the common shape: it is how
these tests send the same request both ways.
"""

import random
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.online.http.fast_path import parse
from tests.planted import NEVER_BOUGHT, item_id
from tests.services import wait_until

HOT, TAIL = item_id(1, 0), item_id(1, 29)


class RawHttp:
    """Sends a request target as it is, which HTTP libraries do not, and tells the answer's bytes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")

    def get(self, query: bytes) -> tuple[bytes, list[bytes], bytes]:
        """Status line, header lines without what names the moment, and body."""
        self._socket.sendall(b"GET /recommendations?" + query + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        lines = list(iter(lambda: self._file.readline(), b"\r\n"))
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        headers = [_without_number(line) for line in lines[1:] if not line.startswith(b"date:")]
        return lines[0], headers, _ANSWER_ID.sub(b"", self._file.read(length))

    def close(self) -> None:
        self._file.close()
        self._socket.close()


# The id of an answer for more than one item, which differs every time.
_ANSWER_ID = re.compile(rb'(?<=^\{"recommendation_id":")\w+-\w+')


def _without_number(header: bytes) -> bytes:
    return re.sub(rb"(;dur=)\d+\.\d{3}(?=\r\n$)", rb"\1", header)


@pytest.fixture
def raw(shared_service: ChildService) -> Iterator[RawHttp]:
    opened = RawHttp(shared_service.port)
    yield opened
    opened.close()


_IDS = [
    *(item_id(world, place).encode() for world in range(3) for place in (0, 1, 15, 29)),
    NEVER_BOUGHT[0].encode(),
    *(b"%s" % quote_from_bytes(HOT.encode(), safe="").encode(), b"%30" + HOT[1:].encode()),
    *(
        b"",
        b"no+such+thing",
        b"no%20such",
        b"a%2Fb",
        b"a/b",
        b"%F0%9F%91%9F",
        b"%00",
        b"%ff%fe",
        b"%",
        b"%zz",
    ),
    *(b"%ED%A0%80", b"a=b", b"=", b"a;k=3", b"x" * 256, b"x" * 257, b"%78" * 256, b"%78" * 257),
    *(b"%F0%9F%91%9F" * 256, b"\"'<>", b"%26k=3", b"[]", b"%C3%A9", b"+", b"%2B", b"%E9"),
]
_KS = [
    b"1",
    b"10",
    b"99",
    b"100",
    b"0",
    b"101",
    b"-1",
    b"+5",
    b"05",
    b"5.0",
    b"",
    b"ten",
    b"%31",
    b"1_0",
    b"%20 7",
]
_OTHERS = [
    b"exclude=" + HOT.encode(),
    b"on_unknown=error",
    b"on_unknown=popular",
    b"on_unknown=x",
    b"z=1",
    b"k",
]


def _random_query(rng: random.Random) -> bytes:
    parts = [b"item_id=" + rng.choice(_IDS)]
    if rng.random() < 0.6:
        parts.append(b"k=" + rng.choice(_KS).replace(b" ", b""))
    for odd, share in ((b"item_id=" + rng.choice(_IDS), 0.1), (b"k=7", 0.1), (rng.choice(_OTHERS), 0.15)):
        if rng.random() < share:
            parts.append(odd)
    rng.shuffle(parts)
    return b"&".join(parts)


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_the_same_both_ways(raw: RawHttp, seed: int) -> None:
    rng = random.Random(seed)
    fast = 0
    for _ in range(150):
        query = _random_query(rng)
        if b"item_id=" in query and parse(query):
            fast += 1
        # Asked once before, so that a list rendered meanwhile is no difference.
        raw.get(query)
        assert raw.get(query) == raw.get(query + b"&"), query
    assert 40 < fast < 140


def test_what_the_headers_say(raw: RawHttp) -> None:
    status, headers, body = raw.get(b"item_id=" + HOT.encode())
    assert status == b"HTTP/1.1 200 OK\r\n"
    assert headers == [
        b"server-timing: cache;dur=\r\n",
        b"content-length: %d\r\n" % len(body),
        b"content-type: application/json\r\n",
    ]


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS"])
def test_other_methods_are_the_routes(http: httpx.Client, method: str) -> None:
    answer = http.request(method, f"/recommendations?item_id={HOT}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


def _as_the_route_reads(query: bytes) -> list[tuple[str, str]]:
    return QueryParams(query).multi_items()


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [b"item_id", b"k", b"=", b"&", b"%", b"+", b"%2B", b"10", b"100", b"0", b"\xc3\xa9"]
            ),
            st.binary(max_size=4),
        ),
        max_size=9,
    ).map(b"".join)
)
@example(b"item_id=a&k=10")
@example(b"k=100&item_id=%C3%A9+%2B")
@example(b"item_id=a\n&k=1")
@example(b"item_id=a&k=1\n")
@settings(max_examples=1_500, deadline=None, derandomize=True)
def test_what_is_parsed_is_what_the_route_would_read(query: bytes) -> None:
    for query_string in (query, b"item_id=" + query, b"item_id=" + query + b"&k=10"):
        parsed = parse(query_string)
        if parsed is not None:
            read = _as_the_route_reads(query_string)
            assert sorted(name for name, _ in read) in (["item_id"], ["item_id", "k"])
            values = dict(read)
            assert parsed == (values["item_id"], int(values.get("k", "10")))
            assert 1 <= len(parsed[0]) <= 256
            assert 1 <= parsed[1] <= 100


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"item_id=a", ("a", 10)),
        (b"item_id=a&k=1", ("a", 1)),
        (b"k=100&item_id=a", ("a", 100)),
        (b"item_id=a+b%20c%2B%C3%A9", ("a b c+é", 10)),
        (b"item_id=", None),
        (b"item_id=a&k=101", None),
        (b"item_id=a&k=0", None),
        (b"item_id=a&k=", None),
        (b"k=1&item_id=a&k=1", None),
        (b"item_id=a&item_id=b", None),
        (b"item_id=a&exclude=b", None),
        (b"Item_id=a", None),
        (b"", None),
        (b"item_id=" + b"x" * 256, ("x" * 256, 10)),
        (b"item_id=" + b"x" * 257, None),
    ],
)
def test_the_common_shape(query: bytes, expected: tuple[str, int] | None) -> None:
    assert parse(query) == expected


def _counted(http: httpx.Client) -> dict[tuple[str, str], int]:
    pattern = r'hybrid_recs_requests_total{reason="(\w*)",source="(\w+)"} (\S+)'
    return {(s, r): int(float(n)) for r, s, n in re.findall(pattern, http.get("/metrics").text)}


@pytest.mark.parametrize("ending", ["", "&"])
@pytest.mark.parametrize("local_cache_mb", ["0", "64"])
def test_counts_are_the_same_both_ways(
    environment: dict[str, str], tmp_path: Path, ending: str, local_cache_mb: str
) -> None:
    environment["HYBRID_RECS_LOCAL_CACHE_MB"] = local_cache_mb
    with child_service(tmp_path / "log", environment) as service, httpx.Client(base_url=service.url) as http:

        def ask(item: str) -> str:
            return str(http.get(f"/recommendations?item_id={item}{ending}").json()["source"])

        wait_until(lambda: ask(HOT) == "cache", what="lists in Redis")
        before = _counted(http)
        for times, item in enumerate((HOT, TAIL, NEVER_BOUGHT[0], "unknown"), start=3):
            for _ in range(times):
                ask(item)
        after = _counted(http)
    grown = {outcome: n - before.get(outcome, 0) for outcome, n in after.items() if n != before.get(outcome)}
    assert grown == {
        ("cache", ""): 3,
        ("live", ""): 4,
        ("popular", "no_vector"): 5,
        ("popular", "unknown_item"): 6,
    }
