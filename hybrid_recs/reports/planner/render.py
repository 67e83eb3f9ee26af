"""Writes a plan for a terminal and as Markdown."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hybrid_recs.reports.planner.hit_rate_curves import Curve, Policy
from hybrid_recs.reports.planner.plan import Plan, Size

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 48
COLUMNS = ("items", "hit rate", "Redis MB", "live CPU saved", "mean ms", "")
EXPLAINED = {
    Policy.STATIC: "the most popular before the window: what a rebuild makes hot",
    Policy.RISING: "those, and what the service admits by itself (at most)",
    Policy.HINDSIGHT: "the best set there was, known only afterwards",
    Policy.LRU: "a cache that keeps what was asked for last",
    Policy.TINY_LFU: "a cache that lets in what is asked for more often than what would leave",
}


def print_plan(plan: Plan, console: Console) -> None:
    """Everything in one screen: what was counted, the curves, the table, what to do."""
    console.print(f"[bold]Cache plan[/]  [dim]{escape(plan.source)}[/]", soft_wrap=True)
    console.print(f"{counted(plan)}\n", soft_wrap=True)
    if plan.requests:
        console.print(_curve_table(plan.curves), "")
        console.print(_size_table(plan.sizes), "")
        console.print(f"[dim]{measured(plan)}[/]\n", soft_wrap=True)
    console.print(f"[bold]→[/] {plan.advice}", soft_wrap=True)


def markdown(plan: Plan) -> str:
    """The same for a page or a ticket."""
    lines = [f"**Cache plan** – {plan.source}", "", counted(plan), ""]
    if plan.requests:
        lines += [f"| {' | '.join(COLUMNS)} |", "|" + "---:|" * 5 + "---|"]
        lines += [f"| {' | '.join(cells(size))} |" for size in plan.sizes]
        lines += ["", measured(plan), ""]
    return "\n".join([*lines, f"→ {plan.advice}", ""])


def counted(plan: Plan) -> str:
    """What the plan is made from."""
    said = f"{plan.requests:,} requests for {plan.distinct:,} of {plan.listable:,} items that can have a list"
    if plan.uncounted > 0.001:
        said += f"; {plan.uncounted:.1%} for items too rare to be counted, taken as never hit"
    return (
        said if plan.ordered else f"{said}; counts without order, so LRU and LFU are for an order of chance"
    )


def measured(plan: Plan) -> str:
    """The figures behind the costs, and where they come from."""
    parts = []
    if plan.list_bytes is not None:
        parts.append(f"a list takes {plan.list_bytes:,.0f} bytes in this Redis")
    if plan.live is not None:
        index = f", {plan.live.searched_ms:.2f} ms of it in the index" if plan.live.searched_ms else ""
        parts.append(f"a live answer {plan.live.cpu_ms:.2f} ms of CPU{index}")
    if plan.times is not None:
        how = plan.times.measured
        parts.append(
            f"medians {plan.times.cached_ms:.2f} ms cached, {plan.times.live_ms:.2f} ms live ({how})"
        )
    return "Measured: " + "; ".join(parts) if parts else "Nothing could be measured: no Redis, no generation."


def cells(size: Size) -> list[str]:
    """A line of the table."""
    return [
        f"{size.items:,}",
        f"{size.hit_rate:.1%}",
        "–" if size.redis_mb is None else f"{size.redis_mb:,.2f}",
        "–" if size.cpu_seconds is None else f"{size.cpu_seconds:,.1f} s",
        "–" if size.mean_ms is None else f"{size.mean_ms:.3f}",
        size.what,
    ]


def sparkline(curve: Curve) -> str:
    """The hit rate from 0 to 1 at sizes evenly spaced in their logarithm, from 1 to all items."""
    most = math.log(max(curve.sizes[-1], 2))
    sizes = (math.exp(most * at / (_WIDTH - 1)) for at in range(_WIDTH))
    return "".join(_BARS[min(round(curve.at(size) * (len(_BARS) - 1)), len(_BARS) - 1)] for size in sizes)


def _curve_table(curves: Sequence[Curve]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    last = f"{curves[0].sizes[-1]:,}"
    table.add_column("hit rate by size")
    table.add_column(f"1 {'items, on a log scale':^{_WIDTH - 3 - len(last)}} {last}", no_wrap=True)
    table.add_column("at most", justify="right")
    for curve in curves:
        table.add_row(curve.policy.value, sparkline(curve), f"{curve.hit_rates[-1]:.1%}")
    return table


def _size_table(sizes: Sequence[Size]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in COLUMNS:
        table.add_column(name, justify="right" if name else "left")
    for size in sizes:
        style = "bold" if "target" in size.what else ""
        table.add_row(*cells(size), style=style)
    return table
