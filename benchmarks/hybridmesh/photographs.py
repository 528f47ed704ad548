"""Fit everybody that a detector found on photographs, and compare with the detector's masks.

    nox -s bench -- hybridmesh photographs PHOTOS LANDMARKS.json --overlays FOLDER

LANDMARKS is what the optional detector wrote, or any file that ``hybridmesh recover --keypoints`` reads. The masks are
the detector's too: they say how well a body fits what was given, not how right it is. CPU time of one thread.
"""

import argparse
import time
from pathlib import Path

import torch
from records import print_table, write_csv

from hr_common import image
from hybridmesh import Recoverer, load_body, load_recovery
from hybridmesh.body import BodyModel
from hybridmesh.landmarks import read_landmarks
from hybridmesh.recovery import find_photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="file or folder")
    parser.add_argument("landmarks", type=Path)
    parser.add_argument("--overlays", type=Path, help="folder to write the overlays to")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("photographs.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body("free")
    assert isinstance(body, BodyModel)
    recoverer = Recoverer(body, load_recovery())
    rows = []
    for path in find_photos([arguments.photos]):
        photo = image.read(path)
        began = time.process_time()
        recovery = recoverer.recover(photo, read_landmarks(arguments.landmarks, path.name, photo.shape[:2]))
        spent = (time.process_time() - began) / len(recovery.people)
        if arguments.overlays is not None:
            arguments.overlays.mkdir(parents=True, exist_ok=True)
            image.write(arguments.overlays / f"{path.stem}.png", recovery.overlay())
        for number, person in enumerate(recovery.people):
            rows.append(
                {
                    "photo": path.name, "person": number, "mask_iou": round(person.mask_iou or 0.0, 3),
                    "keypoint_error_px_of_224": round(person.fit.keypoint_error, 2) if person.fit else None,
                    "cpu_seconds": round(spent, 1),
                }
            )  # fmt: skip
            print(rows[-1], flush=True)
    print_table(rows)
    write_csv(arguments.csv, rows)
    print(f"wrote {arguments.csv}")


if __name__ == "__main__":
    main()
