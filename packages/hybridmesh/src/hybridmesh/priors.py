"""What a body does when nothing is seen of it: a mean pose, and how stiff each joint is. All of it is our choice."""

import numpy as np
from jaxtyping import Float

from hybridmesh.joints import SMPL24

LOWERED_ARMS = 0.9
"""How far the arms hang below the T-pose in the mean pose, in radians."""

_STIFFNESS = {
    "hip": (0.3, 1.0, 0.6), "knee": (0.15, 8.0, 8.0), "ankle": (2.0, 4.0, 4.0), "foot": (40.0, 40.0, 40.0),
    "spine1": (6.0, 6.0, 6.0), "spine2": (10.0, 10.0, 10.0), "spine3": (10.0, 10.0, 10.0),
    "neck": (6.0, 6.0, 6.0), "head": (5.0, 5.0, 5.0), "collar": (15.0, 12.0, 8.0), "shoulder": (0.6, 0.25, 0.25),
    "elbow": (1.5, 0.15, 6.0), "wrist": (8.0, 8.0, 8.0), "hand": (40.0, 40.0, 40.0), "pelvis": (0.0, 0.0, 0.0),
}  # fmt: skip
"""Weight of the squared angle about x, y and z, in inverse square radians."""

_HINGES = {"left_knee": (0, 1.0), "right_knee": (0, 1.0), "left_elbow": (1, -1.0), "right_elbow": (1, 1.0)}
"""About which axis a joint bends, and in which direction only."""


def mean_pose() -> Float[np.ndarray, "24 3"]:
    """Axis-angles of the mean pose in the model's own axes (y up): arms lowered, everything else as in the T-pose."""
    pose = np.zeros((len(SMPL24), 3))
    pose[SMPL24.index("left_shoulder"), 2] = -LOWERED_ARMS
    pose[SMPL24.index("right_shoulder"), 2] = LOWERED_ARMS
    return pose


def stiffness() -> Float[np.ndarray, "24 3"]:
    """Weights of the squared deviations from the mean pose."""
    return np.array([_STIFFNESS[name.partition("_")[2] or name] for name in SMPL24])


def hinges() -> tuple[list[int], list[int], Float[np.ndarray, " hinge"]]:
    """Joints, axes and directions of the hinges, which must not bend backwards."""
    joints = [SMPL24.index(name) for name in _HINGES]
    axes, signs = zip(*_HINGES.values(), strict=True)
    return joints, list(axes), np.array(signs)
