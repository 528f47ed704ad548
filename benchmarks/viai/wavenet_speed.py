"""How long a second of sound takes to sample: the compiled loop beside the eager one and the naive way, in one run.

nox -s bench -- viai wavenet_speed
"""

import argparse
import csv
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from viai import __version__
from viai.checkpoints import load_network, weights_folder
from viai.networks.generation import generate
from viai.networks.wavenet import WaveNet


def seconds_per_second(run: Callable[[int], None], samples: int, repetitions: int, rate: int = 16_000) -> list[float]:
    """Time ``run(samples)`` and scale to one second of sound."""
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        run(samples)
        times.append((time.perf_counter() - began) * rate / samples)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="folder with wavenet.safetensors (default: shipped)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("wavenet_speed.csv"))
    arguments = parser.parse_args()
    # What is asked is the speed of one core.
    torch.set_num_threads(1)

    network = load_network(weights_folder(arguments.weights) / "wavenet.safetensors", "wavenet").network
    assert isinstance(network, WaveNet)
    field = network.config.receptive_field
    generator = torch.Generator().manual_seed(arguments.seed)
    mel = torch.rand(1, network.mel_bands, 200, generator=generator)
    past = 0.1 * torch.randn(1, field, generator=generator).clamp(-3, 3)

    def incremental(engine: str) -> Callable[[int], None]:
        def run(samples: int) -> None:
            noise = torch.rand(1, samples, 2, generator=generator)
            generate(network, past, mel, noise, engine=engine)  # type: ignore[arg-type]

        return run

    @torch.no_grad()
    def naive(samples: int) -> None:
        sound = past.clone()
        for _ in range(samples):
            network(sound[:, -field:], mel)
            sound = torch.cat([sound, sound[:, -1:]], dim=1)

    began = time.perf_counter()
    incremental("compiled")(16)
    compilation = time.perf_counter() - began
    paths = [
        ("compiled, incremental", seconds_per_second(incremental("compiled"), 16_000, arguments.repetitions)),
        ("PyTorch eager, incremental", seconds_per_second(incremental("eager"), 400, arguments.repetitions)),
        ("PyTorch, whole field for each sample", seconds_per_second(naive, 8, arguments.repetitions)),
    ]
    base = median(paths[0][1])
    rows = [
        {
            "path": name,
            "seconds_per_second": round(median(times), 3),
            "lowest": round(min(times), 3),
            "highest": round(max(times), 3),
            "ratio_to_compiled": round(median(times) / base, 1),
            "repetitions": len(times),
            "seed": arguments.seed,
            "threads": 1,
            "viai": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
        }
        for name, times in paths
    ]
    with arguments.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    config = network.config
    sys.stdout.write(
        f"{config.layers} layers, {config.residual_channels}/{config.gate_channels}/{config.skip_channels} channels, "
        f"receptive field {field} samples; first call with compilation or its cache: {compilation:.1f} s\n\n"
    )
    sys.stdout.write("| path | seconds for a second of sound | times compiled |\n| --- | --- | --- |\n")
    for row in rows:
        spread = f"{row['lowest']} to {row['highest']}"
        sys.stdout.write(f"| {row['path']} | {row['seconds_per_second']} ({spread}) | {row['ratio_to_compiled']} |\n")
    sys.stdout.write(f"\nwrote {arguments.csv}\n")


if __name__ == "__main__":
    main()
