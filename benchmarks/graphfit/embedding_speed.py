"""Pictures a second of the frozen encoder: folded and batched as shipped, against the plain module picture by picture.

nox -s bench -- graphfit embedding_speed --images FOLDER

The plain module is the same network with its batch norms unfolded and its maps padded before the convolution. Both get
the same prepared pictures, in turn, in one process. Seconds are those of the processor on one thread, since machines
are shared. Writes embedding_speed.csv beside this script.
"""

import argparse
import math
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphfit.features import as_batch, read_garment, square
from graphfit.networks.efficientnet_lite0 import EfficientNetLite0, load_efficientnet_lite0
from hr_common.tables import provenance, write_csv


class Unfolded(nn.Module):
    """A convolution without bias and a batch norm that do together what a folded convolution does."""

    def __init__(self, folded: nn.Conv2d) -> None:
        super().__init__()
        channels = folded.out_channels
        self.conv = nn.Conv2d(
            folded.in_channels, channels, folded.kernel_size, folded.stride, groups=folded.groups, bias=False
        )
        self.conv.weight = folded.weight
        self.norm = nn.BatchNorm2d(channels)
        with torch.no_grad():
            self.norm.weight.copy_(torch.full((channels,), (1 + self.norm.eps) ** 0.5))
            self.norm.bias.copy_(folded.bias)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        missing = max((math.ceil(x.shape[-1] / stride) - 1) * stride + kernel - x.shape[-1], 0)
        before, after = missing // 2, missing - missing // 2
        return self.norm(self.conv(F.pad(x, (before, after, before, after))))


def unfold(network: EfficientNetLite0) -> EfficientNetLite0:
    """Replace all convolutions in place."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and not isinstance(module, Unfolded):
                setattr(module, name, Unfolded(child))
    return network.eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted(path for path in options.images.rglob("*") if path.suffix.lower() in (".jpg", ".png", ".webp"))
    began = time.process_time()
    squares = [square(read_garment(path)[0]) for path in paths[: options.count]]
    reading = len(squares) / (time.process_time() - began)
    folded = load_efficientnet_lite0()
    plain = unfold(load_efficientnet_lite0().to(memory_format=torch.contiguous_format))
    singles = [as_batch([each]).contiguous() for each in squares]
    times: dict[str, list[float]] = {"folded, batched": [], "plain, one by one": []}
    with torch.inference_mode():
        difference = float((folded(as_batch(squares[:4])) - torch.cat([plain(one) for one in singles[:4]])).abs().max())
        for _ in range(options.repetitions):
            began = time.process_time()
            for start in range(0, len(squares), options.batch):
                folded(as_batch(squares[start : start + options.batch]))
            times["folded, batched"].append(time.process_time() - began)
            began = time.process_time()
            for one in singles:
                plain(one)
            times["plain, one by one"].append(time.process_time() - began)
    slow = statistics.median(times["plain, one by one"])
    records = [
        {
            "encoder": name, "pictures_per_second": round(len(squares) / statistics.median(taken), 1),
            "times_as_fast": round(slow / statistics.median(taken), 2),
            "spread": f"{len(squares) / max(taken):.1f}–{len(squares) / min(taken):.1f}", "batch": options.batch,
            "pictures": len(squares), "repetitions": options.repetitions, "largest_difference": difference,
            "read_and_fit_per_second": round(reading, 1), "threads": 1,
        }
        for name, taken in times.items()
    ]  # fmt: skip
    write_csv(options.out, records, provenance("graphfit", "torch", folder=Path(__file__).parent))
    print("| encoder | pictures/s | spread | times plain |\n| --- | --- | --- | --- |")
    for r in records:
        print(f"| {r['encoder']} | {r['pictures_per_second']} | {r['spread']} | {r['times_as_fast']} |")
    print(f"\nreading and fitting: {reading:.1f} pictures/s; largest difference of the two {difference:.1e}")


if __name__ == "__main__":
    main()
