"""Steps of a job: seconds and peak memory, each step's own."""

import io
import sys

import numpy as np
import pytest
from rich.console import Console

from hybrid_recs.offline.progress import Steps


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is that of the process so far")
def test_a_step_reports_its_own_peak() -> None:
    printed = io.StringIO()
    steps = Steps(Console(file=printed, width=120))
    with steps("Small") as step:
        step.done("little")
    with steps("Large") as step:
        held = np.ones(50_000_000)
        step.done(f"{held.nbytes:,} bytes")
        del held
    with steps("Small again"):
        pass
    small, large, repeated = (step.peak_mb for step in steps.finished)
    assert 350 < large - small < 450
    assert abs(repeated - small) < 50
    assert steps.peak_mb() == large
    assert f"{large:,.0f} MB  400,000,000 bytes" in printed.getvalue()
    assert steps.total_seconds() == sum(step.seconds for step in steps.finished) > 0


def test_no_step_no_peak() -> None:
    assert Steps(Console(file=io.StringIO())).peak_mb() == 0
