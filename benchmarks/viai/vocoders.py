"""What each vocoder makes of the true spectrogram of a gap: WaveNet beside phase reconstruction, on held-out clips.

    nox -s bench -- viai vocoders --data clips

The spectrogram is the intact sound's, so what is left is the vocoder's own doing.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from hr_common.tables import provenance, write_csv
from viai.checkpoints import load_network, weights_folder
from viai.data.gap_lists import kept_gaps
from viai.data.windows import EvaluationDataset
from viai.joins import join
from viai.metrics import log_spectral_distance, mean_interval, psnr_gap, snr_gap
from viai.networks.wavenet import WaveNet
from viai.phase import fill_by_phase
from viai.spectrogram import MelSpectrogram
from viai.waveform import OVERHANG_SECONDS, sample_gap

METRICS = ("log_spectral_distance", "psnr_gap", "snr_gap", "seconds_per_second")


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="prepared clips")
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--weights", type=Path, help="folder with wavenet.safetensors (default: shipped)")
    parser.add_argument("--every", type=int, default=4, help="take every so many gaps of the list")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("vocoders.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    loaded = load_network(weights_folder(arguments.weights) / "wavenet.safetensors", "wavenet")
    network, config = loaded.network, loaded.config
    assert isinstance(network, WaveNet)
    gap_list = arguments.data / f"gaps-{arguments.split}.json"
    gaps = kept_gaps(gap_list, arguments.data, arguments.split, 4, config=config)
    items = EvaluationDataset(arguments.data, arguments.split, gaps, config, picture=False)
    front = MelSpectrogram(config.spectrogram)
    rate = config.spectrogram.sample_rate
    overhang = round(OVERHANG_SECONDS * rate)

    rows: list[dict[str, object]] = []
    for index in range(0, len(items), arguments.every):
        batch = items[index]
        clip = items.clips[int(batch.clip[0])]
        target = front(batch.samples)
        unknown = batch.unknown_frames(config.spectrogram)[0].numpy()
        start, stop = batch.gap[0].tolist()
        intact = batch.samples[0].numpy().astype(np.float64)
        damaged = intact.copy()
        damaged[start:stop] = 0
        for vocoder in ("wavenet", "phase"):
            began = time.perf_counter()
            if vocoder == "phase":
                mel = target[0].numpy().astype(np.float64)
                filling = fill_by_phase(damaged, start, stop, mel, front.filters.numpy(), seed=arguments.seed)
            else:
                length = min(stop - start + overhang, len(intact) - start)
                rng = np.random.default_rng((arguments.seed, index))
                filling = sample_gap(network, damaged, start, length, target, rng)
            seconds = time.perf_counter() - began
            repaired = damaged.copy()
            repaired[start:stop] = join(damaged, start, stop, filling, rate)
            again = front(torch.from_numpy(repaired.astype(np.float32)).unsqueeze(0))[0].numpy()
            rows.append(
                {
                    "clip": clip.name,
                    "source": clip.source,
                    "vocoder": vocoder,
                    "log_spectral_distance": log_spectral_distance(again, target[0].numpy(), unknown),
                    "psnr_gap": psnr_gap(again, target[0].numpy(), unknown),
                    "snr_gap": snr_gap(repaired[start:stop], intact[start:stop]),
                    "seconds_per_second": seconds * rate / (stop - start),
                    "seed": arguments.seed,
                }
            )
    write_csv(arguments.csv, rows, provenance("viai", "torch", folder=Path(__file__).parent))

    sources = [str(row["source"]) for row in rows if row["vocoder"] == "phase"]
    sys.stdout.write(f"{len(sources)} gaps of 0.4 s to 1.0 s; the true spectrogram is given\n\n")
    sys.stdout.write("| vocoder | log-spectral distance dB | mel PSNR dB | SNR dB | seconds a second |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- |\n")
    for vocoder in ("wavenet", "phase"):
        cells = []
        for metric in METRICS:
            values = np.array([row[metric] for row in rows if row["vocoder"] == vocoder], dtype=float)
            interval = mean_interval(values, sources)
            cells.append(f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]")
        sys.stdout.write(f"| {vocoder} | {' | '.join(cells)} |\n")
    sys.stdout.write(f"\nwrote {arguments.csv}\n")


if __name__ == "__main__":
    main()
