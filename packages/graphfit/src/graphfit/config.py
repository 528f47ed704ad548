"""Settings: what can be set, in which unit, and which values the presets hold.

The body of the paper could not be had and its authors released no code, so sizes, rates and layer counts are our
choices, also in the preset ``paper``, which means the paper's scale: a network for tens of thousands of outfits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from hr_common import config as settings
from hr_common.errors import InputError

EdgeInput = Literal["concat", "diff", "edgeconv", "sym"]
Aggregation = Literal["max", "mean", "sum", "max+mean", "attention"]
Norm = Literal["none", "layer", "batch"]
ReadoutKind = Literal["max", "mean", "max+mean", "max+mean+pairs"]


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """How a picture and what is known about it become the input of a node."""

    use_category: bool = True
    """Add a learnt vector for the semantic category."""
    use_colour: bool = True
    """Add the garment's palette."""
    use_text: bool = True
    """Add the words of title, colour and fine category."""
    text_buckets: int = 512
    """Length of the hashed word vector."""
    hide: float = 0.1
    """Share of training outfits of which category, colour or text (each by itself) is hidden, so that the network also
    works where they are missing."""
    input_dropout: float = 0.0
    """Share of the numbers of a picture's feature that are dropped in training."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The graph network."""

    dim: int = 64
    """Size D of node and edge vectors."""
    layers: int = 2
    """Edge filtering layers; 0 pools the nodes themselves."""
    edges: EdgeInput = "edgeconv"
    """What the edge function sees of the two nodes x_i and x_j."""
    aggregation: Aggregation = "max"
    """How a node gathers the vectors of its edges."""
    residual: bool = True
    """Add a node's old vector to its new one."""
    norm: Norm = "none"
    """Normalisation inside the edge function."""
    normalise: bool = False
    """Scale encoded items to unit length."""
    readout: ReadoutKind = "max+mean+pairs"
    """How the nodes are pooled to one vector of the outfit; ``pairs`` are products of the two ends of each edge."""
    dropout: float = 0.15
    """Of node vectors and in the heads."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is optimised."""

    style: float = 0.5
    """Weight of the style loss."""
    focal_gamma: float = 2.0
    """Exponent of the focal loss on styles; 0 is cross-entropy."""
    ranking: float = 1.0
    """Weight of the ranking of a real outfit before its corruptions."""


@dataclass(frozen=True, kw_only=True)
class NegativeConfig:
    """How real outfits are corrupted."""

    per_positive: int = 3
    """Corrupted outfits for each real one."""
    whole: float = 0.4
    """Share in which every item is replaced."""
    single: float = 0.3
    """Share in which one item is replaced; in the rest it is from two to all but one."""
    subset: float = 0.5
    """Share of real outfits of which random items are left out, down to three."""
    match_background: bool = True
    """Draw replacements that were photographed on a like background."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The training loop."""

    epochs: int = 24
    """Passes over the real outfits."""
    batch: int = 64
    """Real outfits a step, over all processes."""
    learning_rate: float = 3e-3
    """Highest; it rises over the first twentieth of the steps and falls along half a cosine."""
    weight_decay: float = 5e-3
    """Of AdamW."""
    average: float = 0.99
    """Decay of the running mean of the weights that is measured and kept; 0 keeps the weights themselves."""
    clip: float = 5.0
    """Largest norm of all gradients together."""
    checkpoint_every: int = 100
    """Steps between checkpoints; there is always one at the end of an epoch."""
    amp: bool = False
    """Compute in bfloat16 where that is safe."""


@dataclass(frozen=True, kw_only=True)
class ColourConfig:
    """How a garment's colours are found and which colours make which style.

    The paper names six styles and gives no rule; every number here is our choice.
    """

    wheel: Literal["ryb", "hsv", "oklch"] = "ryb"
    """Hue circle on which opposites and triads are measured; ``ryb`` is the painters' wheel."""
    foreground_difference: float = 9.0
    """CIELAB difference from the fitted backdrop beyond which a pixel belongs to the garment."""
    colours: int = 4
    """Most colours of one garment's palette."""
    merge_difference: float = 8.0
    """CIEDE2000 difference below which two colours of a palette become one."""
    least_weight: float = 0.08
    """Share of the garment below which a colour is left out."""
    achromatic_chroma: float = 8.0
    """Chroma in CIELAB below which a colour has no hue."""
    achromatic_dark: float = 12.0
    """Lightness L* below which a colour has no hue, whatever its chroma."""
    achromatic_light: float = 92.0
    """Lightness L* above which a colour needs ``achromatic_light_chroma`` to have a hue."""
    achromatic_light_chroma: float = 12.0
    """Chroma below which a very light colour has no hue."""
    second_colour_weight: float = 0.35
    """Share of the garment from which its second colour counts in an outfit."""
    dress_weight: float = 2.0
    """Weight of a dress or jumpsuit in an outfit."""
    garment_weight: float = 1.5
    """Weight of a top, bottom or piece of outerwear."""
    shoes_weight: float = 1.0
    """Weight of shoes, of a bag, and of an item whose category is unknown."""
    accessory_weight: float = 0.5
    """Weight of anything else."""
    least_outfit_weight: float = 0.05
    """Share of the outfit's chromatic weight below which a colour is ignored."""
    same_difference: float = 12.0
    """``same``: largest CIEDE2000 difference of any colour from the weighted mean."""
    monochromatic_arc: float = 20.0
    """``monochromatic``: largest arc that holds all hues, in degrees."""
    analogous_arc: float = 90.0
    """``analogous``: largest arc that holds all hues, in degrees."""
    group_gap: float = 30.0
    """Hues no further apart than this, in degrees, are of one group (single linkage)."""
    group_arc: float = 40.0
    """Largest arc of a group in ``complementary`` and ``triadic``, in degrees."""
    opposite_tolerance: float = 25.0
    """How far the centres of groups may be from 180° (two groups) or 120° (three), in degrees."""


@dataclass(frozen=True, kw_only=True)
class ComposeConfig:
    """How outfits are composed."""

    beam: int = 20
    """Unfinished outfits that are kept at each step; 1 is greedy."""
    shortlist: int = 200
    """Garments of a slot that the two towers hand to the exact scorer."""
    explore: float = 0.1
    """Random garments added to the short list, as a share of it."""
    plans: int = 8
    """Slot plans (category multisets of real outfits) tried for one style and query."""
    style_weight: float = 0.3
    """Weight of the style head's log-probability beside the compatibility logit."""
    shared_items: int = 1
    """Garments besides the query's that two outfits of one answer may share."""
    diversity: float = 0.3
    """Share of the maximal marginal relevance that goes to being unlike what was chosen, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class GraphfitConfig:
    """The whole configuration: one field for each room that has settings."""

    features: FeatureConfig = field(default_factory=FeatureConfig)
    """Inputs of a node."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """The graph network."""
    losses: LossConfig = field(default_factory=LossConfig)
    """Losses."""
    negatives: NegativeConfig = field(default_factory=NegativeConfig)
    """Corruptions."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """The loop."""
    colour: ColourConfig = field(default_factory=ColourConfig)
    """Palettes and colour styles."""
    compose: ComposeConfig = field(default_factory=ComposeConfig)
    """Composition of outfits."""


_DESK = GraphfitConfig()
_PAPER = GraphfitConfig(
    network=NetworkConfig(dim=256, dropout=0.3),
    training=TrainingConfig(epochs=30, learning_rate=5e-4, weight_decay=0.0, average=0.0),
)
_TINY = replace(
    _DESK,
    features=FeatureConfig(text_buckets=32),
    network=NetworkConfig(dim=16),
    training=TrainingConfig(epochs=2, batch=8, average=0.0, checkpoint_every=3),
)
_PRESETS = {"paper": _PAPER, "desk": _DESK, "tiny": _TINY}
PRESETS = tuple(_PRESETS)


def load_config(preset: str = "desk", *, file: Path | None = None, overrides: Sequence[str] = ()) -> GraphfitConfig:
    """Resolve preset, TOML file and ``a.b=3`` overrides, in that order.

    Raises:
        InputError: Names the unknown preset, or every unknown name and wrong value at once.
    """
    if preset not in _PRESETS:
        raise InputError(f"unknown preset '{preset}'; choose one of {', '.join(PRESETS)}")
    config = settings.load(GraphfitConfig, preset=_PRESETS[preset], file=file, overrides=overrides)
    if mistakes := list(_mistakes(config)):
        raise InputError("; ".join(mistakes))
    return config


def _mistakes(config: GraphfitConfig) -> list[str]:
    """Say which values cannot be."""
    counts = {
        "features.text_buckets": config.features.text_buckets,
        "network.dim": config.network.dim,
        "negatives.per_positive": config.negatives.per_positive,
        "training.epochs": config.training.epochs,
        "training.batch": config.training.batch,
        "colour.colours": config.colour.colours,
        "compose.beam": config.compose.beam,
        "compose.shortlist": config.compose.shortlist,
        "compose.plans": config.compose.plans,
        "training.checkpoint_every": config.training.checkpoint_every,
    }
    shares = {
        "features.hide": config.features.hide,
        "features.input_dropout": config.features.input_dropout,
        "network.dropout": config.network.dropout,
        "negatives.whole": config.negatives.whole,
        "negatives.single": config.negatives.single,
        "negatives.subset": config.negatives.subset,
        "colour.least_weight": config.colour.least_weight,
        "colour.second_colour_weight": config.colour.second_colour_weight,
        "colour.least_outfit_weight": config.colour.least_outfit_weight,
        "compose.diversity": config.compose.diversity,
        "training.average": config.training.average,
    }
    mistakes = [f"{name}={count}; expected 1 or more" for name, count in counts.items() if count < 1]
    if config.network.layers < 0:
        mistakes.append(f"network.layers={config.network.layers}; expected 0 or more")
    mistakes += [f"{name}={share}; expected 0 to 1" for name, share in shares.items() if not 0 <= share <= 1]
    if config.negatives.whole + config.negatives.single > 1:
        mistakes.append("negatives.whole and negatives.single together are more than 1")
    return mistakes
