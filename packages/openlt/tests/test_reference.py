from dataclasses import replace
from pathlib import Path

import pytest
import torch

import openlt
from hr_common.errors import InputError
from openlt.config import OpenltConfig
from openlt.data import LongTailData
from openlt.networks.meta_embedding import MetaEmbeddingClassifier
from openlt.networks.open_network import OpenNetwork, build_network
from openlt.reference import import_reference


def as_published(network: OpenNetwork) -> dict[str, dict[str, torch.Tensor]]:
    """The weights under the names of the published code, as its data-parallel wrapper saves them."""
    ours = {"attention.w.": "modulatedatt.conv_mask.", "attention.modulate.": "modulatedatt.fc_spatial."}
    ours |= {"attention.": "modulatedatt.", "projection.": "fc_add.", "backbone.": ""}
    heads = {"hallucinator.": "fc_hallucinator.", "selector.": "fc_selector.", "classifier.": "cosnorm_classifier."}

    def renamed(module: torch.nn.Module, names: dict[str, str]) -> dict[str, torch.Tensor]:
        result = {}
        for name, value in module.state_dict().items():
            start = next(each for each in names if name.startswith(each))
            result[f"module.{names[start]}{name.removeprefix(start)}"] = value
        return result

    return {"feat_model": renamed(network.features, ours), "classifier": renamed(network.classifier, heads)}


@pytest.fixture
def published(tiny: OpenltConfig, tmp_path: Path) -> tuple[Path, OpenNetwork]:
    network = build_network(tiny, 2, 8)
    state = {"epoch": 3, "best_acc": 0.5, "state_dict_best": as_published(network), "centroids": torch.randn(8, 16)}
    torch.save(state, tmp_path / "model.pth")
    return tmp_path / "model.pth", network


def test_the_authors_weights_become_a_run_that_predicts_the_same(
    published: tuple[Path, OpenNetwork], tiny: OpenltConfig, digits: LongTailData, tmp_path: Path
) -> None:
    path, network = published
    import_reference(path, tmp_path / "run", digits, config=tiny)
    model = openlt.load(tmp_path / "run", device="cpu").model
    pictures = torch.randn(2, 3, 16, 16)
    centroids = torch.load(path, weights_only=True)["centroids"]
    assert isinstance(model.network.classifier, MetaEmbeddingClassifier)
    with torch.inference_mode():
        expected = network.eval()(pictures, centroids).logits
        torch.testing.assert_close(model.network(pictures, model.centroids).logits, expected)
    with pytest.raises(InputError, match=r"model.safetensors exists; add --force"):
        import_reference(path, tmp_path / "run", digits, config=tiny)


def test_missing_weights_are_named(
    published: tuple[Path, OpenNetwork], tiny: OpenltConfig, digits: LongTailData, tmp_path: Path
) -> None:
    path, _ = published
    state = torch.load(path, weights_only=True)
    del state["state_dict_best"]["feat_model"]["module.fc_add.bias"]
    torch.save(state, path)
    with pytest.raises(InputError, match=r"missing: projection.bias"):
        import_reference(path, tmp_path / "run", digits, config=tiny)


def test_a_first_stage_checkpoint_is_refused(
    published: tuple[Path, OpenNetwork], tiny: OpenltConfig, digits: LongTailData, tmp_path: Path
) -> None:
    path, _ = published
    state = torch.load(path, weights_only=True)
    torch.save({**state, "centroids": None}, path)
    with pytest.raises(InputError, match="holds no 'centroids'; give the checkpoint of the second stage"):
        import_reference(path, tmp_path / "run", digits, config=tiny)


def test_another_number_of_classes_is_refused(
    published: tuple[Path, OpenNetwork], tiny: OpenltConfig, digits: LongTailData, tmp_path: Path
) -> None:
    other = replace(digits, classes=digits.classes[:7])
    with pytest.raises(InputError, match="was trained on 8 classes; digits-lt has 7"):
        import_reference(published[0], tmp_path / "run", other, config=tiny)


def test_a_file_of_another_kind_is_refused(tiny: OpenltConfig, digits: LongTailData, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="cannot be read as a checkpoint of tensors"):
        import_reference(tmp_path / "model.pth", tmp_path / "run", digits, config=tiny)
