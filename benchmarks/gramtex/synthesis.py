"""Step two at 128 pixels: Gram error and processor time of each encoder, beside plain pixel-space Gatys.

nox -s bench -- gramtex synthesis --textures FOLDER

Plain Gatys optimises raw pixels from white noise at one scale, as the original paper does, with the same L-BFGS, the
same encoder and the Gram energy alone; it gets the processor time that ours took. One thread. As the time of a core
depends on what else the machine does, the speed of a matrix product is measured beside it, and evaluations of energy
and gradient are counted, in those of the whole size, with the multiplications and additions of one. Geometric means
over the textures of an encoder stand below its rows.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from gramtex.blocks import gram_energy
from gramtex.config import SynthesisConfig
from gramtex.data.exemplars import read_exemplar
from gramtex.data.procedural import draw
from gramtex.encoders import Encoder, image_bytes, load_encoder
from gramtex.optimisation import minimise
from gramtex.synthesis import Synthesizer
from hr_common import image as hr_image
from hr_common.tables import provenance, write_csv

SIDE = 128
Picture = np.ndarray


@dataclass(frozen=True)
class Row:
    """One texture and encoder."""

    texture: str
    encoder: str
    start_error: float
    error: float
    seconds: float
    evaluations: float
    gatys_error: float
    gatys_seconds: float
    gatys_evaluations: int


def speed() -> float:
    """Multiply matrices: GFLOP a second of this core, now."""
    matrix = torch.rand(768, 768)
    began, count = time.process_time(), 20
    for _ in range(count):
        matrix @ matrix
    return count * 2 * 768**3 / (time.process_time() - began) / 1e9


def operations(encoder: Encoder) -> float:
    """Count GFLOP of one evaluation of energy and gradient."""
    image = torch.rand((3, SIDE, SIDE)).requires_grad_()
    targets = [torch.eye(width) for width in encoder.widths]
    with FlopCounterMode(display=False) as counter:
        gram_energy(encoder, image, targets, padding="reflect").backward()
    return counter.get_total_flops() / 1e9


def gatys(encoder: Encoder, source: Picture, seconds: float, seed: int) -> tuple[Picture, float, float, int]:
    """Optimise raw pixels for as long: picture, relative error, seconds, and evaluations."""
    synthesizer = Synthesizer(encoder)
    target = synthesizer.measure(source)
    start = torch.rand((3, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))
    began = time.process_time()

    def energy(image: torch.Tensor) -> torch.Tensor:
        outside = (F.relu(image - 1).square() + F.relu(-image).square()).mean()
        return gram_energy(encoder, image, target.matrices, padding="reflect") + 10 * outside

    def enough(_: int, __: float) -> None:
        if time.process_time() - began > seconds:
            raise KeyboardInterrupt

    found = minimise(energy, start, iterations=1000, history=10, patience=1000, callback=enough)
    took = time.process_time() - began
    pixels = image_bytes(found.code)
    return pixels, synthesizer.measure(pixels).relative_error(target), took, found.evaluations


def measure(
    name: str, source: Picture, encoder: Encoder, config: SynthesisConfig, seed: int
) -> tuple[Row, Picture, Picture]:
    """Figures, our picture, and that of plain Gatys."""
    synthesizer = Synthesizer(encoder, config)
    result = synthesizer.run(synthesizer.measure(source), (SIDE, SIDE), exemplar=source, seed=seed)
    theirs, *figures = gatys(encoder, source, result.seconds, seed)
    row = Row(
        name, encoder.name, result.start_error, result.relative_error, result.seconds, result.evaluations, *figures
    )
    return row, result.image, theirs


def geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def even(paths: list[Path], count: int) -> list[Path]:
    return paths[:: max(len(paths) // count, 1)][:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drawn", type=int, default=4, help="Textures that the package draws.")
    parser.add_argument("--textures", type=Path, nargs="*", help="Pictures or folders, of which some come after them.")
    parser.add_argument("--count", type=int, default=4, help="How many of these, at even distances.")
    parser.add_argument("--encoders", nargs="*", default=["vgg16-hed", "enlite0", "random-wide"])
    parser.add_argument("--iterations", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="Source, ours and Gatys side by side, of the first encoder.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = ("floral", "leopard", "plaid", "knit")
    textures = [(name, draw(name, (SIDE, SIDE), seed=options.seed)) for name in names[: options.drawn]]
    paths = hr_image.find(options.textures) if options.textures else []
    textures += [(path.stem[:24], read_exemplar(path)[:SIDE, :SIDE]) for path in even(paths, options.count)]
    config = SynthesisConfig(iterations=options.iterations)
    columns = (
        "texture", "encoder", "start", "error", "CPU-s", "evaluations", "Gatys error", "Gatys CPU-s",
        "Gatys evaluations", "ratio", "GFLOP an evaluation", "GFLOP/s of a product",
    )  # fmt: skip
    lines: list[dict[str, object]] = []

    def note(cells: list[str]) -> None:
        lines.append(dict(zip(columns, cells, strict=True)))
        print(f"| {' | '.join(cells)} |", flush=True)

    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for encoder_name in options.encoders:
        encoder = load_encoder(encoder_name)
        size, shown, rows = operations(encoder), [], []
        for name, source in textures:
            flops = speed()
            row, *pictures = measure(name, source, encoder, config, options.seed)
            shown.append((source, *pictures))
            rows.append(row)
            figures = (*astuple(row)[2:], row.gatys_error / row.error, size, flops)
            note([name, encoder_name, *(f"{value:.3g}" for value in figures)])
        means = [geometric_mean(column) for column in zip(*(astuple(row)[2:] for row in rows), strict=True)]
        gain = geometric_mean([row.gatys_error / row.error for row in rows])
        note(["geometric mean", encoder_name, *(f"{value:.3g}" for value in (*means, gain, size)), ""])
        if options.sheet and encoder_name == options.encoders[0]:
            hr_image.write(options.sheet, hr_image.contact_sheet([each for row in shown for each in row], columns=3))
    about = provenance("gramtex", "torch", folder=Path(__file__).parent)
    write_csv(options.out, lines, {**about, "settings": f"seed {options.seed}, 1 thread"})
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
