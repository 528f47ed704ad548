"""How single vertices move with every number of pose and shape: what a least-squares fit asks at each step.

Automatic differentiation gives gradients of sums; here the whole matrix is wanted, and it has a simple form: turning a
joint swings what hangs on it, each vertex by as much as its weights say.
"""

import numpy as np
import torch
from jaxtyping import Float, Int

from hybridmesh.body.model import BodyModel


class Derivatives:
    """The derivatives of some vertices of a body; make it once for many poses."""

    def __init__(self, body: BodyModel, vertex_ids: Int[np.ndarray, " vertex"]) -> None:
        def rows(buffer: torch.Tensor) -> np.ndarray:
            return np.asarray(buffer.detach().cpu().double().numpy()[..., vertex_ids])

        self.body = body
        self._template, self._weights = rows(body.template).T, rows(body.weights).T
        directions = rows(body.directions).transpose(2, 1, 0)
        self._shape, self._bend = directions[..., : body.num_betas], directions[..., body.num_betas :]
        joints = len(body.parents)
        self._below = np.eye(joints)
        for joint in range(joints - 1, 0, -1):
            self._below[body.parents[joint]] += self._below[joint]
        self._swung = self._below @ self._weights.T
        self._rest = body.joint_template.cpu().double().numpy()
        self._joint_shape = body.joint_directions.cpu().double().numpy()

    def __call__(
        self,
        pose: Float[np.ndarray, "24 3 3"],
        betas: Float[np.ndarray, " beta"],
        numbers: Int[np.ndarray, " number"],
    ) -> tuple[Float[np.ndarray, "vertex 3"], Float[np.ndarray, "number vertex 3"]]:
        """Place the vertices and differentiate them.

        Args:
            pose: Rotations against the parents.
            betas: Shape.
            numbers: By which numbers to differentiate, ascending: 0 to 71 are small turns of the joints (radians, about
                each joint's own axes, of the root about those of the space around), the shape follows.

        Returns:
            The vertices in metres, and their derivatives.
        """
        rest = self._rest + self._joint_shape @ betas
        turns, places = self._chain(pose, rest)
        shifts = places - (turns @ rest[..., None])[..., 0]
        own = self._template + self._shape @ betas
        if self._bend.shape[2]:
            own = own + self._bend @ (pose[1:] - np.eye(3)).ravel()
        mixed = (self._weights @ turns.reshape(-1, 9)).reshape(-1, 3, 3)
        # What each joint contributes to each vertex, the three coordinates first so that loops run along memory.
        parts = np.tensordot(turns, own, (2, 1)).transpose(1, 0, 2) + shifts.T[..., None]
        parts = parts * self._weights.T
        slopes = [np.zeros((0, len(own), 3))]
        if len(turning := numbers[numbers < 3 * len(pose)]):
            slopes.append(self._by_turn(pose, turns, places, parts, mixed, turning))
        if len(shaping := numbers[numbers >= 3 * len(pose)] - 3 * len(pose)):
            slopes.append(self._by_shape(turns, mixed)[shaping])
        return parts.sum(1).T, np.concatenate(slopes)

    def _chain(
        self, pose: Float[np.ndarray, "24 3 3"], rest: Float[np.ndarray, "24 3"]
    ) -> tuple[Float[np.ndarray, "24 3 3"], Float[np.ndarray, "24 3"]]:
        turns, places = pose.copy(), rest.copy()
        for joint, parent in enumerate(self.body.parents[1:], 1):
            turns[joint] = turns[parent] @ pose[joint]
            places[joint] = places[parent] + turns[parent] @ (rest[joint] - rest[parent])
        return turns, places

    def _by_turn(
        self,
        pose: Float[np.ndarray, "24 3 3"],
        turns: Float[np.ndarray, "24 3 3"],
        places: Float[np.ndarray, "24 3"],
        parts: Float[np.ndarray, "3 24 vertex"],
        mixed: Float[np.ndarray, "vertex 3 3"],
        numbers: Int[np.ndarray, " number"],
    ) -> Float[np.ndarray, "number vertex 3"]:
        """What hangs on a joint swings about it, at right angles to the axis and to the lever."""
        joints, row = np.unique(numbers // 3, return_inverse=True)
        lever = self._below[joints] @ parts - self._swung[joints] * places[joints].T[..., None]
        axes = turns.transpose(0, 2, 1)[numbers // 3, numbers % 3]
        axes[numbers < 3] = np.eye(3)[numbers[numbers < 3]]
        swing = np.empty((len(numbers), parts.shape[2], 3))
        for c in range(3):
            b, d = (c + 1) % 3, (c + 2) % 3
            swing[..., c] = axes[:, b, None] * lever[d, row] - axes[:, d, None] * lever[b, row]
        if self._bend.shape[2]:
            for index in np.flatnonzero(numbers >= 3):
                joint, axis = divmod(int(numbers[index]), 3)
                change = pose[joint] @ np.cross(np.eye(3)[axis], np.eye(3)).T
                bent = self._bend[..., 9 * (joint - 1) : 9 * joint] @ change.ravel()
                swing[index] += (mixed @ bent[..., None])[..., 0]
        return swing

    def _by_shape(
        self, turns: Float[np.ndarray, "24 3 3"], mixed: Float[np.ndarray, "vertex 3 3"]
    ) -> Float[np.ndarray, "beta vertex 3"]:
        """The rest shape moves, and the joints with it."""
        joints = self._joint_shape
        places = joints.copy()
        for joint, parent in enumerate(self.body.parents[1:], 1):
            places[joint] = places[parent] + turns[parent] @ (joints[joint] - joints[parent])
        shifts = places - turns @ joints
        carried = (self._weights @ shifts.reshape(len(shifts), -1)).reshape(len(mixed), 3, -1)
        return np.asarray((mixed @ self._shape + carried).transpose(2, 0, 1))
