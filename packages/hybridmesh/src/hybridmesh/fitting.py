"""Fit a body to what is seen of a person: keypoints, dense points, a mask, in any combination, and priors.

The losses are those of training, as sums of absolute distances; they are minimised by Levenberg and Marquardt's method
with iteratively reweighted squares, in three stages so that shape cannot run away: camera and root, then pose, then
shape. Only the vertices that are looked at are skinned; an iteration costs some ten milliseconds. Method and weights
are our choice.
"""

import copy
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from hr_common.errors import InputError
from hybridmesh.body.derivatives import Derivatives
from hybridmesh.body.model import BodyModel
from hybridmesh.camera import Box
from hybridmesh.config import FitConfig
from hybridmesh.dense import DensePoints
from hybridmesh.joints import KEYPOINTS, SMPL24, Keypoints
from hybridmesh.priors import hinges, mean_pose, stiffness

_STEP = 1e-6  # of the differences; double precision
_ENOUGH, _ROUGHLY = 1e-5, 1e-3  # gain of an iteration, relative, that is not worth another one
_LIMBS = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("shoulder", "hip"))
] + [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")]
_A, _B = (np.array([KEYPOINTS.index(limb[end]) for limb in _LIMBS]) for end in (0, 1))
_CHAINS = [
    (SMPL24.index(f"{side}_{a}"), SMPL24.index(f"{side}_{b}"), SMPL24.index(f"{side}_{c}"))
    for side in ("left", "right")
    for a, b, c in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
]
_BENT = 0.2  # sine of the angle from which on a limb counts as bent
_NO_VERTICES = torch.zeros((1, 0), dtype=torch.int64)
_SLACK = 0.02  # metres that a mask may reach beyond the vertices that stand for the surface


@dataclass(frozen=True, kw_only=True)
class Observations:
    """What is seen of one person, in pixels of the photo."""

    box: Box
    keypoints: Keypoints | None = None
    """Of the set ``keypoints25``."""
    dense: DensePoints | None = None
    mask: Bool[np.ndarray, "height width"] | None = None
    landmarks3d: Keypoints | None = None
    """The same set in metres, camera axes, from a detector; a soft hint about depth."""


@dataclass(frozen=True)
class BodyState:
    """A body in a crop: the parameters that this package estimates."""

    pose: Float[np.ndarray, "24 3 3"]
    betas: Float[np.ndarray, " beta"]
    camera: Float[np.ndarray, "3"]


@dataclass(frozen=True)
class FitResult:
    """A fitted body, and how well it fits."""

    state: BodyState
    box: Box
    losses: dict[str, float]
    """Weighted parts of what was minimised."""
    keypoint_error: float | None
    """Mean distance of the visible keypoints, in pixels of a box of 224."""
    dense_error: float | None
    """The same of the dense points."""
    seconds: float


class Fitter:
    """Fits one body model; make it once for many people."""

    def __init__(self, body: BodyModel, config: FitConfig) -> None:
        # Differences of 1e-6 need double precision; the caller's body keeps its own.
        self.body = copy.deepcopy(body).double()
        self.config = config
        regressor = self.body.regressors["keypoints25"].numpy()
        self._keypoint_ids = np.flatnonzero(regressor.any(0))
        self._regressor = regressor[:, self._keypoint_ids]
        self._spread = _spread_vertices(body, config.mask_points)

    def fit(self, seen: Observations, start: BodyState | None = None) -> FitResult:
        """Find the body.

        Args:
            seen: What is seen of the person.
            start: Where to start, for instance what a regressor predicts; otherwise the mean body, facing the way
                that explains most.

        Raises:
            InputError: Nothing is seen.
        """
        # The matrices are so small that several threads would mostly wait for each other.
        with threadpool_limits(1, user_api="blas"):
            return self._fit(seen, start)

    def _fit(self, seen: Observations, start: BodyState | None) -> FitResult:
        began = time.perf_counter()
        energy = _Energy(self, seen)
        placed = [energy.minimise(state, "place", self.config.placing_steps) for state in energy.starts(start)]
        placed.sort(key=lambda each: each[1])
        finalists = [state for state, _ in placed[: 1 if start else self.config.finalists]]
        led = [energy.pose(finalists)]
        if energy.trust_points():
            # The mask leads to where the body is, but may turn an arm over that the points alone get right.
            led = [energy.pose([led[0][0]]), energy.pose(finalists)]
        state, _ = min((energy.shape(*each) for each in led), key=lambda each: each[1])
        losses = energy.parts(state)
        return FitResult(
            state=state,
            box=seen.box,
            losses=losses,
            keypoint_error=energy.pixel_error(state, "keypoints"),
            dense_error=energy.pixel_error(state, "dense"),
            seconds=time.perf_counter() - began,
        )


@dataclass(frozen=True)
class _Term:
    """Residuals of one kind and what they weigh."""

    name: str
    residuals: Float[np.ndarray, "batch entry"]
    weights: Float[np.ndarray, " entry"]
    absolute: bool
    """Whether it counts as an absolute distance; otherwise as a square."""


class _Energy:
    """What is minimised for one person."""

    def __init__(self, fitter: Fitter, seen: Observations) -> None:
        self.fitter, self.config, self.body = fitter, fitter.config, fitter.body
        self.keypoints = self.dense = self.outline = self.depth = None
        normalise = seen.box.normalise
        available = self.body.keypoint_available
        if seen.keypoints is not None and (seen.keypoints.confidence * available).any():
            confidence = seen.keypoints.confidence * available
            self.keypoints = normalise(seen.keypoints.points), confidence / confidence.sum() / 2
        if seen.dense is not None and len(seen.dense):
            self.dense = normalise(seen.dense.positions), seen.dense.barycentrics
        if seen.mask is not None and seen.mask.any():
            self.outline = _Outline(seen.mask, seen.box, self.config.mask_points)
        if seen.landmarks3d is not None:
            self.depth = (
                _directions(seen.landmarks3d.points[None])[0],
                (seen.landmarks3d.confidence[_A] * seen.landmarks3d.confidence[_B] * available[_A] * available[_B]),
            )
        if self.keypoints is None and self.dense is None and self.outline is None:
            raise InputError("nothing is seen of the person: give keypoints, dense points or a mask")
        ids = [fitter._keypoint_ids]
        if seen.dense is not None:
            ids.append(seen.dense.vertex_ids.ravel())
        if self.outline is not None:
            ids.append(fitter._spread)
        self._ends = np.cumsum([len(each) for each in ids])
        self._ids = torch.from_numpy(np.concatenate(ids).astype(np.int64))
        self._derivatives = Derivatives(self.body, self._ids.numpy())
        # Data terms are means, so the prior has to count for less the more was seen.
        self._prior = len(KEYPOINTS) / (len(KEYPOINTS) + (0 if seen.dense is None else len(seen.dense)))
        self.mask_share = 1.0
        self._mean, self._stiff = mean_pose(), stiffness() * self.config.pose_prior * self._prior
        self._size = 75 + self.body.num_betas

    def starts(self, given: BodyState | None) -> list[BodyState]:
        """The given state, or the mean body facing in all directions, each with the camera that fits it best."""
        if given is not None:
            return [given]
        pose = Rotation.from_rotvec(self._mean).as_matrix()
        states = []
        for yaw in np.arange(self.config.yaws) * (2 * np.pi / self.config.yaws):
            turned = pose.copy()
            turned[0] = Rotation.from_rotvec([np.pi, 0, 0]).as_matrix() @ Rotation.from_rotvec([0, yaw, 0]).as_matrix()
            state = BodyState(turned, np.zeros(self.body.num_betas), np.array([1.0, 0.0, 0.0]))
            states.append(replace(state, camera=self._first_camera(state)))
        return states

    def _first_camera(self, state: BodyState) -> Float[np.ndarray, "3"]:
        """Scale and shift that bring the body's points onto what is seen, by least squares."""
        points = self._points(state, np.zeros((1, self._size)))
        unit = {name: value[0, ..., :2] for name, value in points.items()}
        if self.keypoints is not None and (self.keypoints[1] > 0).sum() >= 2:
            source, target, weights = unit["space"], self.keypoints[0], self.keypoints[1]
        elif self.dense is not None:
            source, target = unit["dense_space"], self.dense[0]
            weights = np.ones(len(source))
        else:
            assert self.outline is not None
            source, target = unit["spread_space"], self.outline.points
            # No pairs: match the middle and the height instead.
            scale = np.ptp(target[:, 1]) / np.ptp(source[:, 1])
            shift = (target.max(0) + target.min(0)) / 2 / scale - (source.max(0) + source.min(0)) / 2
            return np.array([scale, *shift])
        weights = weights / weights.sum()
        middle_s, middle_t = weights @ source, weights @ target
        a, b = source - middle_s, target - middle_t
        # A body seen from the wrong side would be fitted with a negative or a vanishing scale.
        spread = np.sqrt((weights @ (b**2)).sum() / max((weights @ (a**2)).sum(), 1e-12))
        scale = max(float(np.einsum("p,pc,pc->", weights, a, b) / max((weights @ (a**2)).sum(), 1e-12)), 0.5 * spread)
        return np.array([scale, *(middle_t / scale - middle_s)])

    def trust_points(self) -> bool:
        """Let the mask count for less the more dense points there are, and tell whether that changes anything.

        It leads the way, but the vertices that are held against it stand for the surface only roughly, so that it is
        not zero for the right body, while what dense points say is exact.
        """
        self.mask_share = self._prior
        return self.outline is not None and self._prior < 1

    def pose(self, states: list[BodyState]) -> tuple[BodyState, float]:
        """Second stage from several states: the best that came out, and what remains."""
        found = [self.minimise(state, "pose", self.config.posing_steps) for state in states]
        return min(found, key=lambda each: each[1])

    def shape(self, state: BodyState, value: float) -> tuple[BodyState, float]:
        """Third stage, with limbs turned over before and after it."""
        state, value = self.minimise(self.flip_limbs(state, value), "shape", self.config.shaping_steps)
        turned = self.flip_limbs(state, value)
        return (state, value) if turned is state else self.minimise(turned, "shape", self.config.shaping_steps)

    def flip_limbs(self, state: BodyState, value: float) -> BodyState:
        """Turn each limb over in depth where that explains more: seen in one picture, both look nearly alike."""
        for chain in _CHAINS:
            free = [3 * joint + axis for joint in chain for axis in range(3)]
            for flipped in _flips(self.body, state, chain):
                other, energy = self.minimise(flipped, free, self.config.flipping_steps)
                if energy < value - 1e-4:
                    state, value = other, energy
        return state

    def minimise(self, state: BodyState, stage: str | list[int], steps: int) -> tuple[BodyState, float]:
        """Improve a state in a stage (``place``, ``pose``, ``shape``) or in some numbers; say what remains."""
        if isinstance(stage, list):
            free = stage
        else:
            free = [0, 1, 2, *range(self._size - 3, self._size)]
            if stage != "place":
                free += range(3, 72)
            if stage == "shape":
                free += range(72, self._size - 3)
        free = sorted(free)
        probes = np.zeros((len(free) + 1, self._size))
        probes[np.arange(1, len(free) + 1), free] = _STEP
        damping, energy = 1e-3, np.inf
        for _ in range(steps):
            terms = self._terms(state, probes, probed=np.array(free))
            energy = sum(_value(term, self.config.softness)[0] for term in terms)
            # One matrix for all terms: what costs time here is memory, not arithmetic.
            jacobian = np.concatenate([term.residuals for term in terms], axis=1)
            weights = np.concatenate([_curvature(term, self.config.softness) for term in terms])
            base, jacobian = jacobian[0], jacobian[1:]
            jacobian -= base
            jacobian /= _STEP
            hessian, gradient = (jacobian * weights) @ jacobian.T, jacobian @ (weights * base)
            # A few dampings at once: one batch of bodies costs little more than one body.
            trials = damping * np.array([0.1, 1.0, 10.0, 100.0])
            moves = np.zeros((len(trials), self._size))
            scale = np.diag(hessian) + 1e-6
            for row, each in enumerate(trials):
                moves[row, free] = -np.linalg.solve(hessian + each * np.diag(scale), gradient)
            moves[:, :72] = moves[:, :72].clip(-0.5, 0.5)
            values = np.sum([_value(term, self.config.softness) for term in self._terms(state, moves)], axis=0)
            best = int(np.argmin(values))
            if not values[best] < energy:
                if damping > 1e6:
                    break
                damping *= 100
                continue
            gained = energy - values[best]
            state, damping, energy = self._moved(state, moves[best]), max(trials[best], 1e-9), float(values[best])
            if gained < (_ENOUGH if stage in ("pose", "shape") else _ROUGHLY) * max(energy, 1e-3):
                break
        return state, float(energy)

    def parts(self, state: BodyState) -> dict[str, float]:
        """What each term contributes."""
        terms = self._terms(state, np.zeros((1, self._size)))
        parts: dict[str, float] = {}
        for term in terms:
            parts[term.name] = parts.get(term.name, 0.0) + float(_value(term, self.config.softness)[0])
        return parts

    def pixel_error(self, state: BodyState, kind: str) -> float | None:
        """Mean distance in pixels of a box of 224."""
        target = self.keypoints if kind == "keypoints" else self.dense
        if target is None:
            return None
        points = self._points(state, np.zeros((1, self._size)))[kind][0]
        distance = 112 * np.linalg.norm(points - target[0], axis=1)
        weights = target[1] if kind == "keypoints" else np.ones(len(distance))
        return float((distance * weights).sum() / weights.sum())

    def _moved(self, state: BodyState, move: Float[np.ndarray, " number"]) -> BodyState:
        pose, betas, camera = self._apply(state, move[None])
        return BodyState(pose[0], betas[0], camera[0])

    def _apply(
        self, state: BodyState, moves: Float[np.ndarray, "batch number"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Turn joints in their own axes (the root in the camera's), add to the shape, stretch and shift the camera."""
        turns = Rotation.from_rotvec(moves[:, :72].reshape(-1, 3)).as_matrix().reshape(len(moves), 24, 3, 3)
        pose = state.pose @ turns
        pose[:, 0] = turns[:, 0] @ state.pose[0]
        camera = state.camera + moves[:, -3:]
        camera[:, 0] = state.camera[0] * np.exp(moves[:, -3].clip(-1, 1))
        return pose, state.betas + moves[:, 72:-3], camera

    def _points(
        self,
        state: BodyState,
        moves: Float[np.ndarray, "batch number"],
        *,
        probed: Int[np.ndarray, " probe"] | None = None,
    ) -> dict[str, np.ndarray]:
        """Where everything that is looked at lies, in space and in the crop.

        With ``probed``, the moves are none and then a step in each of these numbers, and vertices are carried along
        their derivatives.
        """
        pose, betas, camera = self._apply(state, moves)
        if probed is not None:
            inner = probed[probed < self._size - 3]  # the camera moves no vertices
            here, slopes = self._derivatives(state.pose, state.betas, inner)
            vertices = np.repeat(here[None], len(moves), 0)
            vertices[1 : 1 + len(inner)] += _STEP * slopes
        else:
            ids = self._ids.expand(len(moves), -1).contiguous()
            with torch.no_grad():
                out = self.body(torch.from_numpy(betas), torch.from_numpy(pose), vertex_ids=ids)
            vertices = out.vertices.numpy()
        groups = np.split(vertices, self._ends[:-1], axis=1)

        def flat(points: np.ndarray) -> np.ndarray:
            return np.asarray(camera[:, None, :1] * (points[..., :2] + camera[:, None, 1:]))

        space = self.fitter._regressor @ groups[0]
        result = {"space": space, "keypoints": flat(space), "pose": pose, "betas": betas, "camera": camera}
        if self.dense is not None:
            # The third coordinate is not seen.
            corners, shares = groups[1].reshape(len(moves), -1, 3, 3), self.dense[1]
            first, second, third = (corners[:, :, k, :2] * shares[:, k, None] for k in range(3))
            result["dense_space"] = first + second + third
            result["dense"] = flat(result["dense_space"])
        if self.outline is not None:
            result["spread_space"] = groups[-1]
            result["spread"] = flat(groups[-1])
        return result

    def _terms(
        self,
        state: BodyState,
        moves: Float[np.ndarray, "batch number"],
        *,
        probed: Int[np.ndarray, " probe"] | None = None,
    ) -> list[_Term]:
        points, config, terms = self._points(state, moves, probed=probed), self.config, []
        batch = len(moves)
        if self.keypoints is not None:
            target, weights = self.keypoints
            away = (points["keypoints"] - target).reshape(batch, -1)
            terms.append(_Term("keypoints", away, config.keypoints * np.repeat(weights, 2), True))
        if self.dense is not None:
            away = (points["dense"] - self.dense[0]).reshape(batch, -1)
            terms.append(_Term("dense", away, np.full(away.shape[1], config.dense / away.shape[1]), True))
        if self.outline is not None:
            outside, uncovered = self.outline.residuals(points["spread"], _SLACK * state.camera[0])
            terms += [
                _Term("mask", away, np.full(away.shape[1], config.mask * self.mask_share / away.shape[1]), True)
                for away in (outside, uncovered)
            ]
        if self.depth is not None:
            directions, weights = self.depth
            away = (_directions(points["space"]) - directions).reshape(batch, -1)
            terms.append(_Term("depth", away, config.depth * np.repeat(weights, 3) / len(_A) / 2, False))
        angles = Rotation.from_matrix(points["pose"][:, 1:].reshape(-1, 3, 3)).as_rotvec().reshape(batch, -1, 3)
        away = (angles - self._mean[1:]).reshape(batch, -1)
        terms.append(_Term("pose", away, self._stiff[1:].ravel(), False))
        joints, axes, signs = hinges()
        backwards = np.minimum(angles[:, np.array(joints) - 1, axes] * signs, 0)
        terms.append(_Term("hinges", backwards, np.full(len(joints), config.hinge_prior), False))
        shape = np.full(self.body.num_betas, config.shape_prior * self._prior)
        terms.append(_Term("shape", points["betas"], shape, False))
        return terms


def _flips(body: BodyModel, state: BodyState, chain: tuple[int, int, int]) -> list[BodyState]:
    """The same limb with each of its two parts as it is or turned over in depth, bent at its hinge as a limb bends.

    The directions of both parts say how a bent limb is twisted; a search from a wrong twist rarely finds the right one.
    """
    with torch.no_grad():
        out = body(torch.from_numpy(state.betas)[None], torch.from_numpy(state.pose)[None], vertex_ids=_NO_VERTICES)
    joints, turns = out.joints[0].numpy(), out.transforms[0, :, :3, :3].numpy()
    rest = (body.joint_template + body.joint_directions @ torch.from_numpy(state.betas)).numpy()
    upper, lower, end = chain
    members, axes, signs = hinges()
    hinge = np.eye(3)[axes[members.index(lower)]] * signs[members.index(lower)]
    above = turns[body.parents[upper]]
    flipped = []
    for over in ((False, False), (True, False), (False, True), (True, True)):
        along = [
            _unit((joints[b] - joints[a]) * np.array([1.0, 1.0, -1.0 if turn_over else 1.0]))
            for a, b, turn_over in zip(chain[:2], chain[1:], over, strict=True)
        ]
        pose, across = state.pose.copy(), np.cross(along[0], along[1])
        if np.linalg.norm(across) > _BENT:
            whole = _frame(along[0], across) @ _frame(rest[lower] - rest[upper], hinge).T
        else:  # a straight limb does not say how it is twisted
            whole = _smallest_turn(joints[lower] - joints[upper], along[0]) @ turns[upper]
        bend = _smallest_turn(whole @ (rest[end] - rest[lower]), along[1])
        pose[upper], pose[lower], pose[end] = above.T @ whole, whole.T @ bend @ whole, np.eye(3)
        flipped.append(replace(state, pose=pose))
    return flipped


def _unit(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))


def _frame(along: Float[np.ndarray, "3"], across: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Axes of which the first runs along a bone and the second is as close to its hinge as a right angle allows."""
    first = _unit(along)
    second = _unit(across - first * (first @ across))
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _smallest_turn(source: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    a, b = _unit(source), _unit(target)
    axis = np.cross(a, b)
    angle = np.arctan2(np.linalg.norm(axis), a @ b)
    return np.asarray(Rotation.from_rotvec(_unit(axis) * angle).as_matrix())


class _Outline:
    """A mask as two questions: how far outside is a vertex, and how far from any vertex is a place inside?"""

    def __init__(self, mask: Bool[np.ndarray, "height width"], box: Box, count: int) -> None:
        # Distances on a grid of the box itself, so that a vertex may lie outside the photo.
        self._cells = 160
        edges = (np.arange(self._cells) + 0.5) / self._cells * 2 - 1
        self._reach = 1.25  # half boxes
        grid = np.stack(np.meshgrid(edges * self._reach, edges * self._reach), -1)
        pixels = np.floor(box.to_pixels(grid)).astype(int)
        height, width = mask.shape
        valid = (pixels[..., 0] >= 0) & (pixels[..., 0] < width) & (pixels[..., 1] >= 0) & (pixels[..., 1] < height)
        inside = valid & mask[pixels[..., 1].clip(0, height - 1), pixels[..., 0].clip(0, width - 1)]
        if not inside.any():
            raise InputError("the mask has nothing inside the person's box")
        # Beyond the photo nothing is known, so that a body that reaches out of it is no mistake.
        self._distance = distance_transform_edt(~(inside | ~valid)) * (2 * self._reach / self._cells)
        rows, columns = np.nonzero(inside)
        order = np.random.default_rng(0).permutation(len(rows))[:count]
        self.points: np.ndarray = grid[rows[order], columns[order]]

    def residuals(self, spread: Float[np.ndarray, "batch point 2"], slack: float) -> tuple[np.ndarray, np.ndarray]:
        """How far vertices lie outside, and places inside from the vertex that is nearest to them in the first body."""
        at = ((spread / self._reach + 1) / 2 * self._cells - 0.5).clip(0, self._cells - 1)
        outside = map_coordinates(self._distance, [at[..., 1], at[..., 0]], order=1, mode="nearest")
        distance, nearest = cKDTree(spread[0]).query(self.points)
        across, down = (spread[:, nearest, axis] - self.points[:, axis] for axis in (0, 1))
        away = np.sqrt(across**2 + down**2)
        return outside, np.maximum(away - slack, 0) * (distance > slack)


def _curvature(term: _Term, softness: float) -> Float[np.ndarray, " entry"]:
    """Weights of the squares that replace a term near the first of its residuals."""
    if term.absolute:
        return np.asarray(term.weights / np.sqrt(term.residuals[0] ** 2 + softness**2))
    return np.asarray(term.weights / 0.5)


def _value(term: _Term, softness: float) -> Float[np.ndarray, " batch"]:
    if term.absolute:
        return np.asarray((np.sqrt(term.residuals**2 + softness**2) - softness) @ term.weights)
    return np.asarray(term.residuals**2 @ term.weights)


def _directions(points: Float[np.ndarray, "batch 25 3"]) -> Float[np.ndarray, "batch limb 3"]:
    """Unit vectors along the limbs."""
    along = points[:, _B] - points[:, _A]
    return np.asarray(along / np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9))


def _spread_vertices(body: BodyModel, count: int) -> np.ndarray:
    """Vertices that stand for the surface: drawn by area, so that fingers do not outweigh the trunk."""
    template = body.template.T.cpu().double().numpy()
    corners = template[body.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = np.bincount(body.faces.ravel(), np.repeat(area, 3), len(template))
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(len(template), min(count, (share > 0).sum()), replace=False, p=share / share.sum()))


def pelvis_relative(vertices: Float[np.ndarray, "vertex 3"], joints: Float[np.ndarray, "24 3"]) -> np.ndarray:
    """Vertices with the pelvis at the origin: weak perspective says nothing about the distance."""
    return np.asarray(vertices - joints[SMPL24.index("pelvis")])
