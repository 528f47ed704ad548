"""Our body against smplx on one synthetic SMPL file of 6,890 vertices, and gathered dense points against skinning all.

    nox -s bench -- hybridmesh body_speed

Both read the same numbers in the same process; CPU time of one thread. The file holds random numbers; every vertex
hangs on all 24 joints a little, which is more than a real file asks for. Skinning all means: the same dense points,
taken from all the vertices of the free body, values and gradients.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from records import milliseconds, print_table, write_csv

from hybridmesh.body import BodyArrays, BodyModel, load_body
from hybridmesh.body.smpl_files import write_smpl


def synthetic(rng: np.random.Generator, vertices: int = 6890) -> BodyArrays:
    """A body in SMPL's form, of random numbers."""
    weights = rng.random((vertices, 24)) * (rng.random((vertices, 24)) < 0.15) + 1e-3
    regressor = rng.random((24, vertices)) * (rng.random((24, vertices)) < 0.01) + 1e-5
    regressor /= regressor.sum(1, keepdims=True)
    template, shape = rng.normal(size=(vertices, 3)) * 0.4, rng.normal(size=(vertices, 3, 10)) * 0.02
    return BodyArrays(
        name="synthetic", license="none", template=template, shape_directions=shape,
        pose_directions=rng.normal(size=(vertices, 3, 207)) * 0.005, weights=weights / weights.sum(1, keepdims=True),
        faces=rng.integers(0, vertices, (13776, 3)), joint_template=regressor @ template,
        joint_directions=np.einsum("jv,vab->jab", regressor, shape), regressors={"smpl24": regressor},
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("body_speed.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "SMPL_NEUTRAL.npz"
        write_smpl(path, synthetic(np.random.default_rng(arguments.seed)))
        ours, theirs = load_body(path), load_body(f"smplx:{path}")
    assert isinstance(ours, BodyModel)
    rows: list[dict[str, object]] = []
    for batch in (1, 64):
        betas, pose = torch.randn(batch, 10), torch.randn(batch, 24, 3) * 0.3
        with torch.no_grad():
            difference = (ours(betas, pose).vertices - theirs(betas, pose).vertices).abs().max().item()

        def forward(engine: torch.nn.Module, betas: torch.Tensor = betas, pose: torch.Tensor = pose) -> None:
            with torch.no_grad():
                engine(betas, pose)

        def both(engine: torch.nn.Module, betas: torch.Tensor = betas, pose: torch.Tensor = pose) -> None:
            shape, turned = betas.clone().requires_grad_(), pose.clone().requires_grad_()
            engine(shape, turned).vertices.square().sum().backward()

        for what, work in (("forward", forward), ("forward and backward", both)):
            mine = milliseconds(lambda work=work: work(ours), arguments.repetitions)  # type: ignore[misc]
            other = milliseconds(lambda work=work: work(theirs), arguments.repetitions)  # type: ignore[misc]
            rows.append(
                {
                    "what": what, "batch": batch, "ours_ms": round(mine[0], 2), "smplx_ms": round(other[0], 2),
                    "times_faster": round(other[0] / mine[0], 2), "largest_difference_m": f"{difference:.1e}",
                }
            )  # fmt: skip
            print(rows[-1], flush=True)
    free = load_body("free")
    assert isinstance(free, BodyModel)
    betas, pose = torch.randn(64, 10), torch.randn(64, 24, 3) * 0.3
    ids = torch.from_numpy(free.faces[np.random.default_rng(0).integers(0, len(free.faces), (64, 400))])
    shares = torch.full((64, 400, 3), 1 / 3)

    def gathered() -> None:
        shape, turned = betas.clone().requires_grad_(), pose.clone().requires_grad_()
        free.surface(shape, turned, ids, shares).square().sum().backward()

    def skinned() -> None:
        shape, turned = betas.clone().requires_grad_(), pose.clone().requires_grad_()
        vertices = free(shape, turned).vertices
        corners = vertices[torch.arange(64)[:, None, None], ids]
        (corners * shares[..., None]).sum(2).square().sum().backward()

    few, all_ = milliseconds(gathered, arguments.repetitions), milliseconds(skinned, arguments.repetitions)
    rows.append(
        {
            "what": "400 dense points of the free body, forward and backward", "batch": 64, "ours_ms": round(few[0], 2),
            "skinning_all_ms": round(all_[0], 2), "times_faster": round(all_[0] / few[0], 2),
        }
    )  # fmt: skip
    print(rows[-1])
    print_table(rows)
    write_csv(arguments.csv, rows)
    print(f"wrote {arguments.csv}")


if __name__ == "__main__":
    main()
