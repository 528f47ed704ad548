"""Does VIAI-AV look? The same gaps with the right video, another clip's, a frozen one, and one shifted by 400 ms.

nox -s bench -- viai picture --data clips
"""

import argparse
import csv
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from viai import __version__
from viai.checkpoints import load_network, weights_folder
from viai.data.gap_lists import kept_gaps
from viai.data.windows import EvaluationDataset
from viai.metrics import mean_interval, psnr_gap
from viai.networks.inpainters import AudioVisualInpainter
from viai.picture import normalise
from viai.spectrogram import MelSpectrogram, compose, interpolate_unknown

Sight = tuple[Tensor, Tensor]

SHIFT_FRAMES = 5
"""400 ms at 12.5 pictures a second."""


def frozen(sight: Sight) -> Sight:
    """Show the first picture all the time, at rest."""
    frames, flow = sight
    return frames[:, :1].expand_as(frames), torch.full_like(flow, 127)


def shifted(sight: Sight) -> Sight:
    """Show everything 400 ms late, the first picture meanwhile."""
    late = torch.arange(sight[0].shape[1]).sub(SHIFT_FRAMES).clamp(min=0)
    return sight[0][:, late], sight[1][:, late]


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="prepared clips")
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--weights", type=Path, help="folder with viai-av.safetensors (default: shipped)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of the other clip")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("picture.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    loaded = load_network(weights_folder(arguments.weights) / "viai-av.safetensors", "viai-av")
    network, config = loaded.network, loaded.config
    assert isinstance(network, AudioVisualInpainter)
    gap_list = arguments.data / f"gaps-{arguments.split}.json"
    gaps = kept_gaps(gap_list, arguments.data, arguments.split, 4, config=config)
    items = EvaluationDataset(arguments.data, arguments.split, gaps, config, picture=True)
    front = MelSpectrogram(config.spectrogram)
    rng = np.random.default_rng(arguments.seed)

    changes: Mapping[str, Callable[[Sight], Sight]] = {
        "right": lambda sight: sight,
        "frozen": frozen,
        "400 ms late": shifted,
    }
    rows: list[dict[str, object]] = []
    for index in range(len(items)):
        batch = items[index]
        clip = items.clips[int(batch.clip[0])]
        unknown = batch.unknown_frames(config.spectrogram)
        target = front(batch.samples)
        known = interpolate_unknown(target, unknown)
        sight = (batch.frames, batch.flow)
        strangers = [number for number, item in enumerate(items.items) if item.clip != items.items[index].clip]
        other = items[int(rng.choice(strangers))]
        shown = {name: change(sight) for name, change in changes.items()} | {
            "another clip's": (other.frames, other.flow)
        }
        for name, (frames, flow) in shown.items():
            painted: Tensor = network(known.unsqueeze(1), normalise(frames), normalise(flow))
            mel = compose(known, painted.squeeze(1), unknown)[0].numpy()
            figure = psnr_gap(mel, target[0].numpy(), unknown[0].numpy())
            rows.append(
                {"clip": clip.name, "label": clip.label, "source": clip.source, "picture": name, "psnr_gap": figure}
            )
    for row in rows:
        row |= {"split": arguments.split, "seed": arguments.seed, "viai": __version__}
    with arguments.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    right = np.array([row["psnr_gap"] for row in rows if row["picture"] == "right"], dtype=float)
    sources = [str(row["source"]) for row in rows if row["picture"] == "right"]
    sys.stdout.write(f"{len(right)} gaps; PSNR of the mel spectrogram inside the gap\n\n")
    sys.stdout.write("| picture | PSNR dB | against the right one |\n| --- | --- | --- |\n")
    for name in ("right", "another clip's", "frozen", "400 ms late"):
        values = np.array([row["psnr_gap"] for row in rows if row["picture"] == name], dtype=float)
        change = mean_interval(values - right, sources)
        sys.stdout.write(
            f"| {name} | {values.mean():.2f} | {change.mean:+.2f} [{change.low:+.2f}, {change.high:+.2f}] |\n"
        )
    sys.stdout.write(f"\nwrote {arguments.csv}\n")


if __name__ == "__main__":
    main()
