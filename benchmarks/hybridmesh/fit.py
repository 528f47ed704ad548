"""Fit the free body to exact synthetic keypoints and dense points, and to the keypoints alone.

    nox -s bench -- hybridmesh fit

Bodies of random shape, turned anywhere about the vertical, joints jittered about the mean pose inside what they allow.
PVE is aligned at the pelvis: weak perspective says nothing about the distance. CPU and wall time of one thread.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from records import print_table, write_csv
from scipy.spatial.transform import Rotation

from hybridmesh.body import BodyModel, load_body
from hybridmesh.camera import Box, weak_perspective_pixels
from hybridmesh.config import FitConfig
from hybridmesh.correspondence import Correspondence
from hybridmesh.dense import sample_dense
from hybridmesh.fitting import BodyState, Fitter, Observations, pelvis_relative
from hybridmesh.joints import Keypoints
from hybridmesh.priors import hinges, mean_pose, stiffness
from hybridmesh.rasteriser import rasterise
from hybridmesh.recovery import pose_body
from hybridmesh.rendering import iuv_map

BOX = Box(112.0, 112.0, 224.0)


def draw(rng: np.random.Generator, betas: int) -> BodyState:
    """Somebody: loose joints move more, knees and elbows bend one way only."""
    pose = mean_pose() + rng.normal(size=(24, 3)) * np.minimum(0.25 / np.sqrt(np.maximum(stiffness(), 0.1)), 0.5)
    for joint, axis, sign in zip(*hinges(), strict=True):
        pose[joint, axis] = sign * abs(pose[joint, axis])
    matrices = Rotation.from_rotvec(pose).as_matrix()
    facing = Rotation.from_rotvec([0, rng.uniform(-np.pi, np.pi), 0])
    matrices[0] = (Rotation.from_rotvec([np.pi, 0, 0]) * facing).as_matrix()
    return BodyState(matrices, rng.normal(size=betas).clip(-2, 2) * 0.7, np.array([0.95, 0.0, 0.1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=5)
    parser.add_argument("--body", default="free")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("fit.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body(arguments.body)
    assert isinstance(body, BodyModel)
    phi, fitter = Correspondence(body.require_charts(), body.faces), Fitter(body, FitConfig())
    rows: list[dict[str, object]] = []
    for case in range(arguments.cases):
        rng = np.random.default_rng([arguments.seed, case])
        truth = draw(rng, body.num_betas)
        vertices, joints = pose_body(body, truth)
        true = pelvis_relative(vertices, joints)
        dense = iuv_map(
            rasterise(weak_perspective_pixels(vertices, truth.camera, BOX), body.faces, 224, 224), body.require_charts()
        )
        points = body.regressors["keypoints25"].double().numpy() @ vertices
        seen = Observations(
            box=BOX,
            keypoints=Keypoints(weak_perspective_pixels(points, truth.camera, BOX)[:, :2], np.ones(len(points))),
            dense=sample_dense(dense, phi, rng),
            mask=dense.mask,
        )
        row: dict[str, object] = {"case": case}
        for name, given in (("dense", seen), ("sparse", replace(seen, dense=None, mask=None))):
            cpu, wall = time.process_time(), time.perf_counter()
            found = fitter.fit(given)
            row[f"{name}_cpu_s"] = round(time.process_time() - cpu, 1)
            row[f"{name}_wall_s"] = round(time.perf_counter() - wall, 1)
            away = np.linalg.norm(pelvis_relative(*pose_body(body, found.state)) - true, axis=1)
            row[f"{name}_pve_mm"] = round(1000 * float(away.mean()), 1)
            if name == "dense":
                row["dense_error_px"] = round(found.dense_error or 0.0, 3)
        print(row, flush=True)
        rows.append(row)
    print("mean", {key: round(mean(float(str(row[key])) for row in rows), 1) for key in rows[0] if key != "case"})
    print_table(rows)
    write_csv(arguments.csv, rows)
    print(f"wrote {arguments.csv}")


if __name__ == "__main__":
    main()
