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
        self._swung = self._weights @ self._below.T

    def __call__(
        self, pose: Float[np.ndarray, "24 3 3"], betas: Float[np.ndarray, " beta"]
    ) -> tuple[Float[np.ndarray, "vertex 3"], Float[np.ndarray, "number vertex 3"]]:
        """Place the vertices and differentiate them.

        Returns:
            The vertices in metres, and their derivatives by small turns of the joints (72 numbers in radians, about
            each joint's own axes, of the root about those of the space around), then by the shape.
        """
        body, weights = self.body, self._weights
        with torch.no_grad():
            out = body(
                torch.from_numpy(betas)[None].to(body.template), torch.from_numpy(pose)[None].to(body.template),
                vertex_ids=torch.zeros((1, 0), dtype=torch.int64),
            )  # fmt: skip
        transforms, places = out.transforms[0].cpu().double().numpy(), out.joints[0].cpu().double().numpy()
        turns, shifts = transforms[:, :3, :3], transforms[:, :3, 3]
        rest = self._template + self._shape @ betas
        if self._bend.shape[2]:
            rest = rest + self._bend @ (pose[1:] - np.eye(3)).ravel()
        mixed = np.einsum("vj,jab->vab", weights, turns)
        parts = weights[..., None] * (rest @ turns.transpose(0, 2, 1)).transpose(1, 0, 2)
        parts += weights[..., None] * shifts
        lever = np.einsum("kj,vjc->kvc", self._below, parts) - self._swung.T[..., None] * places[:, None]
        axes = turns.transpose(0, 2, 1).copy()
        axes[0] = np.eye(3)
        swing = np.cross(axes[:, :, None], lever[:, None])
        if self._bend.shape[2]:
            twists = -np.cross(np.eye(3)[:, None], np.eye(3)[None])  # of the unit axes: columns are e_a × e_c
            change = np.einsum("kij,ajl->kail", pose[1:], twists).reshape(len(pose) - 1, 3, 9)
            bent = np.einsum("vckn,kan->kavc", self._bend.reshape(len(rest), 3, -1, 9), change)
            swing[1:] += np.einsum("vcd,kavd->kavc", mixed, bent)
        return parts.sum(1), np.concatenate([swing.reshape(-1, len(rest), 3), self._by_shape(turns, mixed)])

    def _by_shape(
        self, turns: Float[np.ndarray, "24 3 3"], mixed: Float[np.ndarray, "vertex 3 3"]
    ) -> Float[np.ndarray, "beta vertex 3"]:
        """The rest shape moves, and the joints with it."""
        joints = self.body.joint_directions.cpu().double().numpy()
        places = joints.copy()
        for joint, parent in enumerate(self.body.parents[1:], 1):
            places[joint] = places[parent] + turns[parent] @ (joints[joint] - joints[parent])
        shifts = places - turns @ joints
        return np.asarray((mixed @ self._shape + np.einsum("vj,jcb->vcb", self._weights, shifts)).transpose(2, 0, 1))
