from pathlib import Path

import pytest

from hr_common.config import from_dict, to_dict, to_toml
from hr_common.errors import InputError
from viai.config import DESK, PAPER, PRESETS, TINY, ViaiConfig, load_config


def test_every_preset_is_valid() -> None:
    assert {name: load_config(name) for name in PRESETS} == PRESETS


def test_the_shipped_preset_is_the_default() -> None:
    assert load_config() == DESK


def test_the_paper_front_end_keeps_four_mel_frames_a_picture() -> None:
    for config in (PAPER, DESK, TINY):
        front = config.spectrogram
        assert front.sample_rate / config.picture.frame_rate == 4 * front.hop


def test_dilations_and_receptive_field_by_hand() -> None:
    # Four cycles of 1, 2, 4, 8, 16, 32 (63 in all), two taps back each: 2 * 4 * 63 + 1.
    assert PAPER.wavenet.dilations == (1, 2, 4, 8, 16, 32) * 4
    assert PAPER.wavenet.receptive_field == 505
    # Two cycles of 1 to 512: 2 * 2 * 1023 + 1.
    assert DESK.wavenet.receptive_field == 4_093


def test_overrides_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[training]\nsteps = 7\nbatch = 3\n")
    training = load_config("tiny", file, ("training.batch=5",)).training
    assert (training.steps, training.batch, training.wavenet_crop) == (7, 5, 1_600)


@pytest.mark.parametrize("name", PRESETS)
def test_settings_survive_dictionary_and_file(name: str, tmp_path: Path) -> None:
    config = PRESETS[name]
    assert from_dict(ViaiConfig, to_dict(config)) == config
    file = tmp_path / "all.toml"
    file.write_text(to_toml(config))
    assert load_config("paper", file) == config


def test_an_unknown_preset_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(InputError, match="unknown preset 'huge'; choose one of paper, desk, tiny"):
        load_config("huge")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("wavenet.upsample_factors=[4, 4, 4]", "multiply to 64, but spectrogram.hop is 320"),
        ("wavenet.layers=7", "wavenet.layers=7 is no positive multiple of wavenet.stacks=2"),
        ("wavenet.stacks=0", "no positive multiple of wavenet.stacks=0"),
        ("training.log_every=0", "training.log_every=0; expected 1 or more"),
        ("training.warmup_steps=0", "training.warmup_steps=0; expected 1 or more"),
        ("training.wavenet_batch=-1", "training.wavenet_batch=-1; expected 1 or more"),
        ("training.stepz=3", "training.steps"),
    ],
)
def test_a_wrong_value_is_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        load_config(overrides=(override,))


def test_all_contradictions_are_reported_at_once() -> None:
    with pytest.raises(InputError, match=r"training\.steps=0.*spectrogram\.hop is 160"):
        load_config(overrides=("training.steps=0", "spectrogram.hop=160"))
