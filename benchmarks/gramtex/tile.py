"""Seams of synthesised tiles and of existing pictures made seamless, on a fixed list of 20 textures.

nox -s bench -- gramtex tile [--textures FOLDER]

The list: the 13 procedural cloths of seed 0, and seven more of seed 1; with --textures, the first 20 pictures in the
order of their names at even distances.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from gramtex.config import SynthesisConfig
from gramtex.data.exemplars import read_exemplar
from gramtex.data.procedural import PATTERNS, draw
from gramtex.encoders import load_encoder
from gramtex.plots import repeated, texture_sheet
from gramtex.seam import seam_score
from gramtex.synthesis import Synthesizer
from gramtex.tiling import make_tileable
from hr_common import image
from hr_common.tables import provenance, write_csv

COUNT = 20


def textures(given: list[Path], side: int) -> list[tuple[str, np.ndarray]]:
    if given:
        paths = image.find(given)
        return [(path.stem[:24], read_exemplar(path)) for path in paths[:: max(len(paths) // COUNT, 1)][:COUNT]]
    names = [(name, seed) for seed in (0, 1) for name in PATTERNS][:COUNT]
    return [(f"{name}-{seed}", draw(name, (side, side), seed=seed)) for name, seed in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--textures", type=Path, nargs="*", default=[], help="Pictures or folders.")
    parser.add_argument("--side", type=int, default=64, help="Pixels of the procedural cloths and of the tiles.")
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--encoder", default="vgg16-hed")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--sheet", type=Path, help="Also write the tiles, laid out 2 x 2, as a picture.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    synthesizer = Synthesizer(load_encoder(options.encoder), replace(SynthesisConfig(), iterations=options.iterations))
    columns = ("texture", "crop x", "crop y", "synthesised x", "synthesised y", "mended x", "mended y", "kept")
    tiles, failed = [], 0
    rows: list[dict[str, object]] = []
    print(("{:24}" + " {:>13}" * 7).format(*columns))
    for name, source in textures(options.textures, options.side):
        size = (options.side, options.side)
        made = synthesizer.run(synthesizer.measure(source), size, tile=True, exemplar=source).image
        mended = make_tileable(synthesizer, source, iterations=options.iterations // 2)
        before, after = seam_score(source), seam_score(made)
        values = (
            before.horizontal, before.vertical, after.horizontal, after.vertical,
            mended.after.horizontal, mended.after.vertical, mended.kept,
        )  # fmt: skip
        failed += after.worst >= 3
        rows.append(dict(zip(columns, (name, *(f"{value:.3f}" for value in values)), strict=True)))
        print(f"{name:24}" + "".join(f" {value:13.2f}" for value in values))
        sys.stdout.flush()
        tiles += [repeated(made), repeated(mended.image)]
    about = provenance("gramtex", "torch", folder=Path(__file__).parent)
    write_csv(options.out, rows, {**about, "settings": f"{options.encoder}, {options.iterations} iterations, seed 0"})
    if options.sheet is not None:
        image.write(options.sheet, texture_sheet(tiles, columns=10))
    print(f"{failed} synthesised tiles have a seam score of 3 or more; wrote {options.out}")


if __name__ == "__main__":
    main()
