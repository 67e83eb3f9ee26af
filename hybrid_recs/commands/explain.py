"""`hybrid-recs explain A B`: why an item is, or is not, in another item's list."""

import click
import orjson
from rich.table import Table

from hybrid_recs import wiring
from hybrid_recs.commands.consoles import wide_console
from hybrid_recs.commands.error_messages import click_errors
from hybrid_recs.ranking.explain import Explanation, Side, explain, known_row
from hybrid_recs.settings import Settings


@click.command("explain")
@click.argument("a")
@click.argument("b")
@click.option("--k", type=click.IntRange(1, 100), default=10, show_default=True, help="length of A's list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain_pair(a: str, b: str, k: int, form: str) -> None:
    """Why item B is, or is not, among the best of item A."""
    with click_errors():
        store = wiring.store(Settings())
        generation = store.open_current()
        explanation = explain(generation, known_row(generation, a), known_row(generation, b), k)
    if form == "json":
        click.echo(orjson.dumps(explanation, option=orjson.OPT_INDENT_2))
    else:
        _print_explanation(explanation)


def _print_explanation(explanation: Explanation) -> None:
    console = wide_console()
    for side in (explanation.a, explanation.b):
        console.print(_item_line(side), soft_wrap=True, markup=False, highlight=False)
    table = Table("", "value", "place", box=None, pad_edge=False)
    for row in _table_rows(explanation):
        table.add_row(*row)
    console.print(table)
    console.print(explanation.verdict, soft_wrap=True, markup=False, highlight=False)


def _item_line(side: Side) -> str:
    kind = "hot" if side.hot else "not hot" if side.has_vector else "no vector"
    kind += ", vector from its metadata" if side.from_metadata else ""
    return f"{side.item_id}  {side.title or '–'}  (popularity {side.popularity:,.10g}, {kind})"


def _table_rows(explanation: Explanation) -> list[tuple[str, str, str]]:
    rows = []
    if explanation.parts and explanation.ranks:
        parts, ranks = explanation.parts, explanation.ranks
        rows = [
            ("cosine", f"{parts.cosine:.4f}", ""),
            ("popularity tilt of B", f"{parts.tilt:.4f}", ""),
            ("cosine × tilt", f"{parts.near:.4f}", _place(ranks.near, ranks.ranked)),
            ("co-visit weight", f"{parts.covisit_weight:.4f}", _place(ranks.covisits, ranks.listed_covisits)),
            ("weight of co-visits", f"{parts.weight:g}", ""),
            ("co-visit part", f"{parts.covisit_part:.4f}", ""),
            ("score", f"{parts.score:.4f}", _place(ranks.score, ranks.ranked)),
        ]
    rows.append(("list of A", explanation.source.value, _place(explanation.place, explanation.k)))
    if explanation.precomputed_length is not None:
        place = _place(explanation.precomputed_place, explanation.precomputed_length)
        rows.append(("precomputed list of A", "", place))
    return [*rows, ("generation", explanation.generation, "")]


def _place(place: int | None, total: int) -> str:
    return f"{place:,} of {total:,}" if place else f"not in {total:,}"
