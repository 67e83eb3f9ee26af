"""The load client on a real socket, its figures, and the settings of the comparators."""

import ast
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import servers
from benchmarks.load import wrk
from benchmarks.load.client import Client, schedule
from benchmarks.load.exchanges import Exchanges, percentile
from hybrid_recs.commands import serve

_RESPONSE_SECONDS = 0.02


class _SlowHandler(socketserver.StreamRequestHandler):
    """Responds to each request with its path, one request at a time per connection; "bad" paths get a 500."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            path = line.split()[1]
            while self.rfile.readline() != b"\r\n":
                pass
            time.sleep(_RESPONSE_SECONDS)
            status = b"500 Error" if b"bad" in path else b"200 OK"
            self.wfile.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(path), path))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def port() -> Iterator[int]:
    with _Server(("127.0.0.1", 0), _SlowHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def test_percentile_is_the_nearest_rank() -> None:
    values = list(range(1, 101))
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_schedule_is_even_or_random_with_the_same_rate() -> None:
    even = schedule(100, 2, start=5)
    np.testing.assert_allclose(even, 5 + np.arange(200) / 100)
    poisson = schedule(1_000, 20, start=0, poisson=True)
    gaps = np.diff(poisson)
    assert (gaps > 0).all()
    # The standard deviation of an exponential distribution is its mean.
    assert gaps.mean() == pytest.approx(1e-3, rel=0.05)
    assert gaps.std() == pytest.approx(1e-3, rel=0.05)


def test_each_path_is_requested_once_and_bodies_are_kept(port: int) -> None:
    paths = [f"/{number}" for number in range(20)]
    exchanges = Client(port, paths, 4, keep_bodies=True).each_once()
    assert exchanges.errors == 0
    assert [body.decode() for body in exchanges.bodies] == paths
    assert (exchanges.latency >= _RESPONSE_SECONDS).all()


def test_errors_are_counted(port: int) -> None:
    exchanges = Client(port, ["/good", "/bad"], 2).each_once()
    assert exchanges.status.tolist() == [200, 500]
    assert exchanges.summary().errors == 1


def test_open_loop_counts_the_wait_for_a_slow_server(port: int) -> None:
    """One connection, 20 ms per response, 100 requests per second: the n-th request waits n · 10 ms."""
    load = Client(port, ["/"], 1).open_loop(rate=100, seconds=0.3)
    expected = np.arange(30) * (_RESPONSE_SECONDS - 0.01) + _RESPONSE_SECONDS
    assert (load.latency >= expected - 0.002).all()


def test_summary_of_a_run() -> None:
    due, latency = np.arange(4.0), np.array([0.1, 0.2, 0.3, 1.0])
    exchanges = Exchanges(np.arange(4), due, due + latency, np.array([200, 200, 200, 0]), [])
    load = exchanges.summary()
    assert (load.requests, load.errors, load.seconds, load.rate) == (4, 1, 4.0, 1.0)
    assert [load.p50_ms, load.p99_ms] == pytest.approx([200, 1_000])


def test_output_of_wrk_is_parsed() -> None:
    output = (
        'Running 2s test\n\n{"requests": 10, "microseconds": 2000000, "errors": 1, "p50": 250, "p99": 900}\n'
    )
    load = wrk.parse(output)
    assert (load.rate, load.errors, load.p50_ms, load.p99_ms) == (5.0, 1, 0.25, 0.9)


_DIFFERENT = {"log_level", "log_config", "timeout_graceful_shutdown"}


def _uvicorn_options(source: str) -> dict[str, str]:
    """The arguments that a file passes to uvicorn.run, except those that differ by program."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    (run,) = [call for call in calls if ast.unparse(call.func) == "uvicorn.run"]
    arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in run.keywords if keyword.arg}
    return {
        k: v for k, v in arguments.items() if k not in {"factory", "host", "port", "workers", *_DIFFERENT}
    }


def test_comparators_run_with_the_uvicorn_settings_of_serve() -> None:
    comparators = _uvicorn_options(Path(servers.__file__).with_name("__main__.py").read_text())
    assert comparators == _uvicorn_options(Path(serve.__file__).read_text())
