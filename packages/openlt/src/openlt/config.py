"""Everything that can be set, and what the paper used.

A configuration is a preset for the data set, then what the method asks for, then a TOML file, then single settings.
Presets differ in numbers only: ``paper`` is the published recipe, ``desk`` trains on two CPU cores, ``tiny`` is for
tests. The resolved configuration travels with every run and every file of weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hr_common import config as settings
from hr_common.errors import InputError

Stem = Literal["photo", "small"]
Classifier = Literal["linear", "meta", "cosine", "margin", "scale", "generator"]
Sampler = Literal["shuffle", "class-aware", "square-root", "progressive"]
Loss = Literal[
    "cross-entropy", "focal", "balanced-softmax", "logit-adjustment", "ldam", "class-balanced", "class-balanced-focal"
]
FeatureLoss = Literal["none", "centroids", "lifted", "range"]
Frozen = Literal["nothing", "backbone", "features"]
PostHoc = Literal["none", "ncm", "tau-norm", "logit-adjustment", "whitened-memory"]
Amp = Literal["off", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How pictures become tensors."""

    size: int = 224
    """Height and width of what the network sees, in pixels."""
    min_area: float = 0.08
    """Smallest share of the picture that a random crop covers."""
    flip: bool = True
    """Mirror half of the training pictures."""
    jitter: float = 0.4
    """Strength of the changes of brightness, contrast and saturation."""
    workers: int = 0
    """Processes that read pictures; how many changes nothing but the time."""
    corrupt: Literal["error", "skip-and-count"] = "error"
    """What to do with a picture that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Backbone, feature and meta-embedding. Every switch of the last can be turned off to see what it is worth."""

    backbone: str = "resnet10"
    """``resnet10`` to ``resnet152``, or ``efficientnet-lite0``."""
    width: int = 64
    """Channels of the first stage of a ResNet."""
    stem: Stem = "photo"
    """``small`` keeps the full size at first, for pictures of 16 to 64 pixels."""
    features: int = 512
    """Width of the direct feature behind the projection."""
    attention: bool = True
    """Modulated attention in the stages that have it."""
    memory: bool = True
    """Memory feature from the centroids."""
    selector: bool = True
    """Concept selector before the memory feature."""
    reachability: bool = True
    """Scale the meta-embedding by its nearness to the centroids."""
    cosine: bool = True
    """Cosine classifier on the meta-embedding; otherwise a linear one."""
    squash: Literal["linear", "squared"] = "linear"
    """z/(1 + z), or z²/(1 + z²) as the paper prints it."""
    scale: float = 16.0
    """Factor of the cosine."""
    reach: float = 10.0
    """Numerator of the reachability."""
    mirror: bool = False
    """Average the features of a picture and its mirror image, except in training and where ``data.flip`` is off."""
    nearest_only: int = 0
    """Read from so many centroids only, an approximation for very many classes; 0 reads from all."""


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One of the two stages of training. The defaults are the first stage on ImageNet-LT."""

    epochs: int = 30
    """Epochs of floor(training pictures / batch) steps, whatever the sampler."""
    sampler: Sampler = "shuffle"
    """Order of the training pictures; ``class-aware`` gives four of every class in turn."""
    classifier: Classifier = "linear"
    """What reads the features."""
    projection: bool = False
    """The layer behind the pooling (``fc_add``)."""
    relu: bool = True
    """End that layer with a ReLU."""
    attention: bool = False
    """Modulated attention behind the last stage of the backbone."""
    frozen: Frozen = "nothing"
    """``backbone`` leaves attention, projection and classifier to learn; ``features`` the classifier alone."""
    freeze_norm: bool = False
    """Keep the statistics of the batch norms too. The published code lets those of a frozen backbone move on."""
    restart_classifier: bool = True
    """Begin with a new classifier; otherwise, where it has the same form, with that of the stage before."""
    learning_rate: float = 0.1
    """Of the feature network."""
    classifier_learning_rate: float = 0.1
    """Of the classifier."""
    centroid_learning_rate: float = 0.01
    """Of the centroids, which have an optimiser of their own."""
    momentum: float = 0.9
    """Of stochastic gradient descent, everywhere."""
    weight_decay: float = 5e-4
    """Of everything that is learnt, the centroids included."""
    schedule: Literal["step", "cosine"] = "step"
    """Fall of the learning rates from epoch to epoch."""
    step_epochs: int = 10
    """Epochs between falls of the schedule ``step``."""
    gamma: float = 0.1
    """Factor of a fall."""
    loss: Loss = "cross-entropy"
    """On the logits."""
    feature_loss: FeatureLoss = "none"
    """On the direct features, beside it."""
    feature_weight: float = 0.01
    """Weight of the feature loss."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Constants of the losses."""

    form: Literal["reference", "paper"] = "reference"
    """Discriminative-centroids loss of the published code, or as the paper prints it."""
    repel_margin: float = 10.0
    """Mean squared distance from which other classes' centroids no longer repel (reference form)."""
    repel_weight: float = 0.01
    """Weight of the repulsion within the feature loss (reference form)."""
    paper_margin: float = 5.0
    """Margin of the hinge (paper form)."""
    gamma: float = 2.0
    """Exponent of the focal loss."""
    tau: float = 1.0
    """Strength of logit adjustment, in training and afterwards."""
    beta: float = 0.9999
    """Of the effective number of samples."""
    ldam_margin: float = 0.5
    """Margin of the smallest class."""
    deferred_share: float = 0.8
    """Share of the epochs after which LDAM weights its classes (deferred re-weighting)."""
    lifted_margin: float = 5.0
    """Distance that pictures of different classes keep."""
    range_margin: float = 5.0
    """Distance that the two nearest class centres keep."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What both stages share."""

    batch: int = 128
    """Pictures a step, over all processes."""
    init: Literal["aligned", "reference"] = "reference"
    """``aligned`` gives the first stage the projection of the second; ``reference`` keeps the recipe's own choice."""
    recompute_centroids: int = 0
    """Epochs between new class means in place of the learnt centroids; 0 never."""
    clip: float = 0.0
    """Largest norm of all gradients together; 0 does not clip."""
    amp: Amp = "off"
    """Precision of convolutions and matrix products. Distances, norms and losses stay in single precision."""
    checkpoint_every: int = 200
    """Steps between checkpoints; there is always one at the end of an epoch."""
    scale_learning_rate: bool = False
    """Multiply the learning rates by batch / 128."""
    episodes: int = 200
    """Episodes an epoch of few-shot learning without forgetting."""
    shots: int = 5
    """Examples from which an episode makes the weight of a class."""


@dataclass(frozen=True, kw_only=True)
class OpenltConfig:
    """The whole configuration: one field for each room that has settings."""

    method: str = "oltr"
    """Name of the method that the stages below belong to."""
    data: DataConfig = field(default_factory=DataConfig)
    """Pictures."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Networks."""
    losses: LossConfig = field(default_factory=LossConfig)
    """Losses."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """Both stages."""
    stage1: StageConfig = field(default_factory=StageConfig)
    """First stage: features under a linear classifier."""
    stage2: StageConfig | None = None
    """Second stage; none for methods of one stage."""
    post_hoc: PostHoc = "none"
    """What is done to the classifier after training, without gradients."""
    threshold: float = 0.1
    """Probability below which a picture is called unknown."""
    detector: str = "msp"
    """Score of openness that ``predict`` and the open figures use."""


_PAPER_IMAGENET = OpenltConfig(
    stage2=StageConfig(
        epochs=60, step_epochs=20, learning_rate=0.01, projection=True, attention=True, sampler="class-aware"
    ),
)
_PAPER_PLACES = OpenltConfig(
    network=NetworkConfig(backbone="resnet152"),
    stage1=StageConfig(learning_rate=0.001, projection=True),
    stage2=StageConfig(
        learning_rate=0.0001,
        classifier_learning_rate=0.01,
        projection=True,
        attention=True,
        frozen="backbone",
        sampler="class-aware",
    ),
)
_PAPER_FACES = replace(
    _PAPER_PLACES,
    network=NetworkConfig(backbone="resnet50"),
    data=DataConfig(size=112),
)
_PAPER_CIFAR = replace(
    _PAPER_IMAGENET,
    data=DataConfig(size=32, min_area=0.5),
    network=NetworkConfig(stem="small"),
)
_DESK = OpenltConfig(
    data=DataConfig(size=32, min_area=0.4, jitter=0.2),
    network=NetworkConfig(width=32, stem="small", features=256),
    training=TrainingConfig(batch=64, init="aligned"),
    stage1=StageConfig(
        epochs=12, schedule="cosine", learning_rate=0.05, classifier_learning_rate=0.05, projection=True
    ),
    stage2=StageConfig(
        epochs=8,
        schedule="cosine",
        learning_rate=0.01,
        classifier_learning_rate=0.05,
        projection=True,
        attention=True,
        sampler="class-aware",
    ),
)
_DESK_DIGITS = replace(
    _DESK,
    data=DataConfig(size=16, min_area=0.7, flip=False, jitter=0.2),
    network=NetworkConfig(width=8, stem="small", features=64),
    training=TrainingConfig(batch=32, init="aligned"),
)
_TINY = replace(
    _DESK,
    data=DataConfig(size=16, min_area=0.7, flip=False, jitter=0.0),
    network=NetworkConfig(width=4, stem="small", features=16),
    training=TrainingConfig(batch=16, init="aligned", checkpoint_every=3, episodes=4, shots=2),
    stage1=replace(_DESK.stage1, epochs=2),
    stage2=replace(_DESK.stage2 or StageConfig(), epochs=2),
)

PRESETS = ("paper", "desk", "tiny")
_PAPER = {
    "places-lt": _PAPER_PLACES,
    "ms1m-lt": _PAPER_FACES,
    "cifar10-lt": _PAPER_CIFAR,
    "cifar100-lt": _PAPER_CIFAR,
}


@dataclass(frozen=True)
class Method:
    """What a method changes in the preset."""

    about: str
    """One line for ``openlt info``."""
    stages: Literal[1, 2]
    """How many stages it has."""
    settings: Mapping[str, Any]
    """Dotted names and values, laid over the preset."""


_FROZEN_HEAD = {
    "stage2.attention": False,
    "stage2.projection": None,
    "stage2.frozen": "features",
    "stage2.freeze_norm": True,
    "stage2.schedule": "cosine",
}
_FEATURE_BASELINE = {"stage2.attention": False, "stage2.projection": None, "stage2.restart_classifier": False}
_META = {"stage2.classifier": "meta", "stage2.feature_loss": "centroids"}

METHODS: dict[str, Method] = {
    "plain": Method("cross-entropy, one stage", 1, {}),
    "oltr": Method("the paper: attention, centroid memory, cosine classifier", 2, _META),
    "oltr-balanced": Method(
        "the paper's two stages under Balanced Softmax and plain shuffling, strangers by energy",
        2,
        {
            **_META,
            "detector": "energy",
            "stage1.loss": "balanced-softmax",
            "stage2.loss": "balanced-softmax",
            "stage2.sampler": "shuffle",
        },
    ),
    "lifted": Method(
        "second stage with the lifted structured loss",
        2,
        {**_FEATURE_BASELINE, "stage2.feature_loss": "lifted"},
    ),
    "range": Method("second stage with the range loss", 2, {**_FEATURE_BASELINE, "stage2.feature_loss": "range"}),
    "range-openmax": Method(
        "the range loss, strangers by OpenMax",
        2,
        {**_FEATURE_BASELINE, "stage2.feature_loss": "range", "detector": "openmax"},
    ),
    "focal": Method("second stage with the focal loss", 2, {**_FEATURE_BASELINE, "stage2.loss": "focal"}),
    "fslwf": Method(
        "few-shot learning without forgetting: a generator makes the weights of few-shot classes",
        2,
        {
            "stage1.classifier": "cosine",
            "stage1.projection": True,
            "stage1.relu": False,
            "stage2.relu": False,
            "stage2.projection": True,
            "stage2.attention": False,
            "stage2.classifier": "generator",
            "stage2.frozen": "features",
            "stage2.freeze_norm": True,
        },
    ),
    "ncm": Method("nearest mean of centred features of unit length, after stage 1", 1, {"post_hoc": "ncm"}),
    "tau-norm": Method("stage 1, class weights divided by a power of their norm", 1, {"post_hoc": "tau-norm"}),
    "whitened-memory": Method(
        "recommended: stage 1, then cosines of whitened features to class means, with prior; strangers by energy",
        1,
        {
            "post_hoc": "whitened-memory",
            "losses.tau": 0.3,
            "network.scale": 8.0,
            "network.mirror": True,
            "detector": "energy",
        },
    ),
    "crt": Method("stage 1, then a new linear classifier under class-aware sampling", 2, _FROZEN_HEAD),
    "lws": Method("stage 1, then one learnt scale a class", 2, {**_FROZEN_HEAD, "stage2.classifier": "scale"}),
    "logit-adjust": Method("one stage, logits moved by the log prior", 1, {"stage1.loss": "logit-adjustment"}),
    "logit-adjust-post-hoc": Method("stage 1, log prior subtracted afterwards", 1, {"post_hoc": "logit-adjustment"}),
    "balanced-softmax": Method("one stage, Balanced Softmax", 1, {"stage1.loss": "balanced-softmax"}),
    "ldam-drw": Method(
        "one stage, margins by class size, weights late", 1, {"stage1.loss": "ldam", "stage1.classifier": "margin"}
    ),
    "class-balanced": Method("one stage, weights by effective number", 1, {"stage1.loss": "class-balanced"}),
    "class-balanced-focal": Method("the same with the focal loss", 1, {"stage1.loss": "class-balanced-focal"}),
    "square-root": Method("one stage, classes drawn by the root of their size", 1, {"stage1.sampler": "square-root"}),
    "progressive": Method("one stage, from drawing pictures to drawing classes", 1, {"stage1.sampler": "progressive"}),
}


def base_config(preset: str, dataset: str, method: str) -> OpenltConfig:
    """Return what holds before any file or single setting.

    Raises:
        InputError: If there is no such preset or method.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown preset '{preset}'; choose one of {', '.join(PRESETS)}")
    if method not in METHODS:
        raise InputError(f"unknown method '{method}'; choose one of {', '.join(METHODS)}")
    if preset == "paper":
        config = _PAPER.get(dataset, _PAPER_IMAGENET)
    elif preset == "desk":
        config = _DESK_DIGITS if dataset == "digits-lt" else _DESK
    else:
        config = _TINY
    config = replace(config, method=method)
    if METHODS[method].stages == 1:
        config = replace(config, stage2=None)
    tree = settings.to_dict(config)
    for name, value in METHODS[method].settings.items():
        table = tree
        *parents, last = name.split(".")
        for parent in parents:
            table = table[parent]
        # A second stage on frozen features has the projection that they were learnt with.
        table[last] = tree["stage1"]["projection"] if value is None else value
    return settings.from_dict(OpenltConfig, tree)


def load_config(
    preset: str = "desk",
    dataset: str = "digits-lt",
    method: str = "oltr",
    *,
    file: Path | None = None,
    overrides: Sequence[str] = (),
) -> OpenltConfig:
    """Resolve preset, method, TOML file and ``a.b=3`` overrides, in that order.

    Raises:
        InputError: Names the unknown preset or method, or every unknown name, wrong value or contradiction at once.
    """
    config = settings.load(OpenltConfig, preset=base_config(preset, dataset, method), file=file, overrides=overrides)
    if config.training.init == "aligned" and config.stage2 is not None and config.stage2.projection:
        config = replace(config, stage1=replace(config.stage1, projection=True))
    if mistakes := list(_mistakes(config)):
        raise InputError("; ".join(mistakes))
    return config


def stages_of(config: OpenltConfig) -> tuple[StageConfig, ...]:
    """List the stages in their order."""
    return (config.stage1,) if config.stage2 is None else (config.stage1, config.stage2)


def _mistakes(config: OpenltConfig) -> Iterator[str]:
    """Say what cannot be, value by value and together."""
    counts = {
        "data.size": config.data.size,
        "network.width": config.network.width,
        "network.features": config.network.features,
        "training.batch": config.training.batch,
        "training.checkpoint_every": config.training.checkpoint_every,
        "training.episodes": config.training.episodes,
        "training.shots": config.training.shots,
    }
    for number, stage in enumerate(stages_of(config), start=1):
        counts |= {f"stage{number}.epochs": stage.epochs, f"stage{number}.step_epochs": stage.step_epochs}
        if stage.feature_loss == "centroids" and stage.classifier != "meta":
            yield f"stage{number}.feature_loss=centroids needs stage{number}.classifier=meta, whose memory they are"
        if stage.loss == "ldam" and stage.classifier != "margin":
            yield f"stage{number}.loss=ldam needs stage{number}.classifier=margin: the margins are between cosines"
    for name, count in counts.items():
        if count < 1:
            yield f"{name}={count}; expected 1 or more"
    if not 0 < config.data.min_area <= 1:
        yield f"data.min_area={config.data.min_area}; expected a share of the picture, more than 0 and at most 1"
    if not 0 <= config.threshold <= 1:
        yield f"threshold={config.threshold}; expected a probability from 0 to 1"
    if config.stage1.classifier in ("meta", "scale", "generator"):
        yield f"stage1.classifier={config.stage1.classifier} needs a stage before it; use it in stage2"
    second = config.stage2
    if second is not None and second.classifier == "scale" and config.stage1.classifier != "linear":
        yield f"stage2.classifier=scale scales a linear classifier; stage1.classifier is {config.stage1.classifier}"
    if second is not None and config.stage1.projection and not second.projection:
        yield "stage2.projection=false would drop the projection that stage1 learns; make them equal"
