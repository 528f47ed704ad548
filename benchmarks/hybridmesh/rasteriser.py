"""The rasteriser at 224 pixels on 26,756 faces: time, and equality with a ray caster and with its own fallback.

    nox -s bench -- hybridmesh rasteriser

The ray caster is Intel's Embree through trimesh. CPU time of one thread.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import trimesh
from records import milliseconds, print_table, write_csv
from scipy.spatial.transform import Rotation
from trimesh.ray.ray_pyembree import RayMeshIntersector

from hybridmesh.body import BodyModel, load_body
from hybridmesh.rasteriser import rasterise

SIZE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bodies", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("rasteriser.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(arguments.seed)
    body = load_body("free")
    assert isinstance(body, BodyModel)
    rows = []
    for number in range(arguments.bodies):
        pose = torch.from_numpy(rng.normal(size=(1, 24, 3)) * 0.3).float()
        pose[0, 0] = torch.from_numpy((Rotation.from_rotvec([np.pi, 0, 0]) * Rotation.random(rng=rng)).as_rotvec())
        with torch.no_grad():
            vertices = body(torch.from_numpy(rng.normal(size=(1, 10))).float(), pose).vertices[0].double().numpy()
        middle = (vertices.max(0) + vertices.min(0)) / 2
        screen = (vertices - middle) * (0.95 * SIZE / np.ptp(vertices, axis=0)[:2].max())
        screen += np.array([SIZE / 2, SIZE / 2, 1000])
        median, least = milliseconds(lambda s=screen: rasterise(s, body.faces, SIZE, SIZE), arguments.repetitions)  # type: ignore[misc]
        raster = rasterise(screen, body.faces, SIZE, SIZE)
        slow = rasterise(screen, body.faces, SIZE, SIZE, engine="numpy")
        rays = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5), -1).reshape(-1, 2)
        origins = np.column_stack([rays, np.zeros(len(rays))])
        caster = RayMeshIntersector(trimesh.Trimesh(screen, body.faces, process=False))
        hit = caster.intersects_first(origins, np.tile([0.0, 0, 1], (len(rays), 1))).reshape(SIZE, SIZE)
        rows.append(
            {
                "body": number, "faces": len(body.faces), "median_ms": round(median, 3), "least_ms": round(least, 3),
                "equal_to_ray_caster": round(float((hit == raster.face).mean()), 5),
                "equal_to_fallback": bool((slow.face == raster.face).all() and (slow.depth == raster.depth).all()),
            }
        )  # fmt: skip
        print(rows[-1], flush=True)
    print_table(rows)
    write_csv(arguments.csv, rows)
    print(f"wrote {arguments.csv}")


if __name__ == "__main__":
    main()
