"""Throughput of the dense edge filtering layer against PyTorch Geometric's EdgeConv: same outfits, same parameters.

nox -s bench -- graphfit layer_speed

Outfits of 3 to 8 items, as many of each size; forward and backward in one process, the two layers in turn. Seconds are
those of the processor on one thread, since machines are shared; median over the repetitions. Writes
layer_speed.csv beside this script.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from graphfit.networks.edge_filtering import EdgeFiltering
from hr_common.tables import provenance, write_csv

with warnings.catch_warnings():
    # torch.jit.script is deprecated; PyTorch Geometric calls it at import.
    warnings.simplefilter("ignore")
    from torch_geometric.nn import EdgeConv


def complete_graphs(sizes: list[int]) -> Tensor:
    """Edges of a batch of complete graphs without self-loops."""
    parts, start = [], 0
    for size in sizes:
        i, j = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        parts.append(torch.stack([j[i != j], i[i != j]]) + start)
        start += size
    return torch.cat(parts, dim=1)


def seconds(run: Callable[[], Tensor]) -> float:
    began = time.process_time()
    run().backward()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outfits", type=int, default=192)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    each = options.outfits // 6
    batches = [torch.randn(each, size, options.dim, requires_grad=True) for size in range(3, 9)]
    flat = torch.cat([batch.detach().flatten(0, 1) for batch in batches]).requires_grad_()
    edges = complete_graphs([size for size in range(3, 9) for _ in range(each)])
    records = []
    for aggregation in ("max", "mean"):
        ours = EdgeFiltering(options.dim, aggregation=aggregation)
        theirs = EdgeConv(nn.Sequential(ours.first, nn.ReLU(), ours.second), aggr=aggregation)
        mine = torch.cat([ours(batch).flatten(0, 1) for batch in batches])
        difference = float((mine - theirs(flat, edges)).detach().abs().max())
        times: dict[str, list[float]] = {"dense": [], "EdgeConv": []}
        for _ in range(options.repetitions):
            times["dense"].append(seconds(lambda: torch.stack([ours(b).square().sum() for b in batches]).sum()))  # noqa: B023
            times["EdgeConv"].append(seconds(lambda: theirs(flat, edges).square().sum()))  # noqa: B023
        for layer, taken in times.items():
            median = statistics.median(taken)
            quarters = statistics.quantiles(taken, n=4)
            records.append(
                {
                    "aggregation": aggregation, "layer": layer, "outfits_per_second": round(6 * each / median),
                    "median_ms": round(1e3 * median, 2),
                    "quartiles_ms": f"{1e3 * quarters[0]:.2f}–{1e3 * quarters[2]:.2f}",
                    "times_as_fast": round(statistics.median(times["EdgeConv"]) / median, 2),
                    "largest_difference": difference,
                    "dim": options.dim, "repetitions": options.repetitions, "threads": 1,
                }
            )  # fmt: skip
    write_csv(options.out, records, provenance("graphfit", "torch", "torch-geometric", folder=Path(__file__).parent))
    print("| aggregation | layer | outfits/s | median ms | times EdgeConv | largest difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for r in records:
        print(
            f"| {r['aggregation']} | {r['layer']} | {r['outfits_per_second']} | {r['median_ms']} ({r['quartiles_ms']}) "
            f"| {r['times_as_fast']} | {r['largest_difference']:.1e} |"
        )


if __name__ == "__main__":
    main()
