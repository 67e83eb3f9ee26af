"""What a check found, as plain values: the pages are made of this, and the JSON is this."""

from dataclasses import dataclass, field

Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """A column of a source. use: what the description takes it for; empty: it is not used. samples: up to
    three distinct values, masked where they may name a person."""

    name: str
    type: str
    use: str
    samples: list[str]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A table of the description. files: how many, with the names of the first. reading: how text is read.
    bad_lines: the first line of each file that could not be read."""

    table: str
    files: int
    names: list[str]
    bytes: int
    format: str
    reading: str
    columns: list[ColumnReport]
    bad_lines: list[str]


@dataclass(frozen=True, slots=True)
class DroppedRows:
    """Rows left out for one reason. row: the number of the first of them in its table, from 1; 0 if it is not
    known. example: its cells."""

    reason: str
    rows: int
    table: str = ""
    row: int = 0
    example: Cells = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """In seconds since 1970. bars: rows in equal parts of the span."""

    first: float
    last: float
    bars: list[int]
    stray: list[float]


@dataclass(frozen=True, slots=True)
class LongHistory:
    """user: masked unless users are shown."""

    user: str
    items: int
    rows: int


@dataclass(frozen=True, slots=True)
class CrawlerReport:
    """visitors: left out. examples: in words."""

    visitors: int
    rows: int
    examples: list[str]


@dataclass(frozen=True, slots=True)
class ItemsReport:
    """listed: items of the table. logged_listed: share of the log's items that the table lists;
    listed_logged: share of the table's items that the log knows. duplicate_titles: titles that several items
    have, the most frequent first, with how many. dropped: reason → rows of the table. variants: items
    that are learned as another of their product, and left out of the other figures."""

    listed: int
    logged_listed: float
    listed_logged: float
    duplicate_titles: dict[str, int]
    dropped: dict[str, int]
    variants: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a rebuild would do. memory_mb and seconds are estimates."""

    dimensions: int
    index: str
    hot_items: int
    hot_share: float
    hot_mb: float
    memory_mb: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something that is probably not meant, and what to do. cannot_be_right: a rebuild stops on it."""

    text: str
    remedy: str
    cannot_be_right: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything. popularity: share of the items → share of the interactions that the most popular ones have.
    order: the verdict in words. edits_of_others: item edits that were made on another dataset."""

    dataset: str
    sources: list[SourceReport]
    rows_read: int
    rows_kept: int
    dropped: list[DroppedRows]
    users: int
    items: int
    pairs: int
    order: str
    span: TimeSpan | None
    longest: list[LongHistory]
    crawlers: CrawlerReport
    popularity: dict[str, float]
    table: ItemsReport | None
    outlook: Outlook
    edits_of_others: int
    suspicions: list[Suspicion]
