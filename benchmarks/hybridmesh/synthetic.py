"""Rendered people: time to make one, and to crop a batch of them for training.

    nox -s bench -- hybridmesh synthetic --mocap FOLDER

CPU time of one thread. Without --mocap poses are random angles.
"""

import argparse
import time
from pathlib import Path

import torch
from records import milliseconds, write_csv

from hybridmesh.body import BodyModel, load_body
from hybridmesh.config import AugmentConfig, SynthConfig
from hybridmesh.data.batches import PeopleDataset
from hybridmesh.data.synthetic import split_motions, synthesize
from hybridmesh.motion import Motion, read_motion

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, default=320)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("synthetic.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for name in ("free-lo", "free"):
        body = load_body(name)
        assert isinstance(body, BodyModel)
        motions: list[Motion] = []
        if arguments.mocap is not None:
            files = sorted(path for path in arguments.mocap.rglob("*") if path.suffix in (".amc", ".bvh"))
            motions, _ = split_motions([read_motion(path, body) for path in files], SynthConfig().test_clips)
        for size, noise in ((64, False), (64, True), (96, False)):
            config = SynthConfig(size=size, noise=noise)
            synthesize(body, motions, config, count=2, domain="wild", seed=1)
            began = time.process_time()
            people = synthesize(body, motions, config, count=arguments.people, domain="wild", seed=arguments.seed)
            spent = 1000 * (time.process_time() - began) / arguments.people
            row: dict[str, object] = {"body": name, "pixels": size, "noise": noise, "ms_a_person": round(spent, 1)}
            for column, inputs, augment in (
                ("batch_iuv_flip_ms", "iuv", AugmentConfig()),
                ("batch_image_iuv_flip_ms", "image+iuv", AugmentConfig()),
                ("batch_image_iuv_turn_ms", "image+iuv", AugmentConfig(rotation=30.0, scale=0.25, gain=0.4)),
            ):
                data = PeopleDataset(people, body, size=size, inputs=inputs, augment=augment, dense_points=40)  # type: ignore[arg-type]
                median, _ = milliseconds(lambda d=data: d.batch(range(BATCH)), 10)  # type: ignore[misc]
                row[column] = round(median, 1)
            rows.append(row)
            print(row, flush=True)
    write_csv(arguments.csv, rows)
    names = list(rows[0])
    print(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(str(row[name]) for name in names)} |")
    print(f"wrote {arguments.csv}")


if __name__ == "__main__":
    main()
