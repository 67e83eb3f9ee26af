"""A server in front of a real Redis that relays every command and damages the replies to some of them."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

import hiredis

CLOSE = b"<close>"
"""At the end of a reply: the connection is closed after it."""

Damage = Callable[[bytes, Random], bytes]
"""Of a right reply: what the client receives instead of it."""


def _elements(reply: bytes) -> list[bytes]:
    """The elements of an array as they are on the wire; other replies are their own only element."""
    parsed = _parsed(reply)
    if not isinstance(parsed, list):
        return [reply]
    return [b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value) for value in parsed]


def _parsed(reply: bytes) -> object:
    reader = hiredis.Reader()
    reader.feed(reply)
    return reader.gets()


def _array(elements: Sequence[bytes], kind: bytes = b"*") -> bytes:
    return b"%b%d\r\n%b" % (kind, len(elements), b"".join(elements))


def _with_element(element: bytes) -> Damage:
    """One of the elements is another one."""

    def damage(reply: bytes, rng: Random) -> bytes:
        elements = _elements(reply)
        elements[rng.randrange(len(elements))] = element
        return _array(elements)

    return damage


def _instead(text: bytes) -> Damage:
    return lambda *_: text


def _bit_flipped(reply: bytes, rng: Random) -> bytes:
    at, flipped = rng.randrange(len(reply)), bytearray(reply)
    flipped[at] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def _wrong_order(reply: bytes, rng: Random) -> bytes:
    elements = _elements(reply)
    first = rng.randrange(1, len(elements)) if len(elements) > 1 else 0
    return _array(elements[first:] + elements[:first])


DAMAGES: dict[str, Damage] = {
    "null array": _instead(b"*-1\r\n"),
    "null string": _instead(b"$-1\r\n"),
    "RESP3 null": _instead(b"_\r\n"),
    "integer": _instead(b":1\r\n"),
    "number beyond 64 bits": _instead(b":99999999999999999999\r\n"),
    "RESP3 big number": _instead(b"(" + b"9" * 40 + b"\r\n"),
    "RESP3 double": _instead(b",1.5\r\n"),
    "RESP3 true": _instead(b"#t\r\n"),
    "RESP3 false": _instead(b"#f\r\n"),
    "RESP3 error": _instead(b"!5\r\nERR x\r\n"),
    "RESP3 verbatim text": _instead(b"=5\r\ntxt:a\r\n"),
    "RESP3 attribute": lambda reply, _: b"|1\r\n+ttl\r\n:5\r\n" + reply,
    "RESP3 push": lambda reply, _: _array(_elements(reply), b">"),
    "RESP3 set": lambda reply, _: _array(_elements(reply), b"~"),
    "RESP3 map": lambda reply, _: _array(_elements(reply) * 2, b"%"),
    "map with a list as a key": _instead(b"%1\r\n*1\r\n+a\r\n+b\r\n"),
    "status": _instead(b"+OK\r\n"),
    "string": _instead(b"$5\r\nhello\r\n"),
    "error": _instead(b"-ERR of some kind\r\n"),
    "moved": _instead(b"-MOVED 1 127.0.0.1:1\r\n"),
    "empty array": _instead(b"*0\r\n"),
    "short array": lambda reply, _: _array(_elements(reply)[:-1]),
    "long array": lambda reply, _: _array([*_elements(reply), b"$-1\r\n"]),
    "nested error": _with_element(b"-WRONGTYPE no\r\n"),
    "nested integer": _with_element(b":7\r\n"),
    "nested array": _with_element(b"*1\r\n$1\r\na\r\n"),
    "nested boolean": _with_element(b"#f\r\n"),
    "nested other text": _with_element(b"$9\r\nno list!!\r\n"),
    "deeply nested": _instead(b"*1\r\n" * 1_000 + b":1\r\n"),
    "negative array": _instead(b"*-7\r\n"),
    "negative string": _instead(b"*1\r\n$-7\r\n"),
    "huge array": _instead(b"*100000000\r\n"),
    "huge nested array": _with_element(b"*100000000\r\n"),
    "huge push": _instead(b">100000000\r\n"),
    "huge string": lambda *_: b"*1\r\n$9999999999999\r\n" + b"x" * 100_000,
    "length with a sign": _instead(b"*+1\r\n$1\r\na\r\n"),
    "no length": _instead(b"*\r\n"),
    "endless line": _instead(b"+" + b"x" * 100_000),
    "truncated": lambda reply, rng: reply[: rng.randrange(len(reply))],
    "truncated and closed": lambda reply, rng: reply[: rng.randrange(len(reply))] + CLOSE,
    "silence": _instead(b""),
    "closed": _instead(CLOSE),
    "one bit flipped": _bit_flipped,
    "wrong order": _wrong_order,
    "twice": lambda reply, _: reply * 2,
    "another reply first": lambda reply, _: b"$-1\r\n" + reply,
    "another array first": lambda reply, _: _array([b"$-1\r\n"] * len(_elements(reply))) + reply,
    "HTTP": _instead(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "random bytes": lambda _, rng: rng.randbytes(rng.randrange(1, 400)),
}
"""Replies that no Redis gives to what the service sends, by what is wrong with them."""


class NonsenseRedis:
    """The server. url: for clients. damage: applied to the replies to `damaged_commands`; None: to none.

    replies: how many were damaged.
    """

    def __init__(self, upstream: str, seed: int) -> None:
        self.url = ""
        self.damage: Damage | None = None
        self.damaged_commands = frozenset({b"MGET"})
        self.replies = 0
        self._upstream = upstream.removeprefix("unix://")
        self._rng = Random(seed)

    async def start(self) -> asyncio.Server:
        """Listen on a free port of loopback, on the running event loop."""
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        return server

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_unix_connection(self._upstream)
        commands = hiredis.Reader()
        try:
            while data := await reader.read(65_536):
                commands.feed(data)
                while (command := commands.gets()) is not False:
                    redis_writer.write(hiredis.pack_command(tuple(command)))
                    output = self._answer(command[0], await _reply(redis_reader))
                    writer.write(output.removesuffix(CLOSE))
                    await writer.drain()
                    if output.endswith(CLOSE):
                        return
        except ConnectionError:
            pass
        finally:
            writer.close()
            redis_writer.close()

    def _answer(self, command: bytes, reply: bytes) -> bytes:
        if self.damage is None or command not in self.damaged_commands:
            return reply
        self.replies += 1
        return self.damage(reply, self._rng)


async def _reply(reader: asyncio.StreamReader) -> bytes:
    """The bytes of one reply."""
    parser, reply = hiredis.Reader(), b""
    while True:
        data = await reader.read(65_536)
        if not data:
            raise ConnectionError("the real Redis closed the connection")
        parser.feed(data)
        reply += data
        if parser.gets() is not False:
            return reply


@contextmanager
def nonsense_redis(upstream: str, seed: int) -> Iterator[NonsenseRedis]:
    """A server in a thread of its own, for clients in other processes. upstream: the URL of a unix socket."""
    server, loop, started = NonsenseRedis(upstream, seed), asyncio.new_event_loop(), threading.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.start())
        started.set()
        loop.run_forever()

    thread = threading.Thread(target=run, name="nonsense", daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
