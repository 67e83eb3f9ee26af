"""A plan for the terminal and as Markdown."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hybrid_recs.reports.planner.hit_rate_curves import Curve
from hybrid_recs.reports.planner.plan import HotSetSize, Plan

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 48
COLUMNS = ("items", "hit rate", "Redis MB", "live CPU saved", "mean ms", "")


def print_plan(plan: Plan, console: Console) -> None:
    """The traffic, the curves, the sizes, the costs and the advice on one screen."""
    console.print(f"[bold]Cache plan[/]  [dim]{escape(plan.source)}[/]", soft_wrap=True)
    console.print(f"{describe_traffic(plan)}\n", soft_wrap=True)
    if plan.requests:
        console.print(_curve_table(plan.curves), "")
        console.print(_size_table(plan), "")
        console.print(f"[dim]{describe_costs(plan)}[/]\n", soft_wrap=True)
    console.print(f"[bold]→[/] {plan.advice}", soft_wrap=True)


def plan_markdown(plan: Plan) -> str:
    """The same as Markdown, without the curves."""
    lines = [f"**Cache plan** – {plan.source}", "", describe_traffic(plan), ""]
    if plan.requests:
        lines += [f"| {' | '.join(COLUMNS)} |", "|" + "---:|" * 5 + "---|"]
        lines += [f"| {' | '.join(size_cells(size))} |" for size in plan.sizes]
        lines += ["", describe_costs(plan), ""]
    return "\n".join([*lines, f"→ {plan.advice}", ""])


def describe_traffic(plan: Plan) -> str:
    """The requests from which the plan is made."""
    text = f"{plan.requests:,} requests for {plan.distinct:,} of {plan.listable:,} items that can have a list"
    if plan.uncounted > 0.001:
        text += f"; {plan.uncounted:.1%} for items too rare to be counted, taken as misses"
    return text if plan.ordered else f"{text}; counts have no order, so LRU and LFU assume a random one"


def describe_costs(plan: Plan) -> str:
    """The measured costs, and where they were measured."""
    parts = []
    if plan.list_bytes is not None:
        parts.append(f"a list takes {plan.list_bytes:,.0f} bytes in this Redis")
    if plan.live is not None:
        index = f", {plan.live.searched_ms:.2f} ms of it in the index" if plan.live.searched_ms else ""
        parts.append(f"a live answer {plan.live.cpu_ms:.2f} ms of CPU{index}")
    if plan.times is not None:
        times = plan.times
        parts.append(
            f"medians {times.cached_ms:.2f} ms cached, {times.live_ms:.2f} ms live ({times.measured})"
        )
    return f"Measured: {'; '.join(parts)}" if parts else "Nothing could be measured: no Redis, no generation"


def size_cells(size: HotSetSize) -> list[str]:
    """A row of the table."""
    return [
        f"{size.items:,}",
        f"{size.hit_rate:.1%}",
        "–" if size.redis_mb is None else f"{size.redis_mb:,.2f}",
        "–" if size.cpu_seconds is None else f"{size.cpu_seconds:,.1f} s",
        "–" if size.mean_ms is None else f"{size.mean_ms:.3f}",
        size.what,
    ]


def sparkline(curve: Curve) -> str:
    """The hit rate from 0 to 1, at sizes from 1 to all items that are evenly spaced by their logarithm."""
    span = math.log(max(curve.sizes[-1], 2))
    sizes = (math.exp(span * column / (_WIDTH - 1)) for column in range(_WIDTH))
    levels = len(_BARS) - 1
    return "".join(_BARS[min(round(curve.hit_rate_at(size) * levels), levels)] for size in sizes)


def _curve_table(curves: Sequence[Curve]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    max_items = f"{curves[0].sizes[-1]:,}"
    table.add_column("hit rate by size")
    table.add_column(f"1 {'items, on a log scale':^{_WIDTH - 3 - len(max_items)}} {max_items}", no_wrap=True)
    table.add_column("maximum", justify="right")
    for curve in curves:
        table.add_row(curve.policy.value, sparkline(curve), f"{curve.hit_rates[-1]:.1%}")
    return table


def _size_table(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in COLUMNS:
        table.add_column(name, justify="right" if name else "left")
    for size in plan.sizes:
        table.add_row(*size_cells(size), style="bold" if size.items == plan.target_items else "")
    return table
