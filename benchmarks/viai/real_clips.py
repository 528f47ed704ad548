"""Does what was learnt from drawn players hold for real ones? Gaps in videos of musicians, filled by every method.

    nox -s bench -- viai real_clips --videos clips

The videos lie in one folder, ``<class>_<anything>.mp4``. With few of them the intervals are wide, and nothing but the
figures may be published of recordings whose rights are not cleared.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from hr_common.files import write_json
from viai.checkpoints import load_network, weights_folder
from viai.data.videos import SUFFIXES, VideoFile, prepare
from viai.evaluation import evaluate

METHODS = ("interpolation", "context mean", "ar", "copy", "viai-a", "viai-av")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, required=True, help="folder of <class>_<anything>.mp4")
    parser.add_argument("--per-clip", type=int, default=6, help="gaps a clip")
    parser.add_argument("--weights", type=Path, help="folder with viai-a and viai-av (default: shipped)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="also write the figures of every gap")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    paths = sorted(path for path in arguments.videos.iterdir() if path.suffix.lower() in SUFFIXES)
    videos = [VideoFile(path.stem.partition("_")[0], path.stem, path) for path in paths]
    config = load_network(weights_folder(arguments.weights) / "viai-av.safetensors", "viai-av").config
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        splits = [{"class": video.label, "id": video.id, "split": "test"} for video in videos]
        write_json(root / "manifest.json", splits)
        prepare(arguments.videos, root / "clips", config, manifest=root / "manifest.json", videos=videos)
        result = evaluate(
            root / "clips",
            "test",
            root / "gaps.json",
            per_clip=arguments.per_clip,
            weights=arguments.weights,
            methods=METHODS,
            seed=arguments.seed,
            device="cpu",
        )
    if arguments.csv is not None:
        result.write_csv(arguments.csv, {"seed": arguments.seed, "torch": torch.__version__})
    sys.stdout.write(f"{result.markdown()}\n")


if __name__ == "__main__":
    main()
