"""The description of a dataset as the manifest keeps it, and what changed in it since."""

from collections.abc import Iterator

from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.types import Json


def description_of(config: DatasetConfig) -> Json:
    """Every key that was set; paths as they are written."""
    description: Json = config.model_dump(mode="json", exclude={"folder", "name"}, exclude_defaults=True)
    return description


def changed_keys(before: Json, after: Json) -> list[str]:
    """The keys that were added, removed or given another value, such as `interactions.where`."""
    old, new = dict(_flat(before)), dict(_flat(after))
    return [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]


def _flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Values by their path; the number of the first of several tables is left out."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, part in enumerate(value):
            yield from _flat(part, f"{path}.{number}" if number else path)
    else:
        yield path, value
