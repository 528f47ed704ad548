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
from viai.data.gap_lists import kept_gaps
from viai.data.videos import SUFFIXES, VideoFile, prepare
from viai.data.windows import EvaluationDataset
from viai.evaluation import evaluate
from viai.evaluation.cases import read_cases
from viai.evaluation.painters import look
from viai.networks.inpainters import AudioVisualInpainter
from viai.spectrogram import MelSpectrogram
from viai.synchrony import LEAST_AGREEMENT, agreement

METHODS = ("interpolation", "context mean", "ar", "copy", "viai-a", "viai-av")


@torch.inference_mode()
def agreements(clips: Path, gaps: Path, per_clip: int, weights: Path | None) -> list[float]:
    """How well each picture goes with the sound around its gap; none where it tells nothing."""
    loaded = load_network(weights_folder(weights) / "viai-av.safetensors", "viai-av")
    network, config = loaded.network, loaded.config
    assert isinstance(network, AudioVisualInpainter)
    items = EvaluationDataset(
        clips, "test", kept_gaps(gaps, clips, "test", per_clip, config=config), config, picture=True
    )
    found = []
    for case in read_cases(items, range(len(items)), MelSpectrogram(config.spectrogram)):
        detail = look(network, [case.scene], torch.device("cpu"))[1]
        if detail is not None:
            told = network.video_encoder.onsets(detail)[0]
            found.append(agreement(told, torch.from_numpy(case.scene.mel), torch.from_numpy(case.scene.unknown)))
    return [value for value in found if value is not None]


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
        agreed = agreements(root / "clips", root / "gaps.json", arguments.per_clip, arguments.weights)
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
    believed = sum(value >= LEAST_AGREEMENT for value in agreed)
    sys.stdout.write(f"auto believes the picture in {believed} of {len(agreed)} gaps\n\n")
    if arguments.csv is not None:
        result.write_csv(arguments.csv, {"seed": arguments.seed, "torch": torch.__version__})
    sys.stdout.write(f"{result.markdown()}\n")


if __name__ == "__main__":
    main()
