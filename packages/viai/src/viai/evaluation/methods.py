"""The rows of the results table: which there are, and what each needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from hr_common.errors import InputError
from viai.baselines.interface import SoundMethod, SpectrogramMethod
from viai.baselines.recurrent import METHODS as RECURRENT
from viai.baselines.recurrent import Recurrent
from viai.baselines.trivial import CONTEXT_MEAN, HOLD, INTERPOLATION, ZERO
from viai.checkpoints import load_network, require_front_end, weights_folder
from viai.config import ViaiConfig
from viai.evaluation.painters import ORACLE, AudioPainter, AudioVisualPainter, Oracle
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter

Method = SpectrogramMethod | SoundMethod | Oracle

TRIVIAL = {method.name: method for method in (ZERO, HOLD, INTERPOLATION, CONTEXT_MEAN)}
METHODS = (*TRIVIAL, "ar", "copy", *RECURRENT, "viai-a", "viai-av", ORACLE)
"""All rows, in the order of the table; the oracle is no method and comes last."""
NEED_PICTURE = frozenset({"visual2sound", "bi-visual2sound", "viai-av", ORACLE})


@dataclass(frozen=True)
class LineUp:
    """The rows of an evaluation, ready to work."""

    methods: tuple[Method, ...]
    config: ViaiConfig
    """How the clips have to be prepared."""
    audiovisual: AudioVisualInpainter | None
    """VIAI-AV, if it takes part."""
    missing: tuple[str, ...]
    """Rows that there are no weights for."""

    @property
    def need_picture(self) -> bool:
        """Whether any of them looks."""
        return any(method.name in NEED_PICTURE for method in self.methods)


def line_up(
    names: Sequence[str] | None,
    *,
    weights: Path | None,
    baselines: Path | None,
    device: torch.device,
) -> LineUp:
    """Load the methods of an evaluation.

    Args:
        names: Some of :data:`METHODS`; all that there are weights for by default.
        weights: Folder with ``viai-a`` and ``viai-av``; the shipped ones by default.
        baselines: Folder with the weights of the recurrent baselines; without it they are left out.
        device: Where to compute.

    Raises:
        InputError: If a name is unknown, weights of a named method are missing, or weights do not fit each other.
    """
    unknown = [name for name in names or () if name not in METHODS]
    if unknown:
        raise InputError(f"unknown method '{unknown[0]}'; choose among {', '.join(METHODS)}")
    wanted = [name for name in METHODS if names is None or name in names]
    found: dict[str, Method] = {name: TRIVIAL[name] for name in wanted if name in TRIVIAL}
    folder = weights_folder(weights)
    config: ViaiConfig | None = None
    audiovisual: AudioVisualInpainter | None = None
    if "viai-av" in wanted or ORACLE in wanted:
        loaded = load_network(folder / "viai-av.safetensors", "viai-av", device=device)
        assert isinstance(loaded.network, AudioVisualInpainter)
        config, audiovisual = loaded.config, loaded.network
        found["viai-av"] = AudioVisualPainter(audiovisual, device)
        found[ORACLE] = Oracle(audiovisual, device)
    if "viai-a" in wanted:
        path = folder / "viai-a.safetensors"
        loaded = load_network(path, "viai-a", device=device)
        assert isinstance(loaded.network, AudioInpainter)
        if config is not None:
            require_front_end(loaded.config, config.spectrogram, path)
        config = config or loaded.config
        found["viai-a"] = AudioPainter(loaded.network, device)
    found |= _classical(wanted)
    for name, method in _recurrent(wanted, baselines, named=names is not None, device=device).items():
        there = method.forward.config
        path = Path(baselines or "") / f"{name}.safetensors"
        if config is not None:
            require_front_end(there, config.spectrogram, path)
            if name in NEED_PICTURE and there.picture != config.picture:
                raise InputError(
                    f"{path} was trained on {there.picture}, not {config.picture}; train it on these clips"
                )
        config = config or there
        found[name] = method
    return LineUp(
        methods=tuple(found[name] for name in wanted if name in found),
        config=config or ViaiConfig(),
        audiovisual=audiovisual,
        missing=tuple(name for name in wanted if name not in found),
    )


def _classical(wanted: Sequence[str]) -> dict[str, Method]:
    found: dict[str, Method] = {}
    if "ar" in wanted:
        from viai.baselines.autoregressive import Autoregressive

        found["ar"] = Autoregressive()
    if "copy" in wanted:
        from viai.baselines.copying import Copy

        found["copy"] = Copy()
    return found


def _recurrent(
    wanted: Sequence[str], folder: Path | None, *, named: bool, device: torch.device
) -> dict[str, Recurrent]:
    """Load those that there are weights for; all that are wanted if they were named."""
    names = [name for name in wanted if name in RECURRENT]
    if folder is None:
        if named and names:
            raise InputError(f"'{names[0]}' needs trained weights; give their folder with --baselines")
        return {}
    return {
        name: Recurrent.from_pretrained(name, folder, device=str(device))
        for name in names
        if named or all((folder / f"{stage}.safetensors").is_file() for stage in RECURRENT[name])
    }
