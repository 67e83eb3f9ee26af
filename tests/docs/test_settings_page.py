"""The page of settings is complete, and right wherever it is repeated."""

from pathlib import Path

import pytest

from hybrid_recs.settings import Settings
from tests.docs.pages import DOCS, DOCUMENTS, name_of, rows

PREFIX = "`HYBRID_RECS_"
EXPECTED = {
    f"{PREFIX}{name.upper()}`": (
        "unset" if field.default is None else f"`{field.default}`",
        field.description,
    )
    for name, field in Settings.model_fields.items()
}


def _settings_in(path: Path) -> dict[str, tuple[str, str]]:
    return {cells[0]: (cells[1], cells[2]) for cells in rows(path) if cells[0].startswith(PREFIX)}


def test_every_setting_is_listed_with_its_default_and_description() -> None:
    assert _settings_in(DOCS / "reference" / "settings.md") == EXPECTED


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_settings_are_right_everywhere(document: Path) -> None:
    assert _settings_in(document).items() <= EXPECTED.items()
