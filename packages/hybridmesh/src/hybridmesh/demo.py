"""The demo: a person that the package renders itself, with keypoints and an IUV map, recovered from these."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from scipy.spatial.transform import Rotation

from hr_common import image
from hybridmesh import iuv
from hybridmesh.body.model import BodyModel
from hybridmesh.camera import Box, weak_perspective_pixels
from hybridmesh.config import load_recovery
from hybridmesh.fitting import BodyState, pelvis_relative
from hybridmesh.iuv import IUVMap
from hybridmesh.joints import KEYPOINTS, SMPL24, Keypoints
from hybridmesh.landmarks import SeenPerson
from hybridmesh.priors import mean_pose
from hybridmesh.rasteriser import rasterise
from hybridmesh.recovery import Recoverer, pose_body, save
from hybridmesh.rendering import Figure, iuv_map, overlay

_SIZE = (480, 400)  # height and width of the picture
_POSE = {
    "left_shoulder": (0.1, -0.5, -0.35), "left_elbow": (0.0, -1.3, 0.0), "right_shoulder": (0.2, 0.5, 0.2),
    "right_elbow": (0.0, 1.7, 0.0), "left_hip": (-0.75, 0.0, 0.1), "left_knee": (0.95, 0.0, 0.0),
    "right_hip": (0.25, 0.0, -0.05), "right_knee": (0.35, 0.0, 0.0), "spine1": (0.08, 0.1, 0.0),
    "neck": (0.05, -0.2, 0.0),
}  # fmt: skip
_CLOTH = (0.30, 0.62, 0.60)
_TURN = 0.5  # radians that the person is turned away from the viewer


def synthetic_person(
    body: BodyModel, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "h w 3"], SeenPerson, IUVMap, BodyState, Float[np.ndarray, "25 2"]]:
    """Render somebody in mid-stride.

    Returns:
        The picture, what is seen, the dense map, the truth, and its keypoints in pixels.
    """
    pose = mean_pose()
    for name, angles in _POSE.items():
        pose[SMPL24.index(name)] = angles
    matrices = Rotation.from_rotvec(pose).as_matrix()
    matrices[0] = (Rotation.from_rotvec([np.pi, 0, 0]) * Rotation.from_rotvec([0, _TURN, 0])).as_matrix()
    state = BodyState(matrices, np.clip(rng.normal(size=body.num_betas), -2, 2) * 0.7, np.array([0.95, 0.0, 0.05]))
    height, width = _SIZE
    box = Box(width / 2, height / 2, float(height))
    vertices, _ = pose_body(body, state)
    screen = weak_perspective_pixels(vertices, state.camera, box)
    raster = rasterise(screen, body.faces, height, width)
    dense = iuv_map(raster, body.require_charts())
    rows, columns = np.mgrid[:height, :width]
    ground = np.where(rows > 0.82 * height, 95, 170) + 25 * np.sin(columns / 37.0) + rng.normal(0, 4, (height, width))
    backdrop = np.repeat(ground.clip(0, 255)[..., None], 3, 2) * np.array([0.95, 1.0, 1.02])
    photo = overlay(backdrop.clip(0, 255).astype(np.uint8), [Figure(screen, body.faces, _CLOTH)], opacity=1.0)
    regressor = body.regressors["keypoints25"].double().numpy()
    points = weak_perspective_pixels(regressor @ vertices, state.camera, box)[:, :2]
    return photo, SeenPerson(keypoints=Keypoints(points, np.ones(len(KEYPOINTS)))), dense, state, points


def run_demo(out: Path, body: BodyModel, *, seed: int = 0) -> Iterator[str]:
    """Render, recover and write, and say what came out.

    Args:
        out: An existing folder.
        body: With charts.
        seed: Settles the person's shape and which dense points are drawn.

    Yields:
        Lines to print.
    """
    photo, seen, dense, truth, points = synthetic_person(body, np.random.default_rng(seed))
    image.write(out / "photo.png", photo)
    iuv.write(out / "photo_iuv.npz", dense)
    iuv.write(out / "photo_iuv.png", dense)
    np.savez_compressed(
        out / "photo_keypoints.npz", keypoints=np.column_stack([points, np.ones(len(points))]), set="keypoints25"
    )
    yield f"rendered a person of {int(dense.mask.sum())} pixels with {len(points)} keypoints and an IUV map"
    recovery = Recoverer(body, load_recovery()).recover(photo, [seen], maps=[dense], seed=seed)
    person = recovery.people[0]
    save(recovery, out / "photo", formats=("obj", "ply", "glb"), rigged=True, with_turntable=True)
    error = np.linalg.norm(
        pelvis_relative(person.vertices, person.joints) - pelvis_relative(*pose_body(body, truth)), axis=1
    ).mean()
    fit = person.fit
    assert fit is not None
    yield (
        f"recovered it in {fit.seconds:.1f} s: PVE {1000 * error:.1f} mm (pelvis aligned), keypoints "
        f"{fit.keypoint_error:.2f} px and dense points {fit.dense_error:.2f} px of a box of 224"
    )
    yield (
        f"next: hybridmesh recover {out / 'photo.png'} --keypoints {out / 'photo_keypoints.npz'} "
        f"--iuv {out / 'photo_iuv.npz'} --out {out / 'again'}"
    )
    yield f"wrote {out}; look at {out / 'photo' / 'overlay.png'} and {out / 'photo' / 'turntable.gif'}"
