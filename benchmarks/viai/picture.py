"""Does VIAI-AV look? The same gaps with the right video, another clip's, a frozen one, one 400 ms late, one reversed.

    nox -s bench -- viai picture --data clips

PSNR over all gaps, onset F1 over the gaps of percussive classes that have an onset, and retrieval over 64 windows: with
the wrong picture, does it still find the sound that the right one belongs to?
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from hr_common.tables import provenance, write_csv
from viai.baselines.interface import Scene
from viai.checkpoints import load_network, weights_folder
from viai.data.gap_lists import kept_gaps
from viai.data.windows import EvaluationDataset
from viai.evaluation.cases import Case, read_cases
from viai.evaluation.painters import AudioVisualPainter, hear, look
from viai.evaluation.tables import cell
from viai.evaluation.windows import WINDOWS, draw_windows
from viai.flow import REST
from viai.metrics import Interval, mean_interval, onset_f1, psnr_gap, retrieve
from viai.networks.inpainters import AudioVisualInpainter
from viai.spectrogram import MelSpectrogram
from viai.synchrony import LEAST_AGREEMENT, agreement

PERCUSSIVE = ("congas", "drums", "xylophone")
SHIFT_PICTURES = 5
"""400 ms at 12.5 pictures a second."""
BATCH = 32

Sight = tuple[np.ndarray, np.ndarray]


def frozen(frames: np.ndarray, flow: np.ndarray) -> Sight:
    """Show the first picture all the time, at rest."""
    return np.broadcast_to(frames[:1], frames.shape), np.full_like(flow, REST)


def late(frames: np.ndarray, flow: np.ndarray) -> Sight:
    """Show everything 400 ms late; until then the first picture, at rest."""
    place = np.arange(len(frames)) - SHIFT_PICTURES
    waits = (place < 0)[:, None, None, None]
    return frames[place.clip(0)], np.where(waits, np.uint8(REST), flow[place.clip(0)])


def backwards(frames: np.ndarray, flow: np.ndarray) -> Sight:
    """Show the film from its end; all movement turns round."""
    turned = np.full_like(flow, REST)
    # The motion that led to a picture leads away from it now, and to the one before.
    turned[1:] = np.clip(2 * REST - flow[:0:-1].astype(np.int16), 0, 255)
    return frames[::-1].copy(), turned


CHANGES: Mapping[str, Callable[[np.ndarray, np.ndarray], Sight]] = {
    "frozen": frozen,
    "400 ms late": late,
    "reversed in time": backwards,
}
PICTURES = ("right", "another clip's", *CHANGES)


def shown(scene: Scene, other: Scene, picture: str) -> Scene:
    """The scene with one of :data:`PICTURES`."""
    if picture == "right":
        return scene
    if picture == "another clip's":
        return replace(scene, frames=other.frames, flow=other.flow)
    assert scene.frames is not None
    assert scene.flow is not None
    frames, flow = CHANGES[picture](scene.frames, scene.flow)
    return replace(scene, frames=frames, flow=flow)


def strangers(clips: Sequence[str], rng: np.random.Generator) -> list[int]:
    """For every window the number of one of another clip."""
    return [int(rng.choice([number for number, name in enumerate(clips) if name != own])) for own in clips]


def read_all(items: EvaluationDataset, front: MelSpectrogram) -> list[Case]:
    """All windows of a list, with their pictures as bytes."""
    return [
        case
        for first in range(0, len(items), BATCH)
        for case in read_cases(items, range(first, min(first + BATCH, len(items))), front)
    ]


def summary(values: np.ndarray, sources: list[str]) -> Interval:
    """Mean and interval over sources of those that are there."""
    there = ~np.isnan(values)
    return mean_interval(values[there], [source for source, has in zip(sources, there, strict=True) if has])


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="prepared clips")
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--gaps", type=Path, help="list of gaps (default: gaps-SPLIT.json in --data)")
    parser.add_argument("--weights", type=Path, help="folder with viai-av.safetensors (default: shipped)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of other clips and of windows")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("picture.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    loaded = load_network(weights_folder(arguments.weights) / "viai-av.safetensors", "viai-av")
    network, config = loaded.network, loaded.config
    assert isinstance(network, AudioVisualInpainter)
    gap_list = arguments.gaps or arguments.data / f"gaps-{arguments.split}.json"
    gaps = kept_gaps(gap_list, arguments.data, arguments.split, 4, config=config)
    items = EvaluationDataset(arguments.data, arguments.split, gaps, config, picture=True)
    front = MelSpectrogram(config.spectrogram)
    cpu = torch.device("cpu")
    painter = AudioVisualPainter(network, cpu)

    cases = [case for case in read_all(items, front) if not case.is_silent]
    others = strangers([case.clip for case in cases], np.random.default_rng(arguments.seed))
    fixed = {
        "split": arguments.split,
        "seed": arguments.seed,
        "step": loaded.card["step"],
        "threads": 1,
    }
    rows: list[dict[str, object]] = []
    for picture in PICTURES:
        for first in range(0, len(cases), BATCH):
            block = range(first, min(first + BATCH, len(cases)))
            scenes = [shown(cases[place].scene, cases[others[place]].scene, picture) for place in block]
            detail = look(network, scenes, cpu)[1]
            for number, (place, mel) in enumerate(zip(block, painter.paint(scenes), strict=True)):
                case = cases[place]
                unknown = case.scene.unknown
                agreed = None
                if detail is not None:
                    told = network.video_encoder.onsets(detail[number : number + 1])[0]
                    agreed = agreement(told, torch.from_numpy(case.scene.mel), torch.from_numpy(unknown))
                figures: dict[str, float | None] = {
                    metric.__name__: metric(mel, case.target, unknown) for metric in (psnr_gap, onset_f1)
                }
                names = {"clip": case.clip, "label": case.label, "source": case.source, "picture": picture}
                rows.append(names | figures | {"agreement": agreed} | fixed)
    write_csv(arguments.csv, rows, provenance("viai", "torch", folder=Path(__file__).parent))

    windows = draw_windows([(clip.name, clip.frames) for clip in items.clips], WINDOWS, config, seed=arguments.seed)
    drawn = read_all(EvaluationDataset(arguments.data, arguments.split, windows, config, picture=True), front)
    heard = hear(network, [case.target for case in drawn], cpu).flatten(1).numpy()
    others = strangers([case.clip for case in drawn], np.random.default_rng(arguments.seed))
    found = {
        picture: retrieve(
            look(
                network,
                [shown(case.scene, drawn[other].scene, picture) for case, other in zip(drawn, others, strict=True)],
                cpu,
            )[0]
            .flatten(1)
            .numpy(),
            heard,
        )
        for picture in PICTURES
    }
    retrieval_csv = arguments.csv.with_name(f"{arguments.csv.stem}_retrieval.csv")
    table = [{"picture": picture, **asdict(found[picture])} | fixed for picture in PICTURES]
    write_csv(retrieval_csv, table, provenance("viai", "torch", folder=Path(__file__).parent))

    def column(picture: str, metric: str, labels: Sequence[str] | None = None) -> np.ndarray:
        return np.array(
            [row[metric] for row in rows if row["picture"] == picture and (labels is None or row["label"] in labels)],
            dtype=float,
        )

    sources = [case.source for case in cases]
    struck = [case.source for case in cases if case.label in PERCUSSIVE]
    with_onset = int((~np.isnan(column("right", "onset_f1", PERCUSSIVE))).sum())
    sys.stdout.write(
        f"{len(cases)} gaps, PSNR of the mel spectrogram inside the gap; onset F1 within 50 ms over the {with_onset} "
        f"gaps of {', '.join(PERCUSSIVE)} that have an onset; retrieval among {found['right'].windows} windows "
        f"(chance {1 / found['right'].windows:.3f})\n\n"
    )
    sys.stdout.write(
        "| picture | PSNR dB | against the right one | onset F1 | against the right one | R@1 | R@5 | R@10 |"
    )
    sys.stdout.write(f" median rank | taken by auto |\n|{' --- |' * 10}\n")
    for picture in PICTURES:
        psnr, onset = column(picture, "psnr_gap"), column(picture, "onset_f1", PERCUSSIVE)
        cells = [
            cell(summary(psnr, sources), 2),
            cell(summary(psnr - column("right", "psnr_gap"), sources), 2, sign=True),
            cell(summary(onset, struck), 3) if with_onset else "–",
            cell(summary(onset - column("right", "onset_f1", PERCUSSIVE), struck), 3, sign=True) if with_onset else "–",
            *(f"{share:.3f}" for share in (found[picture].recall_1, found[picture].recall_5, found[picture].recall_10)),
            f"{found[picture].median_rank:.1f}",
            f"{(column(picture, 'agreement') >= LEAST_AGREEMENT).mean():.0%}",
        ]
        sys.stdout.write(f"| {picture} | {' | '.join(cells)} |\n")
    sys.stdout.write(f"\nwrote {arguments.csv} and {retrieval_csv}\n")


if __name__ == "__main__":
    main()
