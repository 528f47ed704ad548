"""Everything that can be set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hr_common import config as settings
from hybridmesh.losses import MAX_DENSE


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How a body is fitted to a photo. Weights multiply means over points, in units of half the box."""

    keypoints: float = 10.0
    """Weight of the sparse keypoints (as the paper's code)."""
    dense: float = 10.0
    """Weight of the dense points (as the paper's code without 3D in the wild)."""
    mask: float = 6.0
    """Weight of the person's outline: the body lies inside, and fills it."""
    depth: float = 0.3
    """Weight of the limbs' directions in space, where a detector gives them; a soft hint."""
    pose_prior: float = 0.004
    """Weight of the squared angles, times the stiffness of each joint; less with every dense point."""
    hinge_prior: float = 2.0
    """Weight of the squared angle by which a knee or an elbow bends backwards."""
    shape_prior: float = 0.004
    """Weight of the squared shape, which is in standard deviations; less with every dense point."""
    dense_points: int = MAX_DENSE
    """Dense points drawn from a map."""
    mask_points: int = 400
    """Points drawn from a mask, and vertices held against it."""
    yaws: int = 8
    """Directions that the person may face, tried at the start."""
    finalists: int = 4
    """How many of them go on to the second stage."""
    placing_steps: int = 12
    """Steps of the first stage: camera and root."""
    posing_steps: int = 30
    """Steps of the second stage: pose too."""
    shaping_steps: int = 30
    """Steps of the third stage: shape too."""
    flipping_steps: int = 15
    """Steps for each limb turned over in depth, on that limb only."""
    softness: float = 0.001
    """Where the absolute distance turns into a square, in half boxes; 0.1 pixel of 224."""


@dataclass(frozen=True, kw_only=True)
class RenderConfig:
    """How pictures are made."""

    opacity: float = 0.75
    """Of the body over the photo."""
    supersample: int = 2
    """Samples a pixel, each way."""
    turntable_views: int = 36
    """Pictures of a full turn."""
    turntable_size: int = 320
    """Height and width of the turntable in pixels."""
    focal: float = 5000.0
    """Focal length in pixels that the full camera is given; the fit itself is weak-perspective."""


@dataclass(frozen=True, kw_only=True)
class RecoveryConfig:
    """Settings of ``recover`` and ``fit``."""

    fit: FitConfig = field(default_factory=FitConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    min_confidence: float = 0.3
    """Landmarks below it count as unseen."""
    box_margin: float = 1.2
    """Side of the square box over the longer side of the person."""


RECOVERY_PRESETS = {
    "desk": RecoveryConfig(),
    "tiny": RecoveryConfig(
        fit=FitConfig(placing_steps=4, posing_steps=6, shaping_steps=4, flipping_steps=4, yaws=4, finalists=1),
        render=RenderConfig(turntable_views=4, turntable_size=64),
    ),
}


def load_recovery(preset: str = "desk", *, file: Path | None = None, overrides: Sequence[str] = ()) -> RecoveryConfig:
    """Resolve the settings of recovery: a preset, a TOML file, then single settings such as ``fit.dense=5``."""
    return settings.load(RecoveryConfig, preset=RECOVERY_PRESETS[preset], file=file, overrides=overrides)


@dataclass(frozen=True, kw_only=True)
class SynthConfig:
    """How people are rendered for training and testing. Angles are in degrees."""

    size: int = 64
    """Height and width of a crop in pixels."""
    studio: int = 600
    """People of the studio: frontal, of low variance, before a plain background."""
    wild: int = 2600
    """People in the wild: from all sides, with clutter and occlusions."""
    test: int = 300
    """People in the wild, of clips that nobody above was taken from."""
    test_clips: tuple[str, ...] = ("02_03", "02_04", "03_02", "12_01")
    """Motions kept for the test: those whose name contains one of these."""
    framing: Literal["uniform", "box"] = "uniform"
    """Camera of a crop: drawn as below, or such that the person's tight box fills it but for a margin, as in photos."""
    scale: tuple[float, float] = (0.6, 1.0)
    """Range of the camera's scale; 1 shows two metres."""
    shift: float = 0.1
    """Most that the pelvis is away from the middle, in metres."""
    jittered: float = 0.3
    """Share of poses with random angles inside the joints' limits; all of them where no motions are given."""
    jitter: float = 3.0
    """Standard deviation of what is added to each angle of a recorded pose."""
    studio_yaw: float = 35.0
    """Most that somebody in the studio turns away from the camera."""
    studio_subjects: int = 5
    """How many different people the studio has, each many times, as in Human3.6M; 0 for everybody another shape."""
    studio_variance: float = 0.4
    """Share of its deviation from the mean pose that a pose keeps in the studio."""
    pitch: float = 20.0
    """Most that a camera in the wild looks up or down; a quarter of it in the studio."""
    roll: float = 10.0
    """Most that a camera in the wild is tilted."""
    shape_limit: float = 2.5
    """Where shape, which is normally distributed, is cut off."""
    contrast: float = 1.0
    """Of the clutter that is drawn behind people in the wild; 0 leaves one colour."""
    occlusion: float = 0.5
    """Share of people in the wild who are behind a rectangle or near another person."""
    dense_points: int = MAX_DENSE
    """Dense points of a person, at most."""
    studio_dense: bool = False
    """Whether people of the studio have dense points; those of the paper have none."""
    noise: bool = False
    """Whether keypoints and maps of training have errors as below. Those of the test never have."""
    keypoint_noise: float = 2.0
    """Standard deviation of keypoints in pixels of a crop of 224."""
    keypoint_drop: float = 0.05
    """Share of keypoints that are missing."""
    self_hidden: bool = True
    """Whether keypoints behind the body itself count as unseen, where there is noise."""
    part_drop: float = 0.05
    """Share of parts that are missing in a map."""
    limb_swap: float = 0.05
    """Share of limbs that a map takes for those of the other side."""
    erosion: float = 1.0
    """Pixels of a crop of 128 by which maps fall short of the outline; of half a pixel, one in half of the maps."""
    refine: bool = True
    """Whether dense points come from maps that were cleaned by the keypoints, where there is noise."""


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How crops are changed in training. The paper's code only flips; the other amplitudes are those of SPIN."""

    flip: float = 0.5
    """Share of samples that are mirrored."""
    rotation: float = 0.0
    """Standard deviation of the rotation in degrees, cut off at twice that (SPIN: 30)."""
    rotated: float = 0.4
    """Share of samples that are rotated."""
    scale: float = 0.0
    """Standard deviation of the relative scale, cut off there (SPIN: 0.25)."""
    gain: float = 0.0
    """Most that a colour channel's factor differs from one (SPIN: 0.4)."""


SYNTH_PRESETS = {
    "desk": SynthConfig(),
    "tiny": SynthConfig(size=32, studio=16, wild=24, test=8, dense_points=60),
}


def load_synth(preset: str = "desk", *, file: Path | None = None, overrides: Sequence[str] = ()) -> SynthConfig:
    """Resolve the settings of rendered people: a preset, a TOML file, then single settings such as ``size=96``."""
    return settings.load(SynthConfig, preset=SYNTH_PRESETS[preset], file=file, overrides=overrides)


Input = Literal["image", "iuv", "segment", "image+iuv", "image+segment"]
Supervision = Literal["full", "part3d", "3d_sparse", "dense_sparse", "sparse"]
Encoder = Literal["resnet50", "resnet18", "conv"]
INPUTS: tuple[Input, ...] = ("iuv", "segment", "image", "image+iuv", "image+segment")
"""In the order of the paper's table."""
SUPERVISIONS: tuple[Supervision, ...] = ("full", "part3d", "3d_sparse", "dense_sparse", "sparse")


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What looks at the input, and what estimates the body."""

    input: Input = "iuv"
    """What is looked at; of two, the picture goes through the main branch."""
    size: int = 224
    """Height and width of the input in pixels."""
    encoder: Encoder = "resnet50"
    """Of the main branch; the paper's is a ResNet-50."""
    auxiliary: Encoder = "resnet18"
    """Of the second branch."""
    width: int = 32
    """Channels of the first convolution, where the encoder is ``conv``."""
    auxiliary_width: int = 32
    """The same of the second branch."""
    cells: int = 1
    """Cells each way that the last map of ``conv`` is averaged over; 1 is a global average, as that of the ResNets."""
    feature: int = 1024
    """Numbers that a branch ends with."""
    hidden: int = 1024
    """Width of the estimator."""
    regressor: Literal["direct", "iterative3"] = "direct"
    """Once, as in the paper, or three rounds of correction, as in HMR."""
    pose: Literal["axis_angle", "rot6d"] = "rot6d"
    """How the network writes rotations; the paper's writes axis-angles."""
    backbone_weights: Path | None = None
    """Weights for the encoders of the main kind, with torchvision's names; none are shipped or downloaded."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the network is trained."""

    supervision: Supervision = "full"
    """Which annotations of the people in the wild are used; those of the studio always keep their 3D."""
    part: float = 0.2
    """Share of the people in the wild whose 3D is used, where ``supervision`` is ``part3d``."""
    epochs: int = 20
    """Times through the people in the wild and as many of the studio, as far as there are so many."""
    common_epochs: int = 0
    """Epochs before those, with the annotations that every setting has, and at the full rate. They stand in for the
    weights, trained before, that the paper's code begins with, and are shared by the cells of a row of the study."""
    batch: int = 128
    """People in a step."""
    learning_rate: float = 1e-4
    """Of Adam at the start; half a cosine brings it down."""
    schedule: Literal["epoch", "step"] = "epoch"
    """How often the rate changes; the paper's code does it every epoch."""
    keypoints: Literal["cocoplus19", "keypoints25"] = "cocoplus19"
    """Which sparse keypoints count: the 19 of the paper's code, or those and six of the feet."""
    keypoint_weight: float = 10.0
    """Weight of the sparse keypoints (paper's code)."""
    dense_weight: float | None = None
    """Weight of the dense points; by default 1 beside 3D in the wild and 10 without it (paper's code)."""
    smpl_weight: float = 10.0
    """Weight of pose and shape (paper's code)."""
    shape_weight: float = 0.0
    """Weight of the shape once more by itself: among 217 numbers its ten count little. Our choice."""
    joints_weight: float = 0.0
    """Weight of the 3D joints, pelvis subtracted; the paper names them, its code leaves them out."""
    loss_3d: Literal["l1", "l2"] = "l2"
    """Absolute differences as in the paper, or squared ones as in its code."""
    include_root: bool = False
    """Whether the root's rotation is learnt from 3D; the paper's code leaves it out."""
    dense_points: int = MAX_DENSE
    """Dense points of a person."""
    amp: bool = False
    """Compute in bfloat16 where that is safe; for a GPU."""
    checkpoint_every: int = 200
    """Steps between two saved states."""
    workers: int = 0
    """Processes that read pictures; 0 reads in the training process."""


@dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """Settings of ``train`` and ``ablate``."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)


LEARNING_PRESETS = {
    "paper": LearningConfig(network=NetworkConfig(pose="axis_angle")),
    # What a CPU trains in a minute or two; weights and norms of the losses are our choice.
    "desk": LearningConfig(
        network=NetworkConfig(
            size=48, encoder="conv", auxiliary="conv", width=16, auxiliary_width=16, cells=3, feature=256, hidden=256
        ),
        training=TrainingConfig(
            epochs=40, batch=64, learning_rate=2e-3, schedule="step", loss_3d="l1", shape_weight=1.0,
            joints_weight=10.0, include_root=True, dense_points=40,
        ),
    ),
    "tiny": LearningConfig(
        network=NetworkConfig(
            size=32, encoder="conv", auxiliary="conv", width=8, auxiliary_width=8, cells=2, feature=16, hidden=16
        ),
        training=TrainingConfig(
            epochs=2, batch=8, learning_rate=1e-3, schedule="step", loss_3d="l1", joints_weight=10.0,
            include_root=True, dense_points=20,
        ),
    ),
}  # fmt: skip


def load_learning(preset: str = "desk", *, file: Path | None = None, overrides: Sequence[str] = ()) -> LearningConfig:
    """Resolve the settings of training: a preset, a TOML file, then single settings such as ``network.size=96``."""
    return settings.load(LearningConfig, preset=LEARNING_PRESETS[preset], file=file, overrides=overrides)
