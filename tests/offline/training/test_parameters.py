"""Every tuned parameter has one name, in the settings, in the manifest and in the search."""

from hybrid_recs.generation.manifest import ScoringInfo
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.offline.training.parameters import PARAMETERS, SESSION, USER
from hybrid_recs.settings import Settings
from hybrid_recs.types import HistoryWeights

PARAMETERS_OF_A_BUILD = ScoringParameters(
    covisit_weight=1.5,
    tilt=0.1,
    steps=4,
    half_life=0.3,
    trend_half_life=0.02,
    session=HistoryWeights(0.6, 2.5, 0.7, repeat=0.8),
    user=HistoryWeights(0.9, 3.5, 1.1),
)
ON_DISK = {
    "covisit_weight": 1.5,
    "tilt": 0.1,
    "steps": 4,
    "half_life": 0.3,
    "trend_half_life": 0.02,
    "session_decay": 0.6,
    "session_weight": 2.5,
    "session_trend": 0.7,
    "user_decay": 0.9,
    "user_weight": 3.5,
    "user_trend": 1.1,
}


def test_the_manifest_records_every_parameter_and_gives_it_back() -> None:
    info = ScoringInfo.of(PARAMETERS_OF_A_BUILD)
    assert info.model_dump(include=set(ON_DISK)) == ON_DISK
    assert info.repeat == 0.8
    assert ScoringInfo.model_validate_json(info.model_dump_json()).parameters == PARAMETERS_OF_A_BUILD
    assert ScoringInfo() == ScoringInfo.of(ScoringParameters())


def test_parameters_are_named_as_the_settings_and_the_manifest_name_them() -> None:
    assert [parameter.name for parameter in PARAMETERS] == list(ON_DISK)
    assert [name for name in Settings.model_fields if name in ON_DISK] == list(ON_DISK)
    values = {parameter.name: parameter.value_of(PARAMETERS_OF_A_BUILD) for parameter in PARAMETERS}
    assert values == ON_DISK


def test_replacing_a_parameter_leaves_the_others() -> None:
    for changed in PARAMETERS:
        replaced = changed.replaced(PARAMETERS_OF_A_BUILD, 2.0)
        values = {parameter.name: parameter.value_of(replaced) for parameter in PARAMETERS}
        assert values == ON_DISK | {changed.name: 2.0}
        assert replaced.session.repeat == 0.8
    assert type(PARAMETERS[2].replaced(PARAMETERS_OF_A_BUILD, 2.0).steps) is int
    assert {*SESSION, *USER} == set(PARAMETERS[5:])
