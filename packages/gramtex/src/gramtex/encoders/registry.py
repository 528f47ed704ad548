"""The encoders by name. Weights of two of them ship with the package, one has none, the others are read from a file."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor, nn

from gramtex.encoders.encoder import PIXELS, Encoder
from gramtex.networks.efficientnet_lite0 import EarlyBlocks, EfficientNetLite0
from gramtex.networks.random_filters import RandomFilters
from gramtex.networks.side_by_side import SideBySide
from gramtex.networks.vgg import VGG
from hr_common import weights as files
from hr_common.errors import InputError

DEFAULT_ENCODER = "vgg16-hed"
_VGG16 = (2, 2, 3, 3, 3)
_VGG19 = (2, 2, 4, 4, 4)
_VGG_LEVELS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
_CAFFE_MEAN = (122.679, 116.669, 104.007)  # RGB of 0 to 255
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Entry:
    """An encoder that can be asked for by name."""

    about: str
    """One line for ``gramtex info``."""
    levels: tuple[str, ...]
    """What it measures unless told otherwise."""
    build: Callable[[str, Sequence[str], Path | None], Encoder]
    """Makes it from its name, its levels but for ``pixels``, and a file of weights."""
    needs_file: bool = False
    """Whether its weights do not ship."""


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    device: str | torch.device = "cpu",
    levels: Sequence[str] | None = None,
    weights: str | Path | None = None,
) -> Encoder:
    """Make an encoder, frozen.

    Args:
        name: ``vgg16-hed``, ``enlite0``, ``random-wide``, ``vgg16-wide``, or ``vgg19`` and ``vgg19-caffe`` with a file.
        device: Where it computes.
        levels: Layers to measure, fine to coarse; by default those of the registry. ``pixels`` may stand in front.
        weights: For encoders that do not ship: a ``.safetensors`` or ``.pth`` file of tensors.

    Raises:
        InputError: The name or a level is unknown, or weights are missing, unwanted, unreadable or do not fit.
    """
    if name not in ENCODERS:
        raise InputError(f"unknown encoder '{name}'; choose one of {', '.join(ENCODERS)}")
    entry = ENCODERS[name]
    if entry.needs_file and weights is None:
        raise InputError(f"the weights of {name} do not ship; give their file: {entry.about}")
    if not entry.needs_file and weights is not None:
        raise InputError(f"{name} brings its own weights; leave {weights} out, or choose vgg19")
    chosen = tuple(entry.levels if levels is None else levels)
    inner = chosen[1:] if chosen[:1] == (PIXELS,) else chosen
    if not inner or len(set(chosen)) < len(chosen):
        raise InputError(f"levels have to be layers, each once, not {', '.join(chosen) or 'none'}")
    encoder = entry.build(name, inner, None if weights is None else Path(weights))
    if len(inner) < len(chosen):
        encoder = Encoder(
            name,
            encoder.backbone,
            levels=chosen,
            weights_hash=encoder.weights_hash,
            mean=encoder.mean.flatten().tolist(),
            deviation=encoder.deviation.flatten().tolist(),
        )
    return encoder.to(device)


def load_efficientnet_lite0(device: str | torch.device = "cpu") -> EfficientNetLite0:
    """Make the whole EfficientNet-Lite0 for comparing sets of images; see its ``pooled_features``."""
    tensors, _ = _shipped("enlite0")
    network = EfficientNetLite0()
    files.load_into(network, tensors)
    return network.requires_grad_(False).eval().to(device)


def _shipped(name: str) -> tuple[dict[str, Tensor], str]:
    """Tensors in single precision, and their digest."""
    with resources.as_file(resources.files("gramtex") / "weights" / f"{name}.safetensors") as path:
        tensors, _ = files.load(path)
    whole = {key: value.float() for key, value in tensors.items()}
    return whole, _digest(whole)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    state = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        state.update(f"{name} {tuple(value.shape)}".encode())
        state.update(value.float().contiguous().numpy().tobytes())
    return state.hexdigest()[:16]


def _load_some(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Take the tensors that a cut-off network has a place for."""
    own = module.state_dict()
    files.load_into(module, {name: value for name, value in tensors.items() if name in own})


def _vgg16_hed(name: str, levels: Sequence[str], _: Path | None) -> Encoder:
    tensors, digest = _shipped(name)
    network = VGG(_VGG16, levels)
    missing = [each for each in network.convolutions if f"{each}.weight" not in tensors]
    if missing:
        raise InputError(f"the shipped {name} ends at relu4_1 and lacks {', '.join(missing)}; use vgg19 with a file")
    _load_some(network.convolutions, tensors)
    mean = [value / 255 for value in _CAFFE_MEAN]
    return Encoder(name, network, levels=levels, weights_hash=digest, mean=mean, deviation=[1 / 255] * 3)


def _enlite0(name: str, levels: Sequence[str], _: Path | None) -> Encoder:
    tensors, digest = _shipped(name)
    network = EarlyBlocks(levels)
    _load_some(network, tensors)
    return Encoder(name, network, levels=levels, weights_hash=digest, mean=[127 / 255] * 3, deviation=[128 / 255] * 3)


def _random_wide(name: str, levels: Sequence[str], _: Path | None) -> Encoder:
    network = RandomFilters(levels)
    # Of the recipe: the last bit of a norm may differ from machine to machine.
    digest = hashlib.sha256(b"random-wide, seed 0, zero mean, unit norm").hexdigest()[:16]
    return Encoder(name, network, levels=levels, weights_hash=digest, mean=[0.5] * 3, deviation=[0.25] * 3)


def _vgg16_wide(name: str, levels: Sequence[str], _: Path | None) -> Encoder:
    detail = [level for level in levels if not level.startswith("wide")]
    order = [level for level in levels if level.startswith("wide")]
    if list(levels) != detail + order or not detail or not order:
        raise InputError(f"{name} needs VGG levels and behind them wide ones, not {', '.join(levels)}")
    whole = _vgg16_hed("vgg16-hed", detail, None)
    mean, deviation = whole.mean.flatten().tolist(), whole.deviation.flatten().tolist()
    if not isinstance(whole.backbone, VGG):
        raise TypeError("vgg16-hed is a VGG")
    network = SideBySide(whole.backbone, RandomFilters(order), mean=mean, deviation=deviation)
    return Encoder(name, network, levels=levels, weights_hash=whole.weights_hash, mean=mean, deviation=deviation)


def _vgg19(name: str, levels: Sequence[str], path: Path | None) -> Encoder:
    if path is None:
        raise InputError(f"{name} needs a file of weights")
    network = VGG(_VGG19, levels)
    named = _as_convolutions(files.read_state_dict(path))
    digest = _digest(named)
    if name == "vgg19-caffe":
        named["conv1_1.weight"] = named["conv1_1.weight"].flip(1)  # BGR
        mean, deviation = [value / 255 for value in _CAFFE_MEAN], [1 / 255] * 3
    else:
        mean, deviation = list(_IMAGENET_MEAN), list(_IMAGENET_DEVIATION)
    _load_some(network.convolutions, named)
    return Encoder(name, network, levels=levels, weights_hash=digest, mean=mean, deviation=deviation)


def _as_convolutions(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the tensors of a VGG-19 ``convB_I``; torchvision numbers its layers, ReLUs and pools included."""
    names, number = {}, 0
    for block, count in enumerate(_VGG19, start=1):
        for index in range(1, count + 1):
            names[f"features.{number}"] = f"conv{block}_{index}"
            number += 2
        number += 1
    renamed = {}
    for key, value in tensors.items():
        layer, _, kind = key.rpartition(".")
        if (layer := names.get(layer, layer)).startswith("conv"):
            renamed[f"{layer}.{kind}"] = value.float()
    if "conv1_1.weight" not in renamed:
        raise InputError("the weights are no VGG-19: they hold neither features.0.weight nor conv1_1.weight")
    return renamed


_FROM_FILE = "a .pth or .safetensors file with features.N or convB_I"
ENCODERS: dict[str, Entry] = {
    "vgg16-hed": Entry("VGG-16 of ImageNet, fine-tuned for edges; best structure", _VGG_LEVELS, _vgg16_hed),
    "enlite0": Entry(
        "EfficientNet-Lite0 on a pyramid; a third of the time, lines break up more", EarlyBlocks.levels, _enlite0
    ),
    "random-wide": Entry(
        "random filters of 3 to 55 pixels; straight stripes, no semantics", RandomFilters.levels, _random_wide
    ),
    "vgg16-wide": Entry(
        "vgg16-hed and random filters of 7 to 55 pixels: plaid stays straight without an exemplar; slower",
        (*_VGG_LEVELS, *(f"wide{size}" for size in (7, 15, 23, 37, 55))),
        _vgg16_wide,
    ),
    "vgg19": Entry(f"VGG-19 in torchvision's normalisation, from {_FROM_FILE}", _VGG_LEVELS, _vgg19, needs_file=True),
    "vgg19-caffe": Entry(
        f"VGG-19 for BGR of 0 to 255 without the mean, from {_FROM_FILE}", _VGG_LEVELS, _vgg19, needs_file=True
    ),
}
"""All encoders, best first."""
