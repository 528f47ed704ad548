"""Everything that can be set. Presets differ in numbers only.

``paper`` is the configuration whose parameter totals come out as published (10.8 M, and 184 M with fully connected
layers). The paper's own layer list, latent size and schedule are not known to us, so every number here is *our*
configuration. ``desk`` trains on one CPU core in minutes and is what the shipped model was trained with; ``tiny`` is
for tests. The resolved configuration travels with every checkpoint and every file of weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hr_common import config as settings
from hr_common.errors import InputError

Transform = Literal["gram", "fc"]
Structure = Literal["recursive", "mlp"]
Match = Literal["mmd", "gan"]
Covariance = Literal["auto", "full", "diag"]
Kind = Literal["mixture", "prior", "neighbours"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The auto-encoder over Gram sets."""

    encoder: str = "vgg16-hed"
    """Name of the image encoder whose features the Gram matrices are of."""
    levels: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    """Its levels, fine to coarse."""
    channels: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of each level."""
    ranks: tuple[int, ...] = (16, 32, 64, 128)
    """Rows and columns that the bilinear map of the Gram transformation leaves of each level."""
    width: int = 256
    """Numbers in the vector that stands for one level."""
    hidden: int = 1024
    """Width of the hidden layer of every merge and split."""
    latent: int = 256
    """Numbers in the code of a Gram set."""
    transform: Transform = "gram"
    """``gram``, or ``fc`` for fully connected layers in its place (ablation)."""
    structure: Structure = "recursive"
    """``recursive`` over the levels, or ``mlp`` on all of them at once (ablation)."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the auto-encoder is trained."""

    match: Match = "gan"
    """What draws the codes towards the prior: a latent discriminator (WAE-GAN) or the discrepancy itself (WAE-MMD)."""
    match_weight: float = 0.1
    """Weight of the matching term; the reconstruction of every level starts near 1."""
    batch: int = 64
    """Gram sets a step in stage A, over all processes."""
    batch_b: int = 32
    """Gram sets a step in stage B."""
    steps: int = 10_000
    """Steps of stage A: the bilinear maps are fixed, every Gram set is projected once."""
    steps_b: int = 2_000
    """Steps of stage B: everything is released."""
    learning_rate: float = 5e-4
    """Of Adam in stage A, falling as a cosine."""
    learning_rate_b: float = 1e-4
    """Of Adam in stage B, falling as a cosine."""
    beta1: float = 0.5
    """First moment of Adam, everywhere."""
    discriminator_learning_rate: float = 5e-5
    """Of the latent discriminator: a tenth of the auto-encoder's, or it wins before the codes have moved."""
    discriminator_width: int = 512
    """Width of its four hidden layers."""
    noise: float = 0.05
    """Standard deviation of the noise on the codes in training; a regulariser for small data."""
    principal_start: bool = True
    """Start from principal components instead of the default draws."""
    gram_gan: float = 0.0
    """Weight of a hinge discriminator on the decoded level vectors; 0 leaves it away."""
    validate_every: int = 100
    """Steps between measurements on the held-out groups."""
    patience: int = 20
    """Measurements without a better one after which a stage ends."""
    checkpoint_every: int = 200
    """Steps between states to go on from."""


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """The Gaussian mixture on the codes."""

    components: tuple[int, ...] = (1, 2, 5, 10, 20, 40)
    """Numbers of components to choose from, by the likelihood of held-out codes."""
    covariance: Covariance = "auto"
    """Kind of the covariances; ``auto`` lets the held-out codes choose."""
    ridge: float = 1e-3
    """Added to the covariances, as a share of the mean variance of the codes."""


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How codes are drawn, and which of them are refused."""

    sampler: Kind = "mixture"
    """The fitted mixture, the prior, or combinations of a training code and its nearest: for small data."""
    temperature: float = 0.7
    """Factor of the standard deviations: 0.7 for clean cloth, 1 for the distribution itself."""
    truncation: float = 0.99
    """Quantile of the training codes' Mahalanobis distances beyond which a draw is repeated; 1 never repeats."""
    max_nu: float = 0.05
    """Share of negative eigenvalues (ν, worst level) from which a sample is drawn again."""
    min_novelty: float = 0.5
    """Distance to the nearest training code, relative to the median of that among training codes of different groups,
    below which a sample is drawn again."""
    neighbours: int = 5
    """Nearest training codes that the sampler ``neighbours`` combines with one."""
    redraws: int = 50
    """Draws for one sample before the best of them is taken."""


@dataclass(frozen=True, kw_only=True)
class SynthesisConfig:
    """Step two: how an image is made from a Gram set. The numbers are our configuration."""

    iterations: int = 120
    """Of L-BFGS, at 128 pixels; larger pictures go coarse to fine."""
    history: int = 10
    """Steps that L-BFGS remembers."""
    exponent: float = 0.8
    """With which the amplitudes of the start fall with frequency."""
    noise: float = 0.4
    """Standard deviation of the start, in those of the wanted colours."""
    range_weight: float = 10.0
    """Weight of the squared distance of colours from [0, 1]."""
    acf: Literal["auto", "on", "off"] = "auto"
    """Autocorrelation term; ``auto`` uses it for regular exemplars."""
    acf_weight: float = 0.3
    """Its weight."""
    tv_weight: float = 0.0
    """Weight of the total variation, for smoother results."""
    enough: float = 2e-4
    """Energy at which to stop."""
    patience: int = 20
    """Iterations after which to stop if they improved the energy by less than 1 %."""
    block: int = 512
    """Longest side in pixels that is looked at as a whole; larger pictures are cut into blocks of this size."""


@dataclass(frozen=True, kw_only=True)
class GramtexConfig:
    """The whole configuration of step one: one field for each room that has settings."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """Networks."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """Training."""
    mixture: MixtureConfig = field(default_factory=MixtureConfig)
    """Mixture."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    """Sampling."""


_PAPER = GramtexConfig()
_DESK = GramtexConfig(
    model=ModelConfig(ranks=(32, 48, 64, 88), width=128, hidden=384, latent=64),
    training=TrainingConfig(match="mmd", match_weight=1.0, steps=3000, steps_b=300, batch=96),
    sampling=SamplingConfig(sampler="neighbours"),
)
_TINY = GramtexConfig(
    model=ModelConfig(
        encoder="random-wide",
        levels=("wide3", "wide5"),
        channels=(64, 64),
        ranks=(6, 8),
        width=16,
        hidden=32,
        latent=8,
    ),
    training=TrainingConfig(
        match="mmd",
        match_weight=1.0,
        batch=16,
        batch_b=8,
        steps=20,
        steps_b=4,
        discriminator_width=16,
        validate_every=5,
        checkpoint_every=5,
    ),
    mixture=MixtureConfig(components=(1, 2)),
)
PRESETS = {"paper": _PAPER, "desk": _DESK, "tiny": _TINY}


def load_config(
    preset: str = "desk", *, file: Path | None = None, overrides: Sequence[str] = (), base: GramtexConfig | None = None
) -> GramtexConfig:
    """Resolve a preset (or ``base`` in its place), a TOML file and ``a.b=3`` overrides, in that order.

    Raises:
        InputError: Names the unknown preset, or every unknown name, wrong value or contradiction at once.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown preset '{preset}'; choose one of {', '.join(PRESETS)}")
    config = settings.load(
        GramtexConfig, preset=PRESETS[preset] if base is None else base, file=file, overrides=overrides
    )
    if mistakes := list(_mistakes(config)):
        raise InputError("; ".join(mistakes))
    return config


def _mistakes(config: GramtexConfig) -> Iterator[str]:
    model, training, sampling = config.model, config.training, config.sampling
    lengths = {"levels": len(model.levels), "channels": len(model.channels), "ranks": len(model.ranks)}
    if len(set(lengths.values())) != 1 or not model.levels:
        found = ", ".join(f"model.{name} has {length}" for name, length in lengths.items())
        yield f"{found}; give one entry for each level"
    elif any(not 1 <= rank <= channels for rank, channels in zip(model.ranks, model.channels, strict=True)):
        yield f"model.ranks={list(model.ranks)} must lie between 1 and model.channels={list(model.channels)}"
    positive = {
        "model.width": model.width,
        "model.hidden": model.hidden,
        "model.latent": model.latent,
        "training.batch": training.batch - 1,  # one code has no spread
        "training.batch_b": training.batch_b - 1,
        "training.validate_every": training.validate_every,
        "training.checkpoint_every": training.checkpoint_every,
        "training.learning_rate": training.learning_rate,
        "sampling.temperature": sampling.temperature,
        "sampling.neighbours": sampling.neighbours,
        "sampling.redraws": sampling.redraws,
    }
    for name, value in positive.items():
        if value <= 0:
            yield f"{name} is too small; expected {'at least 2' if 'batch' in name else 'more than 0'}"
    if not 0 < sampling.truncation <= 1:
        yield f"sampling.truncation={sampling.truncation}; expected a quantile above 0, up to 1"
    if not config.mixture.components or min(config.mixture.components) < 1:
        yield f"mixture.components={list(config.mixture.components)}; give numbers of 1 and more"
