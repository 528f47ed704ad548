"""Regressor alone, fit alone, and fit that starts at the regressor, on rendered people that nobody was trained on.

    nox -s bench -- hybridmesh regressor TEST
    nox -s bench -- hybridmesh regressor TEST --weights runs/iuv --ship iuv.safetensors

TEST is a set of people with IUV maps, such as `hybridmesh synth` writes. Each person is given as it is on a photo: its
keypoints and its map; PVE is aligned at the pelvis, plain over vertices. With --ship the weights are rounded to 16 bits
and get the card that they are published with.
"""

import argparse
import time
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from records import write_csv

from hybridmesh.body import BodyModel, load_body
from hybridmesh.config import load_recovery
from hybridmesh.data.people import PeopleSet
from hybridmesh.fitting import BodyState, pelvis_relative
from hybridmesh.iuv import from_picture
from hybridmesh.joints import Keypoints
from hybridmesh.landmarks import SeenPerson
from hybridmesh.networks.parameters import mean_body
from hybridmesh.recovery import Person, Recoverer, pose_body
from hybridmesh.regressor import SHIPPED, Regressor
from hybridmesh.rotations import axis_angle_to_matrix

CREDIT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF "
    "EIA-0196217."
)
LIMITS = (
    "It has seen rendered people only, of one body model, with maps free of errors, in the poses of nine recordings "
    "and in random ones. It knows no clothes, no children, no crowds. On photos it is a start for a fit, not a result."
)
SYNTH = "--count 400,3600,60 --set size=48 --set framing=box --set studio_yaw=180 --set studio_subjects=0"
COMMANDS = [
    f"hybridmesh synth people --mocap MOCAP --body free-lo {SYNTH}",
    "hybridmesh train people/studio people/wild --body free-lo --input iuv --supervision full --out runs/iuv",
    "python benchmarks/hybridmesh/regressor.py people/test --weights runs/iuv --ship iuv.safetensors",
]


def ship(weights: Path, out: Path) -> None:
    """Round the weights and complete their card."""
    regressor = Regressor.load(weights)
    facts = {
        "also_bodies": [load_body("free").id], "credit": CREDIT, "limits": LIMITS, "commands": COMMANDS,
        "licence": "Apache-2.0",
    }  # fmt: skip
    Regressor(regressor.network, {**regressor.card, **facts}).save(out, half=True)
    print(f"wrote {out}: {out.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test", type=Path)
    parser.add_argument("--weights", type=Path, default=SHIPPED["iuv"])
    parser.add_argument("--ship", type=Path)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("regressor.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.ship is not None:
        ship(arguments.weights, arguments.ship)
        return
    body = load_body("free-lo")
    assert isinstance(body, BodyModel)
    people = PeopleSet.load(arguments.test)
    regressor = Regressor.load(arguments.weights)
    ways = {
        "regressor": (Recoverer(body, load_recovery(), regressor), False),
        "fit": (Recoverer(body, load_recovery()), True),
        "regressor_fit": (Recoverer(body, load_recovery(), regressor), True),
    }
    rows: list[dict[str, object]] = []
    for number in range(min(arguments.people, len(people))):
        pose = axis_angle_to_matrix(torch.from_numpy(people["pose"][number]).reshape(24, 3)).double().numpy()
        truth = BodyState(pose, people["shape"][number].astype(float), people["camera"][number].astype(float))
        true = pelvis_relative(*pose_body(body, truth))
        points = people["keypoints"][number].astype(float)
        size = people["crops"].shape[1]
        seen = SeenPerson(keypoints=Keypoints(points[:, :2], points[:, 2]), box=(0.0, 0.0, float(size), float(size)))
        dense = from_picture(people["iuv_crops"][number], order="iuv", family=body.require_charts().family)
        row: dict[str, object] = {"person": number}
        mean_state = mean_body(1, body.num_betas)
        guess = BodyState(mean_state.pose[0].double().numpy(), np.zeros(body.num_betas), truth.camera)
        row["mean_body_pve_mm"] = distance(pelvis_relative(*pose_body(body, guess)), true)
        for name, (recoverer, fit) in ways.items():
            began = time.process_time()
            person: Person = recoverer.recover(people["crops"][number], [seen], maps=[dense], fit=fit).people[0]
            row[f"{name}_cpu_s"] = round(time.process_time() - began, 2)
            row[f"{name}_pve_mm"] = distance(pelvis_relative(person.vertices, person.joints), true)
        rows.append(row)
        print(row, flush=True)
    write_csv(arguments.csv, rows)
    names = [name for name in rows[0] if name != "person"]
    print(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    print(f"| {' | '.join(f'{mean(float(str(row[name])) for row in rows):.1f}' for name in names)} |")
    print(f"wrote {arguments.csv}")


def distance(prediction: np.ndarray, target: np.ndarray) -> float:
    """Mean distance in millimetres."""
    return round(1000 * float(np.linalg.norm(prediction - target, axis=1).mean()), 1)


if __name__ == "__main__":
    main()
