"""Who may write, how often and how much: around an application that returns the length of what it
received."""

import asyncio
import hmac
import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message

from hybrid_recs import wiring
from hybrid_recs.online.http import responses
from hybrid_recs.online.http.write_guard import TokenBuckets, WriteGuard
from hybrid_recs.settings import Settings

KEYS = ["a-key-of-twenty-chars", "another-key-of-more-chars"]


def _guarded(
    keys: list[str],
    writes_per_second: float = 0,
    max_body: int = 100,
    same: Callable[[bytes, bytes], bool] = hmac.compare_digest,
) -> WriteGuard:
    app = FastAPI()
    app.add_exception_handler(HTTPException, responses.on_http_error)

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def received(request: Request) -> int:
        return len(await request.body())

    return WriteGuard(app, keys, writes_per_second, max_body, same)


class _Body:
    """A body in pieces; counts the pieces that were read."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.taken = 0
        self._pieces = pieces

    async def receive(self) -> Message:
        piece = self._pieces[self.taken]
        self.taken += 1
        return {"type": "http.request", "body": piece, "more_body": self.taken < len(self._pieces)}


def _ask(
    guard: WriteGuard,
    method: str = "PUT",
    path: str = "/items/x",
    client: str = "127.0.0.1",
    body: Any = None,
    **headers: str,
) -> tuple[int, dict[str, str], Any]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": (client, 1), "server": ("127.0.0.1", 80), "scheme": "http", "http_version": "1.1",
        "root_path": "",
    }  # fmt: skip
    asyncio.run(guard(scope, (body or _Body([b""])).receive, send))
    response_headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], response_headers, json.loads(b"".join(part["body"] for part in sent[1:]))


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_without_keys_clients_on_this_machine_may_write(client: str) -> None:
    assert _ask(_guarded([]), client=client)[0] == 200


@pytest.mark.parametrize(
    "client", ["10.0.0.1", "192.168.1.7", "2001:db8::1", "::ffff:10.0.0.1", "testclient"]
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_without_keys_others_may_only_read(client: str, method: str) -> None:
    status, _, body = _ask(_guarded([]), method, client=client)
    assert status == 403
    assert body["error"]["code"] == "not_allowed"
    assert "HYBRID_RECS_API_KEYS" in body["error"]["message"]
    for reading in (("GET", "/items/x"), ("POST", "/recommendations"), ("POST", "/recommendations/batch")):
        assert _ask(_guarded([]), *reading, client=client)[0] == 200
    assert _ask(_guarded([]), "PUT", "/recommendations", client=client)[0] == 403


@pytest.mark.parametrize(
    "header",
    [
        {"x_forwarded_for": "127.0.0.1"},
        {"x_forwarded_proto": "https"},
        {"forwarded": "for=127.0.0.1"},
        {"x_real_ip": "127.0.0.1"},
        {"via": "1.1 proxy"},
        {"origin": "http://shop.example"},
        {"origin": "null"},
        {"origin": "http://[::1"},
    ],
)
def test_what_a_proxy_or_another_sites_page_sent_is_not_of_this_machine(header: dict[str, str]) -> None:
    assert _ask(_guarded([]), **header)[0] == 403


def test_the_services_own_page_may_write() -> None:
    for origin in ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"):
        assert _ask(_guarded([]), origin=origin)[0] == 200


@pytest.mark.parametrize("key", KEYS)
def test_any_of_the_keys_in_either_header_from_anywhere(key: str) -> None:
    guard = _guarded(KEYS)
    assert _ask(guard, client="10.0.0.1", x_api_key=key)[0] == 200
    assert _ask(guard, client="10.0.0.1", authorization=f"Bearer {key}")[0] == 200
    assert _ask(guard, client="10.0.0.1", authorization=f"bearer {key}", x_forwarded_for="1.2.3.4")[0] == 200


@pytest.mark.parametrize(
    "header",
    [{}, {"x_api_key": ""}, {"x_api_key": KEYS[0][:-1]}, {"x_api_key": KEYS[0] + "x"},
     {"x_api_key": "é" * 20}, {"x_api_key": ",".join(KEYS)},
     {"authorization": f"Basic {KEYS[0]}"}, {"authorization": KEYS[0]}],
)  # fmt: skip
def test_with_keys_nobody_writes_without_one(header: dict[str, str]) -> None:
    status, response_headers, body = _ask(_guarded(KEYS), client="127.0.0.1", **header)
    assert (status, body["error"]["code"]) == (401, "key_needed")
    assert response_headers["www-authenticate"] == "Bearer"
    assert not any(key in body["error"]["message"] for key in KEYS)
    assert _ask(_guarded(KEYS), "GET", client="10.0.0.1")[0] == 200


def test_short_keys_are_refused_and_none_is_told() -> None:
    with pytest.raises(ValidationError, match="at least 16 characters") as refused:
        Settings(api_keys=SecretStr(f"{KEYS[0]},a-short-secret"))
    assert "secret" not in str(refused.value)
    settings = Settings(api_keys=SecretStr(f" {KEYS[0]} ,, {KEYS[1]}"))
    assert wiring.api_keys(settings) == KEYS
    assert KEYS[0] not in repr(settings)
    assert wiring.api_keys(Settings(api_keys=SecretStr(""))) == []


@pytest.mark.parametrize("given", [KEYS[0], KEYS[1], "wrong", ""])
def test_every_key_is_compared_in_constant_time(given: str) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def same(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return hmac.compare_digest(a, b)

    status = _ask(_guarded(KEYS, same=same), x_api_key=given)[0]
    assert status == (200 if given in KEYS else 401)
    assert len(compared) == len(KEYS)
    assert {len(part) for pair in compared for part in pair} == {32}
    assert inspect.signature(WriteGuard).parameters["same"].default is hmac.compare_digest


def test_a_declared_length_over_the_bound_is_refused_unread() -> None:
    body = _Body([b"x" * 101])
    for path in ("/items/x", "/recommendations"):
        status, response_headers, answer = _ask(_guarded([]), "POST", path, body=body, content_length="101")
        assert (status, answer["error"]["code"], response_headers["connection"]) == (
            413,
            "body_too_large",
            "close",
        )
        assert "100 bytes" in answer["error"]["message"]
    assert body.taken == 0
    assert _ask(_guarded([]), body=_Body([b"x" * 100]), content_length="100")[2] == 100


def test_a_chunked_body_over_the_bound_is_refused_before_its_end() -> None:
    body = _Body([b"x" * 60] * 1_000)
    status, response_headers, answer = _ask(_guarded([]), body=body)
    assert (status, answer["error"]["code"], response_headers["connection"]) == (
        413,
        "body_too_large",
        "close",
    )
    assert body.taken == 2
    assert _ask(_guarded([]), body=_Body([b"x" * 50] * 2))[2] == 100


def test_writes_of_one_client_or_key_are_bounded() -> None:
    guard = _guarded(KEYS, writes_per_second=2)
    statuses = [_ask(guard, x_api_key=KEYS[0])[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    status, response_headers, body = _ask(guard, x_api_key=KEYS[0])
    assert (status, body["error"]["code"], response_headers["retry-after"]) == (429, "too_many_writes", "1")
    assert _ask(guard, x_api_key=KEYS[1])[0] == 200
    assert _ask(guard, "GET")[0] == 200
    assert _ask(guard, "POST", "/recommendations")[0] == 200


def test_buckets_fill_with_time_and_are_not_many() -> None:
    now = 0.0
    buckets = TokenBuckets(0.5, lambda: now)
    assert buckets.wait("a") == 0
    assert buckets.wait("a") == 2
    now = 1.0
    assert buckets.wait("a") == 1
    now = 2.0
    assert buckets.wait("a") == 0
    for number in range(20_000):
        assert buckets.wait(f"{number}") == 0
    assert len(buckets) == 10_000


def test_the_life_span_passes() -> None:
    seen: list[str] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return {}

    asyncio.run(WriteGuard(app, [], 0, 1)({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]
