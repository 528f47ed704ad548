"""The rows of the paper's results table, and the ones it lacks, on held-out clips of our own.

    nox -s bench -- viai table --data clips --baselines runs
    nox -s bench -- viai table --data clips --baselines runs --lengths 0.05,0.1,0.2,0.4,0.8,1.5

The same as ``viai evaluate``, with machine and versions beside every figure, and the paper's table below, for itself.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from hr_common.tables import provenance
from viai.data.gap_lists import parse_lengths
from viai.evaluation import evaluate, write_page

PAPER = """### The paper's own figures

On its own data (MUSICES) with its own models; the regions are not stated. They cannot be compared with those above.

| method | PSNR dB | SSIM | SDR dB | OPS |
| --- | --- | --- | --- | --- |
| SampleRNN | 9.1 | 0.33 | 4.89 | 51.1 |
| Visual2Sound | 10.2 | 0.35 | 3.70 | 51.3 |
| bi-SampleRNN | 12.8 | 0.38 | 4.20 | 51.2 |
| bi-Visual2Sound | 13.6 | 0.41 | 4.72 | 52.2 |
| VIAI-A | 22.2 | 0.61 | 6.54 | 52.4 |
| VIAI-AV | 23.2 | 0.64 | 6.63 | 56.3 |
| VIAI-AA' (oracle, sees the answer) | 26.6 | 0.75 | 6.89 | 56.7 |

Zhou, Liu, Xu, Luo, Wang, "Vision-Infused Deep Audio Inpainting", ICCV 2019, table 1. OPS has no counterpart above: its
reference implementation, PEASS, needs MATLAB.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="prepared clips")
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--gaps", type=Path, help="list of gaps (default: gaps-SPLIT.json in --data)")
    parser.add_argument("--lengths", help="lengths of the gaps in seconds, with commas between")
    parser.add_argument("--per-clip", type=int, help="gaps a clip in a new list (default: 4; one of each length)")
    parser.add_argument("--weights", type=Path, help="folder with viai-a and viai-av (default: shipped)")
    parser.add_argument("--baselines", type=Path, help="folder with the weights of the recurrent baselines")
    parser.add_argument("--methods", help="rows, with commas between (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="default: table.csv beside this file, or table_lengths.csv")
    parser.add_argument("--html", type=Path, help="also write a page")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    kind = "-lengths" if arguments.lengths else ""
    path = arguments.csv or Path(__file__).with_name(f"table{kind.replace('-', '_')}.csv")
    began = time.perf_counter()
    result = evaluate(
        arguments.data,
        arguments.split,
        arguments.gaps or arguments.data / f"gaps-{arguments.split}{kind}.json",
        per_clip=arguments.per_clip or (1 if arguments.lengths else 4),
        lengths_seconds=parse_lengths(arguments.lengths) if arguments.lengths else None,
        weights=arguments.weights,
        baselines=arguments.baselines,
        methods=arguments.methods.split(",") if arguments.methods else None,
        seed=arguments.seed,
        device="cpu",
    )
    seconds = time.perf_counter() - began
    result.write_csv(
        path,
        {
            "split": arguments.split,
            "seed": arguments.seed,
            **provenance("viai", "torch", folder=Path(__file__).parent),
            "threads": 1,
        },
    )
    if arguments.html:
        write_page(arguments.html, result)
    sys.stdout.write(f"{result.markdown()}\n\n{PAPER}\n{seconds:.0f} s; wrote {path}\n")


if __name__ == "__main__":
    main()
