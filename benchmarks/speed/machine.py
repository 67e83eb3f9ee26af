"""The machine and the software versions of a measurement."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import cores
from benchmarks.load import load_generator, wrk
from hybrid_recs.cache.client import connect
from hybrid_recs.types import Json

_PACKAGES = (
    "hybrid-recs", "uvicorn", "uvloop", "httptools", "fastapi", "pydantic", "orjson", "redis", "hiredis",
    "faiss-cpu", "numpy", "hnswlib", "implicit",
)  # fmt: skip


def machine() -> Json:
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model,
        "cores": len(cores.ALL),
        "memory GB": round(memory / 1e9, 1),
        "load average before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "server on core": sorted(cores.SERVER),
        "client and Redis on core": sorted(cores.CLIENT),
    }


def versions(redis_url: str) -> Json:
    with connect(redis_url) as client:
        redis_server = str(client.info("server")["redis_version"])
    load = f"wrk {wrk.version()}" if load_generator() == "wrk" else load_generator()
    own = {"python": platform.python_version(), "redis-server": redis_server, "closed-loop load": load}
    return own | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
