"""Trained weights to share: safetensors with a model card in the header. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hr_common.errors import InputError
from hr_common.files import atomic_path, refuse_unreadable

_CARD = "card"


def save(path: str | Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write named tensors of any dtype and device, and what a stranger has to know about them, atomically.

    Tensors that share memory are written once each.

    Raises:
        TypeError, ValueError: The card holds something that JSON has no place for, NaN and infinity included.
        OSError: The disk is full, or the file cannot be written.
    """
    text = json.dumps(dict(card), ensure_ascii=False, allow_nan=False)
    # safetensors refuses views and shared memory, and a tied weight is both.
    whole = {name: each.detach().cpu().clone(memory_format=torch.contiguous_format) for name, each in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(whole, temporary, metadata={_CARD: text})
        except SafetensorError as error:  # a full disk, above all
            raise OSError(f"cannot write {path}: {error}") from error


def load(path: str | Path, device: str | torch.device = "cpu") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors, onto a device, and the card of a file written by :func:`save`.

    Raises:
        InputError: The file is missing, damaged, of another format, or has no card.
    """
    refuse_unreadable(path)
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            text = (file.metadata() or {}).get(_CARD)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise InputError(f"{path} is no whole safetensors file ({error}); fetch or write it again") from None
    if text is None:
        raise InputError(f"{path} is a safetensors file without a model card; it was not written by this program")
    try:
        card = json.loads(text)
    except json.JSONDecodeError:
        card = None
    if not isinstance(card, dict):
        raise InputError(f"the model card of {path} is damaged: it is no JSON object")
    return tensors, card


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read named tensors that somebody else wrote, onto the CPU: safetensors, or a file of ``torch.save``.

    Args:
        path: ``.safetensors``; every other suffix is read as torch's. A state dict one level down, under ``state_dict``
            or ``model``, is found.

    Raises:
        InputError: The file is missing or damaged, or holds anything but names and tensors; it is never unpickled.
    """
    refuse_unreadable(path)
    try:
        found: object = (
            load_file(path)
            if Path(path).suffix.lower() == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # torch raises many kinds for a file that is not its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "weights_only" in reason:  # torch would advise to unpickle it
            reason = "it is damaged, or holds more than names and tensors"
        raise InputError(f"{path} holds no weights that can be read safely: {reason}") from error
    for name in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise InputError(f"{path} holds no state dict: expected names and tensors")
    return {str(name): value for name, value in found.items()}


def load_into(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into the parameters and buffers of a module; either all of them fit or nothing is changed.

    Raises:
        InputError: Tensors are missing, unexpected or of another shape; the message names all of them.
    """
    own = module.state_dict()
    shapes = [(name, tuple(tensors[name].shape), tuple(own[name].shape)) for name in own if name in tensors]
    wrong = {
        "missing": [name for name in own if name not in tensors],
        "unexpected": [name for name in tensors if name not in own],
        "of another shape": [f"{name} {given} for {wanted}" for name, given, wanted in shapes if given != wanted],
    }
    mistakes = [f"{what}: {', '.join(names)}" for what, names in wrong.items() if names]
    if mistakes:
        raise InputError(f"the weights do not fit {type(module).__name__}: {'; '.join(mistakes)}")
    module.load_state_dict(dict(tensors))
