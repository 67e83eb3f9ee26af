"""`hybrid-recs explain A B`: why an item is, or is not, in another one's list."""

import click
import orjson
from rich.table import Table

from hybrid_recs import wiring
from hybrid_recs.commands.consoles import wide_console
from hybrid_recs.commands.error_messages import clear_errors
from hybrid_recs.ranking.explain import Explanation, Side, explain, known_row
from hybrid_recs.settings import Settings


@click.command("explain")
@click.argument("a")
@click.argument("b")
@click.option("--k", type=click.IntRange(1, 100), default=10, show_default=True, help="length of A's list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain_pair(a: str, b: str, k: int, form: str) -> None:
    """Why item B is, or is not, among the best of item A."""
    with clear_errors():
        store = wiring.store(Settings())
        generation = store.open_current()
        told = explain(generation, known_row(generation, a), known_row(generation, b), k)
    if form == "json":
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        _print_explanation(told)


def _print_explanation(told: Explanation) -> None:
    console = wide_console()
    for side in (told.a, told.b):
        console.print(_described(side), soft_wrap=True, markup=False, highlight=False)
    table = Table("", "value", "place", box=None, pad_edge=False)
    for what, value, place in _explained(told):
        table.add_row(what, value, place)
    console.print(table)
    console.print(told.verdict, soft_wrap=True, markup=False, highlight=False)


def _described(side: Side) -> str:
    kind = "hot" if side.hot else "not hot" if side.has_vector else "no vector"
    kind += ", vector from its metadata" if side.from_metadata else ""
    return f"{side.item_id}  {side.title or '–'}  (popularity {side.popularity:,.10g}, {kind})"


def _explained(told: Explanation) -> list[tuple[str, str, str]]:
    rows = []
    if told.parts and told.ranks:
        parts, ranks = told.parts, told.ranks
        rows = [
            ("cosine", f"{parts.cosine:.4f}", ""),
            ("popularity tilt of B", f"{parts.tilt:.4f}", ""),
            ("cosine × tilt", f"{parts.near:.4f}", _place(ranks.near, ranks.ranked)),
            ("co-visit weight", f"{parts.covisit_weight:.4f}", _place(ranks.covisits, ranks.listed_covisits)),
            ("weight of co-visits", f"{parts.weight:g}", ""),
            ("co-visit part", f"{parts.covisit_part:.4f}", ""),
            ("score", f"{parts.score:.4f}", _place(ranks.score, ranks.ranked)),
        ]
    rows.append(("list of A", told.source.value, _place(told.place, told.k)))
    if told.precomputed_length is not None:
        rows.append(("precomputed list of A", "", _place(told.precomputed_place, told.precomputed_length)))
    return [*rows, ("generation", told.generation, "")]


def _place(place: int | None, of: int) -> str:
    return f"{f'{place:,}' if place else 'not'} {'of' if place else 'in'} {of:,}"
