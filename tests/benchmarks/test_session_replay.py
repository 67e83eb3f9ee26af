"""session_replay: which clicks are cases, and the order of queries and events."""

from pathlib import Path

from benchmarks.session_replay import Directly, replay, table
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from tests.planted import NEVER_BOUGHT, item_id, world_of


def test_cases_are_next_clicks_on_predictable_items(planted: Path, generation: Generation) -> None:
    data = encode(read_dataset(DatasetConfig.load(planted), 5_000))
    ids = data.items["item"].to_list()
    arriving = [
        ("s", item_id(0, 1)),
        ("t", "unknown"),
        ("s", item_id(0, 2)),  # a case: 1
        ("t", item_id(4, 0)),  # queried, but no earlier item has a vector
        ("s", NEVER_BOUGHT[0]),  # queried, but the item has no vector
        ("t", item_id(4, 3)),  # a case: 0
        ("s", item_id(0, 5)),  # a case: 1, 2
    ]
    service = Directly(generation)
    cases = replay(arriving, service, data)
    assert len(service.get_times) == 5
    histories = [[ids[row] for row in rows] for rows in cases.histories]
    assert histories == [[item_id(0, 1)], [item_id(4, 0)], [item_id(0, 1), item_id(0, 2)]]
    assert [ids[row] for row in cases.targets] == [item_id(0, 2), item_id(4, 3), item_id(0, 5)]
    for rows, world in zip(cases.recommended, (0, 4, 0), strict=True):
        assert len(rows) == 20
        assert {world_of(ids[row]) for row in rows} == {world}
    lines = table(cases, service, data)
    assert [line[1] for line in lines] == ["3"] * 4
    hits = sum(target in rows for rows, target in zip(cases.recommended, cases.targets, strict=True))
    assert lines[0][2].startswith(f"{hits / 3:.4f}")
