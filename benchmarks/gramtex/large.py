"""Large pictures: how exact the gradient in blocks is, and how much memory and time one evaluation takes.

nox -s bench -- gramtex large [--side 2048]

The peak counts the whole process: torch, the encoder, the picture's spectra and what a block needs. L-BFGS adds two
vectors for each remembered step, and eight more for its line search and the best so far; they are counted, not made.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from gramtex.blocks import gram_energy
from gramtex.config import SynthesisConfig
from gramtex.data.procedural import draw
from gramtex.encoders import Encoder, load_encoder
from gramtex.encoders.encoder import Padding
from gramtex.spectrum import Colours, SpectralImage
from hr_common.device import memory
from hr_common.tables import provenance, write_csv

_SEARCH = 8  # vectors of the line search, and the best so far


def deviation(encoder: Encoder, padding: Padding, side: int, block: int) -> float:
    """Relative distance of the gradient in blocks from that of the whole."""
    targets = encoder.gram_set(draw("floral")).matrices
    gradients = []
    for each in (None, block):
        image = torch.rand((3, side, side), generator=torch.Generator().manual_seed(0)).requires_grad_()
        gram_energy(encoder, image, targets, padding=padding, block=each).backward()
        gradients.append(image.grad)
    return float((gradients[1] - gradients[0]).norm() / gradients[0].norm())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--encoder", default="vgg16-hed")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoder, config, cpu = load_encoder(options.encoder), SynthesisConfig(), torch.device("cpu")
    paddings: tuple[Padding, ...] = ("reflect", "circular")
    rows = [
        (f"gradient, {padding}, 256 px in blocks of 96", f"{deviation(encoder, padding, 256, 96):.1e}")
        for padding in paddings
    ]
    targets = encoder.gram_set(draw("floral")).matrices
    size = (options.side, options.side)
    space = SpectralImage(size, Colours.usual(), exponent=config.exponent, device=cpu)
    code = space.noise(torch.Generator().manual_seed(0), config.noise).requires_grad_()
    began = time.process_time()
    gram_energy(encoder, space.render(code), targets, padding="circular", block=config.block).backward()
    seconds = time.process_time() - began
    peak, reserve = memory(cpu).peak, (2 * config.history + _SEARCH) * code.numel() * code.element_size()
    rows += [
        (f"{options.side} x {options.side}: peak of one evaluation, GiB", f"{peak / 2**30:.2f}"),
        ("the same with a full history of L-BFGS, GiB", f"{(peak + reserve) / 2**30:.2f}"),
        ("CPU-s an evaluation", f"{seconds:.1f}"),
    ]
    about = provenance("gramtex", "torch", folder=Path(__file__).parent)
    write_csv(
        options.out, [{"what": what, "value": value} for what, value in rows], {**about, "settings": options.encoder}
    )
    for what, value in rows:
        print(f"{what:60} {value:>10}")
    print(f"wrote {options.out}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
