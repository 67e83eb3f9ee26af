"""Peak memory of this process, of a stretch of its work where the system can tell (Linux)."""

import contextlib
import resource
import sys
from pathlib import Path

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET_PEAK = "5"


def restart_peak() -> None:
    """Let `peak_mb` count from now on; elsewhere than on Linux it goes on counting from the start."""
    with contextlib.suppress(OSError):
        _RESET.write_text(_RESET_PEAK)


def peak_mb() -> float:
    """Most resident memory since `restart_peak`, in MB (10^6 bytes), mapped files in use included."""
    try:
        lines = _STATUS.read_text().splitlines()
        kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return int(kibibytes) * 1024 / 1e6
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024) / 1e6
