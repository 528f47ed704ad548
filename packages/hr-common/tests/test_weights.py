import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hr_common.errors import InputError
from hr_common.weights import load, load_into, save


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_tensors_and_card_come_back(tmp_path: Path) -> None:
    tensors = {
        "weight": torch.randn(3, 4),
        "view": torch.arange(12).reshape(3, 4).T,
        "half": torch.ones(2, dtype=torch.bfloat16),
        "step": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "trained": nn.Parameter(torch.ones(2)),
    }
    card = {"format": 1, "model": {"layers": 3}, "data": "Fêtes", "figures": [1.5, None]}
    save(tmp_path / "a.safetensors", tensors, card)
    loaded, read = load(tmp_path / "a.safetensors")
    assert read == card
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        torch.testing.assert_close(loaded[name], tensor.detach(), rtol=0, atol=0)


def test_the_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    save(tmp_path / "a.safetensors", {"x": torch.ones(1)}, {})
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_tied_weights_are_saved_and_fit_again(tmp_path: Path) -> None:
    first = nn.Linear(3, 3, bias=False)
    model = nn.Sequential(first, nn.Linear(3, 3, bias=False))
    model[1].weight = first.weight
    save(tmp_path / "a.safetensors", model.state_dict(), {})
    other = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    load_into(other, load(tmp_path / "a.safetensors")[0])
    assert torch.equal(other[0].weight, first.weight)
    assert torch.equal(other[1].weight, first.weight)


def test_a_card_that_is_no_json_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save(tmp_path / "a.safetensors", {}, {"path": tmp_path})
    with pytest.raises(ValueError, match="JSON"):
        save(tmp_path / "a.safetensors", {}, {"loss": float("nan")})
    assert names(tmp_path) == []


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("exploded",)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bomb.pt").write_bytes(pickle.dumps(Bomb()))
    torch.save({"weight": torch.ones(2)}, "torch.pt")
    for name in ("bomb.pt", "torch.pt"):
        with pytest.raises(InputError, match=f"{name} is no whole safetensors file"):
            load(name)
    assert not Path("exploded").exists()


def test_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(path, {"weight": torch.randn(100)}, {"a": 1})
    whole = path.read_bytes()
    for part in (b"", whole[:5], whole[:40], whole[:-7], whole + b"more"):
        path.write_bytes(part)
        with pytest.raises(InputError, match=r"a.safetensors is (empty|no whole safetensors file)"):
            load(path)


def test_a_file_without_a_usable_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.ones(1)}, path)
    with pytest.raises(InputError, match="without a model card"):
        load(path)
    for card, words in (("{", "is damaged"), (json.dumps([1]), "no JSON object")):
        save_file({"x": torch.ones(1)}, path, metadata={"card": card})
        with pytest.raises(InputError, match=words):
            load(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"b.safetensors: No such file"):
        load(tmp_path / "b.safetensors")
    with pytest.raises(InputError, match="Is a directory"):
        load(tmp_path)


def test_everything_that_does_not_fit_is_named_and_nothing_changes() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tensors = {**before, "0.weight": torch.zeros(3, 5), "1.weight": torch.zeros(3), "head.bias": torch.zeros(1)}
    del tensors["0.bias"]
    with pytest.raises(InputError) as caught:
        load_into(model, tensors)
    assert str(caught.value) == (
        "the weights do not fit Sequential: missing: 0.bias; unexpected: head.bias; "
        "of another shape: 0.weight (3, 5) for (3, 2)"
    )
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
