"""Everything that can be set, and what the paper used.

Presets differ in numbers only: ``paper`` is the published system, ``desk`` trains on two CPU cores
and is what ships, ``tiny`` is for tests. The resolved configuration travels with every checkpoint.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Literal

from hr_common import config as settings
from hr_common.errors import InputError

FlowMethod = Literal["dis", "farneback", "tvl1"]
Backbone = Literal["resnet18", "resnet10", "convnet"]


@dataclass(frozen=True, kw_only=True)
class SpectrogramConfig:
    """How sound becomes a log-mel picture. Stored with every checkpoint; a model refuses another one."""

    sample_rate: int = 16_000
    """Rate the networks work at, in Hz; other rates are converted on reading."""
    window: int = 1_280
    """Samples of the periodic Hann window and of the Fourier transform: 80 ms."""
    hop: int = 320
    """Samples between frames: 20 ms. A video frame is four of them, so keep the ratio."""
    mel_bands: int = 80
    """Triangles on the Slaney scale, normalised to equal area."""
    low_hz: float = 125.0
    """Lower edge of the lowest band, in Hz."""
    high_hz: float = 7_600.0
    """Upper edge of the highest band, in Hz."""
    floor: float = 1e-5
    """Smallest amplitude before the logarithm: -100 dB."""
    reference_db: float = 20.0
    """Level that maps to one, in dB above unit amplitude."""
    range_db: float = 100.0
    """Distance between the levels that map to zero and to one, in dB."""
    peak: float = 0.999
    """Peak of the known sound before analysis; the gain is undone on writing."""


@dataclass(frozen=True, kw_only=True)
class PictureConfig:
    """How video becomes frames and optical flow."""

    frame_rate: float = 12.5
    """Frames a second on the time line of the sound: one for four mel frames."""
    size: int = 224
    """Height and width in pixels after the salient crop."""
    flow: FlowMethod = "tvl1"
    """Optical flow method. TV-L1 is the paper's; DIS is about forty times faster."""
    flow_size: int = 128
    """Longer side, in pixels, at which the flow is computed; it is scaled to ``size`` afterwards."""
    flow_limit: float = 20.0
    """Flow is clipped to this many pixels a frame (at ``flow_size``) before it is scaled to bytes."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Widths of the inpainting networks (figure 2 of the paper)."""

    audio_channels: tuple[int, int, int, int, int] = (32, 64, 128, 256, 256)
    """Output channels of the five stride-two layers of the audio encoder; the last is the bottleneck."""
    corrects_lines: bool = False
    """Put out a correction of the straight lines over the gap, added to them before the sigmoid. The paper paints from
    nothing, which takes far longer to learn than what a desk has time for."""
    discriminator_channels: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Output channels of the hidden layers of the patch discriminator."""
    backbone: Backbone = "resnet18"
    """Network on every frame and flow field. ``convnet`` is four plain layers, for tests."""
    backbone_width: int = 64
    """Channels of the first stage of the backbone; 64 is the usual ResNet."""
    backbone_grid: int = 1
    """Cells along each side of the pool that ends the backbone; 1 is the usual global mean."""
    frame_features: int = 256
    """Numbers a frame, and as many a flow field, that enter the fusion."""
    fusion_nonlinear: bool = True
    """Norm and ReLU between the two convolutions of the fusion."""
    picture_detail: int = 0
    """Channels in which the picture also enters the decoder frame by frame, where that works at twelve and a half
    columns a second. The paper has the code alone, whose thirteen columns in four seconds learn late when a note
    begins."""


@dataclass(frozen=True, kw_only=True)
class WaveNetConfig:
    """The decoder from mel spectrogram to waveform: a mixture of logistics on raw 16-bit samples."""

    layers: int = 24
    """Residual layers in all."""
    stacks: int = 4
    """Dilation cycles; each doubles from one over ``layers / stacks`` layers."""
    kernel: int = 3
    """Taps of the dilated causal convolutions."""
    residual_channels: int = 512
    """Channels between the layers."""
    gate_channels: int = 512
    """Channels before the gate, which halves them."""
    skip_channels: int = 256
    """Channels of the skip sum and of the output layers."""
    mixtures: int = 10
    """Logistic components; the network puts out three numbers for each."""
    dropout: float = 0.05
    """Dropout before each dilated convolution, in training only."""
    upsample_factors: tuple[int, ...] = (4, 4, 4, 5)
    """Steps from mel frames to samples; their product is the hop."""
    context_frames: int = 3
    """Mel frames on either side that the conditioning of a frame sees: a sample lies in four windows."""
    min_log_scale: float = -7.0
    """Smallest logarithm of a component's scale."""
    linear_taps: int = 0
    """Last samples whose learnt linear prediction is added to every mean; the paper has none. The running skip sum
    halves the power of the early layers at every later one, so a short training finds that prediction late."""

    @property
    def dilations(self) -> tuple[int, ...]:
        """Dilation of every layer, in samples."""
        cycle = self.layers // self.stacks
        return tuple(2 ** (layer % cycle) for layer in range(self.layers))

    @property
    def receptive_field(self) -> int:
        """Samples, the present one included, on which one output depends."""
        return (self.kernel - 1) * sum(self.dilations) + 1


@dataclass(frozen=True, kw_only=True)
class SampleRNNConfig:
    """The recurrent networks to compare with: SampleRNN, and Visual2Sound that sees the picture.

    The defaults are the setting published for music; ``frame_features`` and ``backbone`` of the inpainting networks
    settle what Visual2Sound sees.
    """

    frames: tuple[int, int] = (8, 2)
    """Samples that the coarse and the middle tier take at a time. The finest tier looks at as many single samples as
    the middle one."""
    hidden: int = 1_024
    """Numbers in the state of either recurrent tier, and width of the finest tier."""
    embedding: int = 256
    """Numbers that stand for one level in the finest tier."""
    levels: int = 256
    """Linear steps of amplitude between which the network chooses."""
    chunk: int = 512
    """Samples through which gradients flow back in time."""
    chunks: int = 124
    """Chunks that are learnt in a row with the state carried on, before a new stretch begins: nearly a window."""
    batch: int = 128
    """Stretches a step, over all processes."""
    learning_rate: float = 1e-3
    """Step size of Adam."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the networks are learnt."""

    steps: int = 100_000
    """Optimiser steps."""
    batch: int = 16
    """Windows a step, over all processes."""
    learning_rate: float = 1e-4
    """Step size of Adam for the inpainting networks."""
    picture_rate: float = 1.0
    """Step size of the visual encoder, as a multiple of the others': it begins from nothing where they begin from a
    trained VIAI-A."""
    decay_steps: int = 0
    """Last steps over which the step size of every optimiser falls linearly to zero; 0 keeps it."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Moments of Adam for the inpainting networks; not stated in the paper."""
    gap_frames: tuple[int, int] = (20, 50)
    """Shortest and longest gap, in mel frames: 0.4 s to 1.0 s."""
    lambda_rec: float = 100.0
    """Weight of the reconstruction (the paper's beta). Small values let the discriminator win."""
    lambda_whole: float = 1.0
    """Weight, times eta1, of the whole picture within the reconstruction. Zero for a network that corrects lines:
    outside the gap they are the answer already, and the constant slope of the absolute error there holds everything at
    rest."""
    lambda_gan: float = 1.0
    """Weight of the adversarial term."""
    lambda_sync: float = 1.0
    """Weight of the synchronisation loss."""
    lambda_onset: float = 0.0
    """Weight of the onsets that the picture's details have to tell over the whole window; the paper has none. The gap
    alone is a sixth of what picture and sound have in common."""
    gan_start: int = 0
    """Step from which the adversarial term counts."""
    sync_margin: float = 1.0
    """Distance gamma that mismatched sound and picture must keep."""
    eta_floor: float = 0.1
    """Lower bound of the decaying weights eta1 and eta2."""
    eta_decay: float = 0.9
    """Factor of eta1 and eta2 every thousand steps."""
    wavenet_batch: int = 2
    """Crops a step for the WaveNet."""
    wavenet_crop: int = 8_000
    """Samples a crop for the WaveNet."""
    wavenet_learning_rate: float = 1e-3
    """Peak step size of Adam for the WaveNet."""
    warmup_steps: int = 4_000
    """Steps of linear warm-up of the Noam schedule for the WaveNet."""
    ema_decay: float = 0.9999
    """Decay of the running average of the weights that is kept for use."""
    autocast: bool = False
    """Convolutions in bfloat16: about twice as fast where the processor knows it."""
    checkpoint_every: int = 1_000
    """Steps between checkpoints."""
    log_every: int = 50
    """Steps between lines of the log."""
    workers: int = 0
    """Processes that load data."""


@dataclass(frozen=True, kw_only=True)
class ViaiConfig:
    """The whole configuration: one field for each room that has settings."""

    spectrogram: SpectrogramConfig = field(default_factory=SpectrogramConfig)
    """Sound front end."""
    picture: PictureConfig = field(default_factory=PictureConfig)
    """Video front end."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Inpainting networks."""
    wavenet: WaveNetConfig = field(default_factory=WaveNetConfig)
    """Waveform decoder."""
    sample_rnn: SampleRNNConfig = field(default_factory=SampleRNNConfig)
    """Recurrent networks to compare with."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """Training."""


PAPER = ViaiConfig()

DESK = ViaiConfig(
    picture=PictureConfig(size=64, flow="dis"),
    network=NetworkConfig(
        audio_channels=(16, 32, 64, 128, 128),
        corrects_lines=True,
        discriminator_channels=(16, 32, 64, 128),
        backbone="resnet10",
        backbone_width=16,
        backbone_grid=2,
        frame_features=128,
        picture_detail=48,
    ),
    wavenet=WaveNetConfig(
        layers=20,
        stacks=2,
        residual_channels=64,
        gate_channels=128,
        skip_channels=64,
        dropout=0.0,
        min_log_scale=-9.0,
        linear_taps=32,
    ),
    sample_rnn=SampleRNNConfig(hidden=128, embedding=32, chunks=16, batch=16, learning_rate=3e-3),
    training=TrainingConfig(
        steps=2_000,
        decay_steps=1_400,
        learning_rate=6e-4,
        betas=(0.9, 0.999),
        lambda_whole=0.0,
        lambda_gan=0.3,
        eta_decay=0.5,
        picture_rate=4.0,
        lambda_onset=30.0,
        wavenet_crop=4_000,
        wavenet_learning_rate=2e-3,
        warmup_steps=400,
        ema_decay=0.999,
        autocast=True,
        checkpoint_every=250,
    ),
)

TINY = replace(
    DESK,
    picture=PictureConfig(size=32, flow="dis", flow_size=64),
    network=NetworkConfig(
        audio_channels=(8, 16, 16, 32, 32),
        discriminator_channels=(8, 8, 16, 16),
        backbone="convnet",
        backbone_width=8,
        frame_features=16,
        picture_detail=8,
    ),
    wavenet=WaveNetConfig(
        layers=6,
        stacks=1,
        residual_channels=16,
        gate_channels=32,
        skip_channels=16,
        mixtures=3,
        dropout=0.0,
        linear_taps=4,
    ),
    sample_rnn=SampleRNNConfig(hidden=16, embedding=4, chunk=32, chunks=2, batch=2, learning_rate=1e-2),
    training=replace(
        DESK.training, steps=20, decay_steps=0, batch=2, wavenet_batch=2, wavenet_crop=1_600, checkpoint_every=10
    ),
)

PRESETS: dict[str, ViaiConfig] = {"paper": PAPER, "desk": DESK, "tiny": TINY}


def load_config(preset: str = "desk", file: Path | None = None, overrides: tuple[str, ...] = ()) -> ViaiConfig:
    """Resolve preset, TOML file and ``a.b=3`` overrides, in that order.

    Raises:
        InputError: Names the unknown preset, or every unknown name, wrong value or contradiction at once.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown preset '{preset}'; choose one of {', '.join(PRESETS)}")
    config = settings.load(ViaiConfig, preset=PRESETS[preset], file=file, overrides=overrides)
    if mistakes := list(_mistakes(config)):
        raise InputError("; ".join(mistakes))
    return config


def _mistakes(config: ViaiConfig) -> Iterator[str]:
    """Say what cannot be, value by value and together."""
    counts = ("steps", "batch", "wavenet_batch", "wavenet_crop", "warmup_steps", "checkpoint_every", "log_every")
    for name in counts:
        if (count := getattr(config.training, name)) < 1:
            yield f"training.{name}={count}; expected 1 or more"
    hop = config.spectrogram.hop
    product = prod(config.wavenet.upsample_factors)
    if product != hop:
        yield f"wavenet.upsample_factors multiply to {product}, but spectrogram.hop is {hop}; make them equal"
    layers, stacks = config.wavenet.layers, config.wavenet.stacks
    if layers < 1 or stacks < 1 or layers % stacks:
        yield f"wavenet.layers={layers} is no positive multiple of wavenet.stacks={stacks}"
    coarse, middle = config.sample_rnn.frames
    if middle < 1 or coarse % middle or coarse <= middle:
        yield f"sample_rnn.frames={[coarse, middle]}; expected the first to be a larger multiple of the second"
    elif config.sample_rnn.chunk < 1 or config.sample_rnn.chunk % coarse:
        yield f"sample_rnn.chunk={config.sample_rnn.chunk} is no positive multiple of sample_rnn.frames[0]={coarse}"
    for name in ("hidden", "embedding", "chunks", "batch"):
        if (count := getattr(config.sample_rnn, name)) < 1:
            yield f"sample_rnn.{name}={count}; expected 1 or more"
    if config.sample_rnn.levels < 2 or config.sample_rnn.levels % 2:
        yield f"sample_rnn.levels={config.sample_rnn.levels}; expected an even number"
