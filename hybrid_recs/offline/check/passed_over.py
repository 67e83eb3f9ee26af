"""Finds what is passed over in files and is not in the account of interactions."""

from collections.abc import Iterator

from hybrid_recs.offline.check.report import Suspicion
from hybrid_recs.offline.sources.data_files import empty_files
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, Table
from hybrid_recs.offline.sources.tables import bad_lines


def passed_over(config: DatasetConfig) -> Iterator[Suspicion]:
    """Empty files, and lines of the items table that cannot be read."""
    listed: list[Table] = [config.items] if config.items else []
    for table in (*config.sources, *listed, *config.tables.values()):
        empty = empty_files(config, table) if table.path else []
        if empty:
            yield Suspicion(
                f"{len(empty):,} of the files of {table.shown} are empty, such as {empty[0].name}",
                "was the export cut short? Export them again, or remove them",
            )
    for bad in (bad for table in listed for bad in bad_lines(config, table)):
        yield Suspicion(
            f"{bad.count:,} of {bad.lines:,} lines of the items table are left out: {bad.text}",
            "mend the lines",
        )
