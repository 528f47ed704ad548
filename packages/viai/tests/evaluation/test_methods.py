import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hr_common.errors import InputError
from viai.checkpoints import build_network, save_network
from viai.config import TINY, ViaiConfig
from viai.evaluation.methods import METHODS, line_up

CPU = torch.device("cpu")
RECURRENT = ("samplernn", "visual2sound", "bi-samplernn", "bi-visual2sound")


def save(folder: Path, stage: str, config: ViaiConfig = TINY) -> None:
    save_network(
        folder / f"{stage}.safetensors",
        build_network(stage, config).state_dict(),
        stage=stage,
        config=config,
        step=0,
        seed=0,
        data={},
    )


def names(lined: object) -> tuple[str, ...]:
    return tuple(method.name for method in lined.methods)  # type: ignore[attr-defined]


def test_methods_stand_in_one_order_and_the_oracle_last(tiny_weights: Path, tmp_path: Path) -> None:
    for stage in ("samplernn", "samplernn-reversed", "visual2sound", "visual2sound-reversed"):
        save(tmp_path, stage)
    lined = line_up(None, weights=tiny_weights, baselines=tmp_path, device=CPU)
    assert names(lined) == METHODS
    assert METHODS[-1] == "oracle"
    assert lined.missing == ()
    some = line_up(["viai-av", "zero", "ar"], weights=tiny_weights, baselines=None, device=CPU)
    assert names(some) == ("zero", "ar", "viai-av")


def test_baselines_without_all_of_their_weights_are_left_out_and_named(tiny_weights: Path, tmp_path: Path) -> None:
    save(tmp_path, "samplernn")
    lined = line_up(None, weights=tiny_weights, baselines=tmp_path, device=CPU)
    assert lined.missing == ("visual2sound", "bi-samplernn", "bi-visual2sound")
    assert "samplernn" in names(lined)
    assert line_up(None, weights=tiny_weights, baselines=None, device=CPU).missing == RECURRENT


def test_a_method_that_was_named_has_to_be_there(tiny_weights: Path, tmp_path: Path) -> None:
    save(tmp_path, "samplernn")
    with pytest.raises(InputError, match=r"samplernn-reversed\.safetensors"):
        line_up(["bi-samplernn"], weights=tiny_weights, baselines=tmp_path, device=CPU)


def test_only_weights_that_are_needed_are_read(tiny_weights: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_weights / "viai-a.safetensors", tmp_path)
    lined = line_up(["hold", "viai-a"], weights=tmp_path, baselines=None, device=CPU)
    assert (names(lined), lined.need_picture, lined.audiovisual) == (("hold", "viai-a"), False, None)
    assert lined.config == TINY
    with pytest.raises(InputError, match=r"viai-av\.safetensors"):
        line_up(["oracle"], weights=tmp_path, baselines=None, device=CPU)


def test_a_baseline_for_other_pictures_is_refused(tiny_weights: Path, tmp_path: Path) -> None:
    save(tmp_path, "visual2sound", replace(TINY, picture=replace(TINY.picture, size=64)))
    with pytest.raises(InputError, match=r"visual2sound\.safetensors was trained on .*size=64"):
        line_up(["visual2sound", "viai-av"], weights=tiny_weights, baselines=tmp_path, device=CPU)
