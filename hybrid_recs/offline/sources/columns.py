"""Columns of a table as ids, text and numbers."""

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.id_rules import IdRules
from hybrid_recs.offline.sources.dataset_config import Table

NULLS = ("NULL", "Null", "null", "NaN", "nan", "NaT", "None", r"\N", "(not set)", "<NA>", "#N/A")
"""What databases, spreadsheets and programs write for a missing value."""

_SAMPLE_ROWS = 10_000
_WHOLE = r"^-?\d+\.0$"


def sample(frame: pl.LazyFrame, column: str) -> pl.Series:
    """The values that are not null of the first 10,000 rows; raises PolarsError."""
    return frame.select(column).head(_SAMPLE_ROWS).collect()[column].drop_nulls()


def as_text(column: str | pl.Expr, table: Table) -> pl.Expr:
    """Text without surrounding blanks; null when empty or one of the null values."""
    return _not_null(_text(column), table).str.strip_chars()


def as_id(column: str | pl.Expr, table: Table, rules: IdRules) -> pl.Expr:
    """An id as text, spelt as the rules say; null when blank or one of the null values."""
    text = _not_null(_text(column), table)
    if rules.strip:
        text = text.str.strip_chars()
    if rules.whole_numbers:
        text = pl.when(text.str.contains(_WHOLE)).then(text.str.strip_suffix(".0")).otherwise(text)
    if rules.case is not None:
        text = text.str.to_lowercase() if rules.case == "lower" else text.str.to_uppercase()
    return text


def require_ids(frame: pl.LazyFrame, columns: list[str], table: Table, rules: IdRules) -> None:
    """Raise DatasetError for a column whose values cannot be ids, or are not such as the rules expect."""
    schema = frame.collect_schema()
    for name in columns:
        kind = getattr(schema[name], "inner", schema[name])
        if kind.is_nested() or kind == pl.Binary or kind == pl.Object:
            raise DatasetError(
                f"{table.shown}: column {name!r} holds values of the type {kind}, which are no ids; "
                "take the part that is one with query"
            )
        if rules.whole_numbers and not isinstance(schema[name], pl.List):
            _require_whole_numbers(frame, name, table)


def _require_whole_numbers(frame: pl.LazyFrame, column: str, table: Table) -> None:
    """Of ids that end in .0 in part, those that do not may be other ids."""
    text = _not_null(_text(column), table).str.strip_chars()
    whole = text.str.contains(_WHOLE)
    found = frame.select(some=whole.any(), other=text.filter(~whole).first()).collect(engine="streaming")
    some, other = found.row(0)
    if some and other is not None:
        raise DatasetError(
            f"{table.shown}: whole_numbers = true, but not every {column!r} ends in .0, such as {other!r}; "
            "leave the key out, or mend the column with query"
        )


def as_number(column: str, table: Table) -> pl.Expr:
    """A finite number, or null; of text, with the table's decimal and thousands separators."""
    number = pl.col(column)
    if table.decimal != "." or table.thousands:
        text = number.cast(pl.String, strict=False).str.strip_chars()
        if table.thousands:
            text = text.str.replace_all(table.thousands, "", literal=True)
        number = text.str.replace(table.decimal, ".", literal=True)
    number = number.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def is_missing(column: str | pl.Expr, table: Table) -> pl.Expr:
    """Whether a cell is empty or one of the null values."""
    return _not_null(_text(column), table).is_null()


def parsed_share(parsed: pl.Series) -> float:
    """Share of the values that are not null."""
    return 1 - parsed.null_count() / len(parsed)


def _text(column: str | pl.Expr) -> pl.Expr:
    expression = pl.col(column) if isinstance(column, str) else column
    return expression.cast(pl.String, strict=False)


def _not_null(text: pl.Expr, table: Table) -> pl.Expr:
    stripped = text.str.strip_chars()
    return pl.when((stripped != "") & ~stripped.is_in([*NULLS, *table.null_values])).then(text)
