"""Everything that can be set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
        fit=FitConfig(placing_steps=4, posing_steps=6, shaping_steps=4, yaws=4, finalists=1),
        render=RenderConfig(turntable_views=4, turntable_size=64),
    ),
}


def load_recovery(preset: str = "desk", *, file: Path | None = None, overrides: Sequence[str] = ()) -> RecoveryConfig:
    """Resolve the settings of recovery: a preset, a TOML file, then single settings such as ``fit.dense=5``."""
    return settings.load(RecoveryConfig, preset=RECOVERY_PRESETS[preset], file=file, overrides=overrides)
