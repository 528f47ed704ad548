"""From MakeHuman's morph targets to a template, ten shape directions, skin weights and regressors in SMPL's form."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from hybridmesh.body.building.makehuman import BODY_VERTICES, MakeHuman
from hybridmesh.joints import COCO23, COCOPLUS19, SMPL24, flip_permutation

BETAS = 10
_INFLUENCES = 6
_CANDIDATES = 1600  # vertices around a joint; every fourth of them may be used to regress it
_FITTED = 300  # samples that a regressor is fitted on


@dataclass(frozen=True)
class Shape:
    """Everything about the body but its charts. Lengths in metres, the mean pelvis at the origin."""

    template: Float[np.ndarray, "vertex 3"]
    directions: Float[np.ndarray, "vertex 3 beta"]
    weights: Float[np.ndarray, "vertex 24"]
    mirror: Int[np.ndarray, " vertex"]
    regressors: dict[str, Float[np.ndarray, "joint vertex"]]
    report: dict[str, float]


def learn_shape(source: MakeHuman, *, samples: int, seed: int) -> Shape:
    """Draw adults, bring them into the T-pose, and find the directions in which they differ most.

    Args:
        source: MakeHuman's files.
        samples: How many people to draw.
        seed: Settles the draw.
    """
    rng = np.random.default_rng(seed)
    mirror = source.mirror[:BODY_VERTICES]
    flip = flip_permutation(SMPL24)
    weights = source.weights + source.weights[mirror][:, flip]
    weights[weights < np.sort(weights, axis=1)[:, [-_INFLUENCES]]] = 0
    weights /= weights.sum(1, keepdims=True)

    strengths = _strengths(source, samples, rng)
    people = np.empty((samples, BODY_VERTICES, 3), np.float32)
    joints = np.empty((samples, len(SMPL24), 3))
    keypoints = np.empty((samples, len(COCO23), 3))
    for index, strength in enumerate(strengths):
        active = np.flatnonzero(strength)
        whole = source.vertices + np.tensordot(strength[active], source.targets[active], 1)
        whole = (whole + _reflect(whole[source.mirror])) / 2
        skeleton = source.joints @ whole
        vertices, points, joints[index] = _t_pose(
            whole[:BODY_VERTICES], source.keypoints @ whole, skeleton, weights, source.keypoints[:, :BODY_VERTICES]
        )
        origin = joints[index, 0].copy()
        people[index], keypoints[index], joints[index] = vertices - origin, points - origin, joints[index] - origin
    heights = np.ptp(people[..., 1], axis=1)

    mean = people.mean(0, dtype=np.float64)
    flat = people.reshape(samples, -1) - mean.reshape(-1).astype(np.float32)
    values, vectors = np.linalg.eigh((flat @ flat.T).astype(np.float64))
    order = np.argsort(values)[::-1][:BETAS]
    scores = vectors[:, order] * np.sqrt(samples - 1)  # unit standard deviation, so that β ~ N(0, 1)
    directions = (flat.T @ vectors[:, order].astype(np.float32)).astype(np.float64) / np.sqrt(samples - 1)
    # A direction's sign is arbitrary; let the first ones mean "taller" and the rest follow the largest entry.
    signs = np.sign(directions[np.abs(directions).argmax(0), np.arange(BETAS)])
    signs[0] = np.sign(np.corrcoef(scores[:, 0], heights)[0, 1])
    directions = (directions * signs).reshape(BODY_VERTICES, 3, BETAS)
    template = (mean + _reflect(mean[mirror])) / 2
    directions = (directions + _reflect(directions[mirror].swapaxes(1, 2)).swapaxes(1, 2)) / 2
    basis = directions.reshape(-1, BETAS).astype(np.float32)
    left_over = flat - flat @ np.linalg.pinv(basis).T @ basis.T

    chosen = rng.choice(samples, min(_FITTED, samples), replace=False)
    fitted = people[chosen].astype(np.float64)
    smpl24, joint_error = _regress(template, fitted, joints[chosen], mirror, SMPL24)
    coco23, point_error = _regress(template, fitted, keypoints[chosen], mirror, COCO23)
    return Shape(
        template=template,
        directions=directions,
        weights=weights,
        mirror=mirror,
        regressors={"smpl24": smpl24, "coco23": coco23, "cocoplus19": _cocoplus(template, smpl24, coco23)},
        report={
            "height_mean_m": float(heights.mean()),
            "height_min_m": float(heights.min()),
            "height_max_m": float(heights.max()),
            "variance_explained": float(values[order].sum() / values.clip(0).sum()),
            "reconstruction_mean_mm": float(1000 * np.linalg.norm(left_over.reshape(samples, -1, 3), axis=2).mean()),
            "joint_regression_max_mm": 1000 * joint_error,
            "keypoint_regression_max_mm": 1000 * point_error,
        },
    )


def _strengths(source: MakeHuman, samples: int, rng: np.random.Generator) -> Float[np.ndarray, "sample target"]:
    """Draw people, and turn what they are like into the strength of each target."""
    male = rng.integers(0, 2, samples).astype(float)
    races = rng.dirichlet((1.0, 1.0, 1.0), samples)
    age = rng.uniform(0.55, 1.0, samples)  # 1/3 is a child, 2/3 young, 1 old
    young = 1 - np.abs(age - 2 / 3) * 3
    height = rng.beta(4.0, 4.0, samples)
    muscle, weight = rng.beta(2.5, 2.5, (2, samples))
    proportions = rng.uniform(0.2, 1.0, samples)
    words = {
        "male": male, "female": 1 - male,
        "african": races[:, 0], "asian": races[:, 1], "caucasian": races[:, 2],
        "child": np.where(age < 2 / 3, 1 - young, 0), "young": young, "old": np.where(age > 2 / 3, 1 - young, 0),
        "minheight": 1 - height, "maxheight": height,
        "idealproportions": proportions, "uncommonproportions": 1 - proportions,
    }  # fmt: skip
    for name, value in (("muscle", muscle), ("weight", weight)):
        words[f"min{name}"] = np.clip(1 - 2 * value, 0, None)
        words[f"max{name}"] = np.clip(2 * value - 1, 0, None)
        words[f"average{name}"] = 1 - np.abs(2 * value - 1)
    return np.stack([np.prod([words[word] for word in factors], axis=0) for factors in source.factors], axis=1)


def _reflect(points: np.ndarray) -> np.ndarray:
    return np.asarray(points * np.array([-1.0, 1.0, 1.0]))


def _t_pose(
    vertices: Float[np.ndarray, "vertex 3"],
    keypoints: Float[np.ndarray, "point 3"],
    joints: Float[np.ndarray, "24 3"],
    weights: Float[np.ndarray, "vertex 24"],
    regressor: Float[np.ndarray, "point vertex"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stretch the arms along ±x, palms down, by the person's own joints and weights. Legs stay as they are."""
    rotations, moved = np.tile(np.eye(3), (24, 1, 1)), joints.copy()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder, elbow, wrist, hand = (
            SMPL24.index(f"{side}_{each}") for each in ("shoulder", "elbow", "wrist", "hand")
        )
        outwards = np.array([sign, 0, 0])
        for start, end in ((shoulder, elbow), (elbow, wrist), (wrist, hand)):
            rotations[start] = _turn(joints[end] - joints[start], outwards)
            moved[end] = moved[start] + rotations[start] @ (joints[end] - joints[start])
        rotations[hand] = rotations[wrist]
    transformed = np.einsum("jab,vb->vja", rotations, vertices) + (moved - np.einsum("jab,jb->ja", rotations, joints))
    posed = np.einsum("vj,vja->va", weights, transformed)
    # A keypoint moves with the vertices that it is regressed from.
    return posed, keypoints + regressor @ (posed - vertices), moved


def _turn(source: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The smallest rotation of one direction into another."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis, cosine = np.cross(a, b), a @ b
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine))


def _regress(
    template: Float[np.ndarray, "vertex 3"],
    people: Float[np.ndarray, "sample vertex 3"],
    points: Float[np.ndarray, "sample point 3"],
    mirror: Int[np.ndarray, " vertex"],
    names: tuple[str, ...],
) -> tuple[Float[np.ndarray, "point vertex"], float]:
    """Weights (not negative, sum one) of few vertices that give each point, the same for left and right."""
    tree = cKDTree(template)
    flip = flip_permutation(names)
    regressor, worst = np.zeros((len(names), len(template))), 0.0
    for index, name in enumerate(names):
        if name.startswith("right"):
            continue
        _, near = tree.query(points[:, index].mean(0), k=_CANDIDATES)
        near = near[::4]
        if name.startswith("left"):
            near = near[template[near, 0] > 0]  # the other leg moves otherwise
        system = people[:, near].transpose(0, 2, 1).reshape(-1, len(near))
        sum_to_one = np.full((1, len(near)), 1e3)
        solution, _ = nnls(
            np.vstack([system, sum_to_one]), np.append(points[:, index].reshape(-1), 1e3), maxiter=10_000
        )
        regressor[index, near] = solution / solution.sum()
        worst = max(
            worst, float(np.linalg.norm(people.swapaxes(1, 2) @ regressor[index] - points[:, index], axis=1).max())
        )
        if flip[index] == index:
            regressor[index] = (regressor[index] + regressor[index, mirror]) / 2
        else:
            regressor[flip[index]] = regressor[index, mirror]
    return regressor, worst


def _cocoplus(template: np.ndarray, smpl24: np.ndarray, coco23: np.ndarray) -> Float[np.ndarray, "19 vertex"]:
    """The 19 keypoints of the paper's code: those of COCO, with the neck's joint and the top of the head."""
    top = (template[:, 1] > template[:, 1].max() - 0.005).astype(float)
    top /= top.sum()
    extra = {"neck": smpl24[SMPL24.index("neck")], "head_top": top}
    return np.stack([extra[name] if name in extra else coco23[COCO23.index(name)] for name in COCOPLUS19])
