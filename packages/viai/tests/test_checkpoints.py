from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from hr_common import weights
from hr_common.errors import InputError
from viai.checkpoints import (
    STAGES,
    build_network,
    load_network,
    read_cards,
    require_front_end,
    save_network,
    stage_of,
    weights_folder,
)
from viai.config import TINY


def save(path: Path, network: torch.nn.Module, stage: str = "viai-a", **tensors: torch.Tensor) -> None:
    save_network(
        path, {**network.state_dict(), **tensors}, stage=stage, config=TINY, step=5, seed=7, data={"name": "x"}
    )


def rewrite_card(path: Path, **changes: Any) -> None:
    tensors, card = weights.load(path)
    weights.save(path, tensors, {**card, **changes})


@pytest.mark.parametrize("stage", STAGES)
def test_a_card_is_enough_to_build_the_network_again(stage: str, tmp_path: Path) -> None:
    network = build_network(stage, TINY)
    path = tmp_path / "weights.safetensors"
    save(path, network, stage)
    loaded = load_network(path, stage)
    assert loaded.config == TINY
    assert not loaded.network.training
    assert not any(parameter.requires_grad for parameter in loaded.network.parameters())
    expected = network.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.network.state_dict().items())
    assert stage_of(path) == stage


def test_the_loaded_network_paints_the_same(tmp_path: Path) -> None:
    network = build_network("viai-a", TINY).eval()
    path = tmp_path / "viai-a.safetensors"
    save(path, network)
    mel = torch.rand(1, 1, 80, 200)
    assert torch.equal(load_network(path, "viai-a").network(mel), network(mel))


def test_a_card_says_what_was_trained_how_and_on_what(tmp_path: Path) -> None:
    path = tmp_path / "viai-a.safetensors"
    network = build_network("viai-a", TINY)
    metrics = {"psnr_gap": 21.5}
    save_network(
        path, network.state_dict(), stage="viai-a", config=TINY, step=5, seed=7, data={"name": "x"}, metrics=metrics
    )
    card = load_network(path, "viai-a").card
    assert (card["package"], card["stage"], card["step"], card["seed"]) == ("viai", "viai-a", 5, 7)
    assert (card["data"], card["metrics"]) == ({"name": "x"}, metrics)
    assert card["config"]["spectrogram"]["hop"] == 320


def test_half_precision_is_widened(tmp_path: Path) -> None:
    network = build_network("viai-a", TINY)
    path = tmp_path / "half.safetensors"
    halves = {
        name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()
    }
    save_network(path, halves, stage="viai-a", config=TINY, step=0, seed=0, data={})
    for name, value in load_network(path, "viai-a").network.state_dict().items():
        expected = halves[name].float() if halves[name].is_floating_point() else halves[name]
        assert value.dtype == expected.dtype
        assert torch.equal(value, expected)


def test_another_network_is_refused_by_name(tiny_weights: Path) -> None:
    with pytest.raises(InputError, match="holds the network 'viai-a'; expected 'viai-av'"):
        load_network(tiny_weights / "viai-a.safetensors", "viai-av")
    with pytest.raises(InputError, match="unknown network 'gan'; choose one of viai-a, viai-av, wavenet"):
        build_network("gan", TINY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, r"package viai, format 99; expected viai, 1"),
        ({"package": "gramtex"}, r"package gramtex, format 1"),
        ({"config": {"network": {"widht": 3}}}, "widht"),
        ({"config": None}, "has no configuration"),
    ],
    ids=["format", "package", "setting", "no settings"],
)
def test_a_card_that_is_not_ours_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "viai-a.safetensors"
    save(path, build_network("viai-a", TINY))
    rewrite_card(path, **change)
    with pytest.raises(InputError, match=message):
        load_network(path, "viai-a")


def test_tensors_that_do_not_fit_their_card_are_named(tmp_path: Path) -> None:
    path = tmp_path / "viai-a.safetensors"
    save(path, build_network("viai-a", TINY), extra=torch.zeros(1))
    with pytest.raises(InputError, match="unexpected: extra"):
        load_network(path, "viai-a")


def test_a_torn_or_missing_file_is_refused_in_one_line(tiny_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "torn.safetensors"
    path.write_bytes((tiny_weights / "viai-a.safetensors").read_bytes()[:-100])
    for broken in (path, tmp_path / "missing.safetensors"):
        with pytest.raises(InputError, match=broken.name) as caught:
            load_network(broken, "viai-a")
        assert "\n" not in str(caught.value)


def test_another_front_end_is_refused_with_every_constant_that_differs() -> None:
    require_front_end(TINY, replace(TINY.spectrogram), Path("a.safetensors"))
    other = replace(TINY.spectrogram, low_hz=50.0, mel_bands=64)
    message = (
        r"a\.safetensors was trained with another front end \(mel_bands 80 against 64, low_hz 125.0 against 50.0\)"
    )
    with pytest.raises(InputError, match=message):
        require_front_end(TINY, other, Path("a.safetensors"))


def test_cards_of_a_folder_are_read_by_network(tiny_weights: Path, tmp_path: Path) -> None:
    assert {stage: card["stage"] for stage, card in read_cards(tiny_weights).items()} == {name: name for name in STAGES}
    (tmp_path / "wavenet.safetensors").write_bytes((tiny_weights / "wavenet.safetensors").read_bytes())
    assert list(read_cards(tmp_path)) == ["wavenet"]


def test_the_folder_of_the_package_is_the_default(tmp_path: Path) -> None:
    assert weights_folder(tmp_path) == tmp_path
    assert (weights_folder().parent / "checkpoints.py").is_file()
