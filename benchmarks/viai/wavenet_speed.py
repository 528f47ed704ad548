"""How long a second of sound takes to sample: the compiled loop beside the eager one and the naive way, in one run.

What is timed is the processor at work on this, so that what else the machine does counts little; on a free core it is
the time that one waits. Of sequences side by side it is the time of one, for a second of each. All paths take turns.

nox -s bench -- viai wavenet_speed
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from hr_common.tables import provenance, write_csv
from viai.checkpoints import load_network, weights_folder
from viai.networks.generation import Engine, generate
from viai.networks.wavenet import WaveNet

RATE = 16_000
SIDE_BY_SIDE = (4, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="folder with wavenet.safetensors (default: shipped)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("wavenet_speed.csv"))
    arguments = parser.parse_args()
    # What is asked is the speed of one core.
    torch.set_num_threads(1)
    # An empty cache, so that compiling is measured too.
    cache = tempfile.TemporaryDirectory()
    os.environ["NUMBA_CACHE_DIR"] = cache.name

    network = load_network(weights_folder(arguments.weights) / "wavenet.safetensors", "wavenet").network
    assert isinstance(network, WaveNet)
    field = network.config.receptive_field
    generator = torch.Generator().manual_seed(arguments.seed)
    batch = max(SIDE_BY_SIDE)
    mel = torch.rand(batch, network.mel_bands, 200, generator=generator)
    past = 0.1 * torch.randn(batch, field, generator=generator).clamp(-3, 3)

    def incremental(engine: Engine, sequences: int = 1) -> Callable[[int], None]:
        def run(samples: int) -> None:
            noise = torch.rand(sequences, samples, 2, generator=generator)
            generate(network, past[:sequences], mel[:sequences], noise, engine=engine)

        return run

    @torch.no_grad()
    def naive(samples: int) -> None:
        sound = past[:1]
        for _ in range(samples):
            network(sound[:, -field:], mel[:1])
            sound = torch.cat([sound, sound[:, -1:]], dim=1)

    began = time.process_time()
    incremental("compiled")(16)
    compilation = time.process_time() - began
    # Name, what to run, for how many samples, of how many sequences. The past is worked off each time.
    paths: list[tuple[str, Callable[[int], None], int, int]] = [
        ("compiled, incremental", incremental("compiled"), RATE, 1),
        *(
            (f"compiled, incremental, {sequences} side by side", incremental("compiled", sequences), RATE, sequences)
            for sequences in SIDE_BY_SIDE
        ),
        ("PyTorch eager, incremental", incremental("eager"), RATE // 4, 1),
        ("PyTorch, whole field for each sample", naive, 8, 1),
    ]
    times: dict[str, list[float]] = {name: [] for name, *_ in paths}
    for _ in range(arguments.repetitions):
        for name, run, samples, sequences in paths:
            began = time.process_time()
            run(samples)
            times[name].append((time.process_time() - began) * RATE / samples / sequences)
    base = median(times[paths[0][0]])
    rows = [
        {
            "path": name,
            "seconds_per_second": round(median(taken), 3),
            "lowest": round(min(taken), 3),
            "highest": round(max(taken), 3),
            "ratio_to_compiled": round(median(taken) / base, 2),
            "compilation_seconds": round(compilation, 1),
            "repetitions": len(taken),
            "seed": arguments.seed,
            "threads": 1,
        }
        for name, taken in times.items()
    ]
    write_csv(arguments.csv, rows, provenance("viai", "torch", folder=Path(__file__).parent))
    config = network.config
    sys.stdout.write(
        f"{config.layers} layers, {config.residual_channels}/{config.gate_channels}/{config.skip_channels} channels, "
        f"receptive field {field} samples; compiled in {compilation:.1f} s\n\n"
    )
    sys.stdout.write("| path | processor seconds for a second of sound | times compiled |\n| --- | --- | --- |\n")
    for row in rows:
        spread = f"{row['lowest']} to {row['highest']}"
        sys.stdout.write(f"| {row['path']} | {row['seconds_per_second']} ({spread}) | {row['ratio_to_compiled']} |\n")
    sys.stdout.write(f"\nwrote {arguments.csv}\n")


if __name__ == "__main__":
    main()
