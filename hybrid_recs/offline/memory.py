"""Peak memory of this process; on Linux also of a part of its work."""

import contextlib
import resource
import sys
from pathlib import Path

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET_PEAK = "5"


def reset_peak() -> None:
    """Reset the peak that `peak_mb` returns; without effect on other systems than Linux."""
    with contextlib.suppress(OSError):
        _RESET.write_text(_RESET_PEAK)


def peak_mb() -> float:
    """Peak of the resident memory since `reset_peak`, in MB (10^6 bytes), with mapped files in use."""
    try:
        lines = _STATUS.read_text().splitlines()
        kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return int(kibibytes) * 1024 / 1e6
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
