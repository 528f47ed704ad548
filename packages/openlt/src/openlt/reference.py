"""The checkpoints that the authors of the paper released, turned into runs of this package."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from hr_common import config as settings
from hr_common import weights
from hr_common.errors import InputError
from hr_common.files import atomic_path, refuse_unreadable, write_json
from openlt.checkpoints import Origin, save_model
from openlt.config import OpenltConfig, load_config
from openlt.data.splits import LongTailData
from openlt.networks.open_network import build_network
from openlt.training.start import describe_data

# Their names, ours; the first that fits is taken.
_FEATURES = (
    ("fc_add.", "projection."),
    ("modulatedatt.conv_mask.", "attention.w."),
    ("modulatedatt.fc_spatial.", "attention.modulate."),
    ("modulatedatt.", "attention."),
    ("", "backbone."),
)
_CLASSIFIER = (
    ("fc_hallucinator.", "hallucinator."),
    ("fc_selector.", "selector."),
    ("cosnorm_classifier.", "classifier."),
)


def import_reference(
    checkpoint: Path,
    out: Path,
    data: LongTailData,
    *,
    config: OpenltConfig | None = None,
    force: bool = False,
) -> Path:
    """Make a run of a second-stage checkpoint of the published code, to evaluate and to predict with.

    Args:
        checkpoint: A ``.pth`` with ``state_dict_best`` (``feat_model`` and ``classifier``) and ``centroids``.
        out: Folder to make.
        data: What it was trained on, for names and counts of the classes.
        config: Settings of its network; by default the paper's for the data set.
        force: Overwrite the run that is there.

    Returns:
        The file of weights.

    Raises:
        InputError: If the file is none of these, has other classes, or does not fit the network; the message names what
            is missing, unexpected or of another shape.
    """
    features, classifier, centroids = _read(checkpoint)
    if len(centroids) != data.num_classes:
        raise InputError(f"{checkpoint} was trained on {len(centroids)} classes; {data.name} has {data.num_classes}")
    config = config or load_config("paper", data.name, "oltr")
    target = out / "model.safetensors"
    if target.exists() and not force:
        raise InputError(f"{target} exists; add --force to overwrite it, or choose another --out")
    network = build_network(config, 2, data.num_classes)
    weights.load_into(network.features, _renamed(features, _FEATURES))
    weights.load_into(network.classifier, _renamed(classifier, _CLASSIFIER))
    out.mkdir(parents=True, exist_ok=True)
    origin = Origin(data.name, data.classes, tuple(data.counts.tolist()), {**data.digests}, seed=0)
    save_model(
        target,
        network,
        centroids.float(),
        config=config,
        stage=2,
        classifier="meta",
        origin=origin,
        epoch=0,
        metrics={},
    )
    with atomic_path(out / "config.toml") as temporary:
        temporary.write_text(settings.to_toml(config), encoding="utf-8")
    write_json(out / "data.json", describe_data(data))
    return target


def _read(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor], Tensor]:
    refuse_unreadable(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise InputError(f"{path} cannot be read as a checkpoint of tensors ({type(error).__name__})") from error
    best = state.get("state_dict_best") if isinstance(state, dict) else None
    if not isinstance(best, dict) or not {"feat_model", "classifier"} <= best.keys():
        raise InputError(f"{path} holds no 'state_dict_best' with 'feat_model' and 'classifier'")
    centroids = state.get("centroids")
    if not isinstance(centroids, Tensor) or centroids.ndim != 2:
        raise InputError(f"{path} holds no 'centroids'; give the checkpoint of the second stage, not of the first")
    return best["feat_model"], best["classifier"], centroids.detach()


def _renamed(tensors: Mapping[str, Tensor], names: tuple[tuple[str, str], ...]) -> dict[str, Tensor]:
    renamed = {}
    for name, value in tensors.items():
        plain = name.removeprefix("module.")
        theirs, ours = next((pair for pair in names if plain.startswith(pair[0])), ("", ""))
        renamed[ours + plain.removeprefix(theirs)] = value
    return renamed
