from pathlib import Path

import pytest

from graphfit.config import PRESETS, load_config
from hr_common.errors import InputError


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset: str) -> None:
    assert load_config(preset).network.dim > 0


def test_a_file_lies_over_the_preset_and_overrides_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[network]\ndim = 32\nlayers = 3\n", encoding="utf-8")
    config = load_config("desk", file=tmp_path / "mine.toml", overrides=("network.layers=1",))
    assert (config.network.dim, config.network.layers) == (32, 1)
    assert config.network.aggregation == "max"


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InputError, match="unknown preset 'huge'; choose one of paper, desk, tiny"):
        load_config("huge")


def test_all_values_that_cannot_be_are_named_together() -> None:
    wrong = (
        "training.batch=0",
        "network.dropout=1.5",
        "network.layers=-1",
        "negatives.whole=0.9",
        "negatives.single=0.9",
    )
    with pytest.raises(InputError) as error:
        load_config("desk", overrides=wrong)
    for words in ("training.batch=0; expected 1 or more", "network.dropout=1.5; expected 0 to 1", "network.layers=-1",
                  "together are more than 1"):  # fmt: skip
        assert words in str(error.value)


def test_unknown_settings_and_choices_are_refused() -> None:
    with pytest.raises(InputError, match=r"network.depth"):
        load_config("desk", overrides=("network.depth=3",))
    with pytest.raises(InputError, match=r"network.aggregation"):
        load_config("desk", overrides=("network.aggregation=median",))
