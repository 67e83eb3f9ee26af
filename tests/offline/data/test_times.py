"""Times in the forms that people export: read right, or refused with the key that reads them."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.dataset import Dataset
from tests.offline.builders import WITH_TIME, read

MOMENT = datetime(2023, 11, 15, 3, 4, tzinfo=UTC).timestamp()


def _read(folder: Path, cells: list[str], more: str = "") -> Dataset:
    text = "user\titem\ttime\n" + "".join(f"u\ti{n:06d}\t{cell}\n" for n, cell in enumerate(cells))
    return read(folder, {"a.tsv": text}, WITH_TIME.replace("a.csv", "a.tsv") + more, max_history=100_000)


def _times(dataset: Dataset) -> list[float]:
    return dataset.pairs.sort("item")["time"].to_list()


@pytest.mark.parametrize(
    ("cell", "more"),
    [
        ("11/15/2023 03:04", 'time_format = "%m/%d/%Y %H:%M"\n'),
        ("15.11.2023 3:04", 'time_format = "%d.%m.%Y %H:%M"\n'),
        ("Nov 15, 2023 3:04 AM", 'time_format = "%b %d, %Y %I:%M %p"\n'),
        ("15/Nov/2023:04:04:00 +0100", 'time_format = "%d/%b/%Y:%H:%M:%S %z"\n'),
        ("15.11.2023 04:04", 'time_format = "%d.%m.%Y %H:%M"\ntime_zone = "Europe/Berlin"\n'),
        ("2023-11-15 04:04", 'time_zone = "Europe/Berlin"\n'),
        ("2023-11-15 03:04 UTC", 'time_zone = "Europe/Berlin"\n'),
        ("2023-11-14 22:04:00 -0500", 'time_zone = "Europe/Berlin"\n'),
        ("45245.127777777776", 'time_format = "excel"\n'),
        (f"{MOMENT:.0f}", 'time_format = "unix"\n'),
        (f"{MOMENT:.0f}000", 'time_format = "unix_ms"\n'),
        (f"{MOMENT:.0f}", ""),
        (f"{MOMENT:.0f}000", ""),
        (f"{MOMENT:.0f}000000", ""),
        (f"{MOMENT:.0f}000000000", ""),
        ("2023-11-15T03:04:00.000000000Z", ""),
        ("2023/11/15 03:04", ""),
    ],
)
def test_each_form_is_the_same_moment(cell: str, more: str, tmp_path: Path) -> None:
    assert _times(_read(tmp_path, [cell] * 20, more)) == pytest.approx([MOMENT] * 20, abs=0.001)


@pytest.mark.parametrize(
    ("cell", "more", "day"),
    [
        ("20231101", "", "2023-11-01"),
        ("2023", 'time_format = "%Y"\n', "2023-01-01"),
        ("2023-11", 'time_format = "%Y-%m"\n', "2023-11-01"),
        ("202311", 'time_format = "%Y%m"\n', "2023-11-01"),
    ],
)
def test_days_months_and_years_are_their_first_moment(cell: str, more: str, day: str, tmp_path: Path) -> None:
    first = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    assert _times(_read(tmp_path, [cell] * 5, more)) == [first] * 5


def test_a_form_that_changes_late_is_read_to_the_end(tmp_path: Path) -> None:
    """Behind any sample: a date with a zone, and milliseconds instead of seconds."""
    cells = ["2023-11-15 03:04:00"] * 12_000 + ["2023-11-15T03:04:00+00:00", "2023-11-15T04:04:00.0+01:00"]
    assert set(_times(_read(tmp_path / "text", cells))) == {MOMENT}
    numbers = [f"{MOMENT:.0f}"] * 12_000 + [f"{MOMENT:.0f}000", "2023-11-15 03:04"]
    assert set(_times(_read(tmp_path / "numbers", numbers))) == {MOMENT}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["11/15/2023 03:04", "01/02/2023 03:04"], 'set time_format = "%m/%d/%Y %H:%M"'),
        (["15/11/2023", "01/02/2023"], 'set time_format = "%d/%m/%Y"'),
        (["05.11.2023 3:04 PM"], '"%m.%d.%Y %I:%M %p" or "%d.%m.%Y %I:%M %p", whichever it is'),
        (["45245.128", "45250.5", "45251"], r'day numbers of a spreadsheet \(45245.1\).*"excel"'),
        (["1999", "2004"], r'years \(1999\); if so, set time_format = "%Y"'),
        (["Monday"], "holds 'Monday': give ISO dates"),
    ],
)
def test_what_could_be_read_in_several_ways_is_refused(
    cells: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=message):
        _read(tmp_path, cells * 20)


def test_years_and_serials_may_be_seconds_if_one_says_so(tmp_path: Path) -> None:
    assert _times(_read(tmp_path, ["1999", "45245.5"], 'time_format = "unix"\n')) == [1999, 45245.5]


def test_more_than_a_hundredth_of_unreadable_times_is_refused(tmp_path: Path) -> None:
    good = ["2023-11-15 03:04:00"] * 1_980
    few = _read(tmp_path / "few", [*good, *["11/16/2023"] * 20])
    assert few.stats.dropped == {"without a readable time": 20}
    with pytest.raises(DatasetError, match="21 of 2,001 rows are without a readable time in") as many:
        _read(tmp_path / "many", [*good, *["11/16/2023"] * 21])
    assert 'set time_format = "%m/%d/%Y"' in str(many.value)
    both = 'time_format = ["%Y-%m-%d %H:%M:%S", "%m/%d/%Y"]\n'
    assert _read(tmp_path / "both", [*good, *["11/16/2023"] * 21], both).stats.rows_kept == 2_001


def test_rows_without_a_time_are_counted_apart(tmp_path: Path) -> None:
    dataset = _read(tmp_path, ["2023-11-15 03:04"] * 10 + ["", "NULL", "nan"])
    assert dataset.stats.dropped == {"without a time": 3}


def test_null_values_that_look_like_times_or_weights_are_none(tmp_path: Path) -> None:
    rows = ["u,a,2023-11-15,2", "u,b,1970-01-01,2", "u,c, 1970-01-01 ,2", "u,d,2023-11-16,99"]
    toml = WITH_TIME + 'weight = "n"\nnull_values = ["1970-01-01", "99"]\n'
    dataset = read(tmp_path, {"a.csv": "\n".join(["user,item,time,n", *rows]) + "\n"}, toml)
    assert dataset.pairs["item"].to_list() == ["a"]
    assert dataset.stats.dropped == {"without a time": 2, "without a weight": 1}


def test_a_time_that_a_change_of_the_clock_skips_is_unreadable(tmp_path: Path) -> None:
    cells = ["2024-03-31 01:59", "2024-03-31 02:30", "2024-10-27 02:30"]
    dataset = _read(tmp_path, cells, 'time_zone = "Europe/Berlin"\n')
    assert dataset.stats.dropped == {"without a readable time": 1}
    hours = [datetime(2024, 3, 31, 0, 59, tzinfo=UTC), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)]
    assert _times(dataset) == [hour.timestamp() for hour in hours]  # the earlier of the two


def test_columns_of_dates_take_the_zone(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["u"], "item": ["i"], "time": [datetime(2023, 11, 15, 4, 4)]})
    toml = WITH_TIME.replace("a.csv", "a.parquet") + 'time_zone = "Europe/Berlin"\n'
    assert _times(read(tmp_path, {"a.parquet": frame}, toml)) == [MOMENT]


def test_an_unknown_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'Berlin' is no time zone, such as Europe/Berlin"):
        _read(tmp_path, ["2023-11-15 03:04"], 'time_zone = "Berlin"\n')
