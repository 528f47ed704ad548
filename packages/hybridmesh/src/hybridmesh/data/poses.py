"""Poses of rendered people: frames of recorded motion, and random angles inside the joints' limits.

The limits are our choice, wide enough for sports; no pose is checked for limbs that run through each other.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from hybridmesh.joints import SMPL24
from hybridmesh.motion import Motion
from hybridmesh.priors import mean_pose

_LIMITS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "hip": ((-1.7, 0.5), (-0.5, 0.5), (-0.2, 0.7)),
    "knee": ((0.0, 2.0), (-0.1, 0.1), (-0.1, 0.1)),
    "ankle": ((-0.4, 0.6), (-0.3, 0.3), (-0.2, 0.2)),
    "foot": ((-0.1, 0.1), (0.0, 0.0), (0.0, 0.0)),
    "collar": ((-0.1, 0.1), (-0.2, 0.1), (-0.1, 0.2)),
    "shoulder": ((-0.6, 0.6), (-1.4, 0.4), (-1.4, 1.0)),
    "elbow": ((-0.3, 0.3), (-2.2, 0.0), (-0.1, 0.1)),
    "wrist": ((-0.5, 0.5), (-0.3, 0.3), (-0.6, 0.6)),
    "hand": ((0.0, 0.0), (0.0, 0.0), (-0.3, 0.3)),
    "spine1": ((-0.1, 0.4), (-0.2, 0.2), (-0.15, 0.15)),
    "spine2": ((-0.1, 0.3), (-0.2, 0.2), (-0.15, 0.15)),
    "spine3": ((-0.1, 0.2), (-0.1, 0.1), (-0.1, 0.1)),
    "neck": ((-0.3, 0.4), (-0.5, 0.5), (-0.2, 0.2)),
    "head": ((-0.3, 0.4), (-0.4, 0.4), (-0.2, 0.2)),
    "pelvis": ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
}
"""Axis-angles about x, y and z in radians, of the left side; on the right y and z have the other sign."""


def joint_limits() -> Float[np.ndarray, "24 3 2"]:
    """Least and greatest angles of each joint about x, y and z, in radians."""
    limits = np.array([_LIMITS[name.partition("_")[2] or name] for name in SMPL24])
    for joint, name in enumerate(SMPL24):
        if name.startswith("right_"):
            limits[joint, 1:] = -limits[joint, 1:, ::-1]
    return limits


class PoseSource:
    """Draws poses; the root is upright and without heading."""

    def __init__(self, motions: Sequence[Motion], *, jittered: float, jitter: float) -> None:
        """Collect frames.

        Args:
            motions: Every frame of them is as likely as any other.
            jittered: Share of poses with random angles; all if there are no motions.
            jitter: Standard deviation of what is added to recorded angles, in radians.
        """
        self._frames = np.concatenate([each.poses for each in motions]) if motions else np.zeros((0, 24, 3, 3))
        self._jittered, self._jitter = jittered if motions else 1.0, jitter
        self._mean = mean_pose()
        self._mean_turns = Rotation.from_rotvec(self._mean)
        self._low, self._high = joint_limits().transpose(2, 0, 1)
        self._wide = self._high > self._low

    def draw(self, rng: np.random.Generator, *, variance: float = 1.0) -> Float[np.ndarray, "24 3 3"]:
        """Draw one pose.

        Args:
            rng: Draws.
            variance: Share of the deviation from the mean pose that is kept.
        """
        if rng.random() < self._jittered:
            angles = np.zeros((24, 3))
            middle = self._mean.clip(self._low, self._high)
            angles[self._wide] = rng.triangular(self._low[self._wide], middle[self._wide], self._high[self._wide])
            turns = Rotation.from_rotvec(angles)
        else:
            frame = self._frames[rng.integers(len(self._frames))]
            x, _, z = frame[0, :, 2]  # where the person faces
            upright = Rotation.from_rotvec([0, -np.arctan2(x, z), 0]).as_matrix()
            noise = Rotation.from_rotvec(rng.normal(0, self._jitter, (24, 3)) * (self._wide.any(1)[:, None]))
            turns = Rotation.from_matrix(np.concatenate([(upright @ frame[0])[None], frame[1:]])) * noise
        if variance != 1:
            turns = self._mean_turns * Rotation.from_rotvec((self._mean_turns.inv() * turns).as_rotvec() * variance)
        return np.asarray(turns.as_matrix())
