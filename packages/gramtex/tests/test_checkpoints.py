import pickle
from importlib import resources
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gramtex.checkpoints import load_model, save_model
from gramtex.encoders.registry import load_encoder
from hr_common import weights
from hr_common.errors import InputError


def test_a_saved_model_comes_back_with_mixture_and_codes(run: Path, tmp_path: Path) -> None:
    first = load_model(run / "model.safetensors")
    save_model(
        tmp_path / "again.safetensors",
        first.network,
        config=first.config,
        weights_hash=first.weights_hash,
        mixture=first.mixture,
        training=first.training,
        card={},
    )
    again = load_model(tmp_path / "again.safetensors")
    assert again.config == first.config
    assert again.weights_hash == first.weights_hash
    for name, value in first.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name
    assert first.mixture is not None
    assert again.mixture is not None
    torch.testing.assert_close(again.mixture.covariances, first.mixture.covariances)
    assert again.mixture.scores == first.mixture.scores
    assert torch.equal(again.training.codes, first.training.codes)
    assert (again.training.groups == first.training.groups).all()


def test_the_card_says_what_a_stranger_has_to_know(run: Path) -> None:
    card = load_model(run / "model.safetensors").card
    assert {"version", "config", "weights_hash", "seed", "figures", "torch", "data"} <= card.keys()
    assert card["config"]["model"]["encoder"] == "random-wide"
    assert str(run.parent) not in str(card)


def test_the_shipped_files_are_small_enough_and_name_no_folder() -> None:
    folder = Path(str(resources.files("gramtex") / "weights"))
    assert sum(each.stat().st_size for each in folder.iterdir()) < 20e6
    for each in folder.glob("*.safetensors"):
        assert "/" not in str(weights.load(each)[1].get("data", "")).replace("ambientcg/fabric", "")


def test_foreign_files_are_refused_without_unpickling(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_model(path)
    path.write_bytes(pickle.dumps({"network": 1}))
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_model(path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_model(path)


def test_weights_of_an_encoder_are_no_model(tmp_path: Path) -> None:
    assert load_encoder("vgg16-hed").name == "vgg16-hed"
    path = Path(str(resources.files("gramtex"))) / "weights" / "vgg16-hed.safetensors"
    with pytest.raises(InputError, match="holds no model that this version of gramtex reads"):
        load_model(path)


def test_a_model_that_lost_tensors_is_refused(run: Path, tmp_path: Path) -> None:
    tensors, card = weights.load(run / "model.safetensors")
    for name in ("training.codes", "mixture.means", "network.structure.to_code.weight"):
        rest = {key: value for key, value in tensors.items() if key != name}
        weights.save(tmp_path / "part.safetensors", rest, dict(card))
        with pytest.raises(InputError, match=r"part\.safetensors|to_code"):
            load_model(tmp_path / "part.safetensors")
