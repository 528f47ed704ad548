"""From names and folders to a running stage."""

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from hr_common import device as devices
from hr_common.errors import InputError
from hr_common.files import file_digest
from viai.checkpoints import (
    ALL_STAGES,
    RECURRENT_STAGES,
    build_network,
    load_network,
    require_front_end,
    stage_of,
)
from viai.config import ViaiConfig
from viai.data.crops import SoundCrops
from viai.data.windows import BatchLoader, WindowDataset
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.networks.wavenet import WaveNet
from viai.training.image_weights import start_pictures
from viai.training.inpainters import AudioStage, AudioVisualStage
from viai.training.loop import Progress, Stage, train
from viai.training.recurrent import REVERSED, RecurrentStage, Stretches
from viai.training.vocoder import VocoderStage

logger = logging.getLogger(__name__)


def data_fingerprint(root: Path) -> dict[str, object]:
    """Name the training data: the folder's own name and a digest of its split."""
    split = root / "split.json"
    name = root.resolve().name
    return {"name": name, "split_sha256": file_digest(split)} if split.is_file() else {"name": name}


def train_stage(
    name: str,
    data: Path,
    out: Path,
    *,
    config: ViaiConfig,
    seed: int = 0,
    device: str = "auto",
    start_from: Path | None = None,
    image_weights: Path | None = None,
    resume: bool = False,
    force: bool = False,
) -> Progress:
    """Train one network on prepared clips.

    Under ``torchrun`` the processes share every batch and average their gradients.

    Args:
        name: ``viai-a``, ``viai-av`` or ``wavenet``; or a network to compare with: ``samplernn`` or ``visual2sound``,
            with the ending ``-reversed`` for one on reversed time.
        data: Folder of prepared clips.
        out: Folder for checkpoint, weights and log.
        config: All settings.
        seed: Settles initial weights, data order and every other draw.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        start_from: Weights to begin with: a VIAI-A for ``viai-av``, which needs one, or weights of the same network.
        image_weights: ResNet-18 trained on ImageNet, under torchvision's names, for the picture networks of ``viai-av``
            to begin with; see :func:`viai.training.image_weights.start_pictures`.
        resume: Go on from the checkpoint in ``out`` if there is one.
        force: Overwrite a run of this network in ``out``.

    Raises:
        InputError: If data, weights or checkpoint do not fit.
    """
    if name not in ALL_STAGES:
        raise InputError(f"unknown network '{name}'; choose one of {', '.join(ALL_STAGES)}")
    if image_weights is not None and name != "viai-av":
        raise InputError(f"--image-weights are for viai-av, which sees; {name} has no use for them")
    where = devices.resolve(device)
    with devices.process_group(where) as group, torch.random.fork_rng(enabled=True):
        torch.manual_seed(seed)

        def wrap(module: nn.Module) -> nn.Module:
            if group.world_size == 1:
                return module
            on_gpu = where.type == "cuda"
            ready = nn.SyncBatchNorm.convert_sync_batchnorm(module) if on_gpu else module  # type: ignore[no-untyped-call]
            return DistributedDataParallel(ready, device_ids=[where.index] if on_gpu else None)

        fingerprint = data_fingerprint(data)
        stage: Stage
        if name == "wavenet":
            crops = SoundCrops(data, "train", config, seed=seed, rank=group.rank, world_size=group.world_size)
            vocoder = WaveNet(config.wavenet, config.spectrogram.mel_bands)
            if start_from is not None:
                vocoder.load_state_dict(_weights(start_from, "wavenet", config))
            stage = VocoderStage(vocoder, config, crops, fingerprint=fingerprint, device=where, wrap=wrap)
        elif name in RECURRENT_STAGES:
            windows = WindowDataset(data, "train", config, seed=seed, picture=name.startswith("visual2sound"))
            batches = BatchLoader(
                windows,
                config.sample_rnn.batch,
                workers=config.training.workers,
                rank=group.rank,
                world_size=group.world_size,
            )
            recurrent = build_network(name, config)
            if start_from is not None:
                recurrent.load_state_dict(_weights(start_from, name, config))
            stage = RecurrentStage(
                name,
                recurrent,
                config,
                Stretches(batches, config, is_reversed=name.endswith(REVERSED)),
                fingerprint=fingerprint,
                device=where,
                wrap=wrap,
                rank=group.rank,
                world_size=group.world_size,
            )
        else:
            sees = name == "viai-av"
            windows = WindowDataset(data, "train", config, seed=seed, picture=sees)
            batches = BatchLoader(
                windows,
                config.training.batch,
                workers=config.training.workers,
                rank=group.rank,
                world_size=group.world_size,
            )
            stage = _inpainter(name, config, batches, fingerprint, where, seed, wrap, start_from, image_weights)
            if sees and config.training.batch // group.world_size < 8:
                logger.warning(
                    "the synchronisation loss compares windows of one batch: "
                    "%d a process are few, eight or more work better",
                    config.training.batch // group.world_size,
                )
        progress = train(stage, out, seed=seed, resume=resume, force=force, is_main=group.is_main)
        if group.world_size > 1:
            # Nobody goes on before the main process has written what ``progress`` names.
            torch.distributed.barrier()
        return progress


def _inpainter(
    name: str,
    config: ViaiConfig,
    batches: BatchLoader,
    fingerprint: dict[str, object],
    device: torch.device,
    seed: int,
    wrap: Callable[[nn.Module], nn.Module],
    start_from: Path | None,
    image_weights: Path | None,
) -> Stage:
    if name == "viai-a":
        audio = AudioInpainter(config.network)
        if start_from is not None:
            audio.load_state_dict(_weights(start_from, "viai-a", config))
        return AudioStage(audio, config, batches, fingerprint=fingerprint, device=device, seed=seed, wrap=wrap)
    if start_from is None:
        raise InputError("viai-av starts from a trained viai-a: give its weights with --start-from viai-a.safetensors")
    audiovisual = AudioVisualInpainter(config.network)
    if stage_of(start_from) == "viai-av":
        audiovisual.load_state_dict(_weights(start_from, "viai-av", config))
    else:
        audio = AudioInpainter(config.network)
        audio.load_state_dict(_weights(start_from, "viai-a", config))
        audiovisual.start_from(audio)
    if image_weights is not None:
        start_pictures(audiovisual.video_encoder, image_weights, config.network)
    return AudioVisualStage(audiovisual, config, batches, fingerprint=fingerprint, device=device, seed=seed, wrap=wrap)


def _weights(path: Path, name: str, config: ViaiConfig) -> dict[str, torch.Tensor]:
    loaded = load_network(path, name)
    require_front_end(loaded.config, config.spectrogram, path)
    if name == "wavenet":
        fits = loaded.config.wavenet == config.wavenet
    elif name in RECURRENT_STAGES:
        sizes = ("frames", "hidden", "embedding", "levels")
        fits = _agree(loaded.config.sample_rnn, config.sample_rnn, sizes)
        if name.startswith("visual2sound"):
            sizes = ("backbone", "backbone_width", "backbone_grid", "frame_features")
            fits = fits and _agree(loaded.config.network, config.network, sizes)
    elif name == "viai-a":
        there, here = loaded.config.network, config.network
        fits = there.audio_channels == here.audio_channels and there.corrects_lines == here.corrects_lines
    else:
        fits = loaded.config.network == config.network
    if not fits:
        raise InputError(
            f"{path} was trained with other network sizes than this configuration; use the preset it was made with"
        )
    return dict(loaded.network.state_dict())


def _agree(there: object, here: object, names: tuple[str, ...]) -> bool:
    return all(getattr(there, name) == getattr(here, name) for name in names)
