"""Held-out Gram sets through the auto-encoder and through principal components, as many numbers for both.

nox -s bench -- gramtex reconstruction --grams FOLDER [--model model.safetensors]

FOLDER is what `gramtex extract` wrote. The components are those of all levels together, of the training rows, in the
same standardised signed square roots. Errors are ‖Ĝ − G‖² / ‖G‖², before anything is made positive semi-definite; their
median over the held-out pictures is what counts. One thread; the covariance of the largest level takes minutes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from gramtex.checkpoints import load_model
from gramtex.coordinates import signed_square
from gramtex.descriptors import unvech
from gramtex.extraction import GramCache
from gramtex.metrics import relative_gram_errors
from gramtex.training.gram_data import encode_rows
from hr_common.tables import provenance, write_csv

_COLUMNS = 8192


def isometry(channels: int) -> torch.Tensor:
    """Factors that make an upper triangle as long as its matrix."""
    row, column = torch.triu_indices(channels, channels)
    return torch.where(row == column, 1.0, 2**0.5)


def columns(cache: GramCache, level: str, rows: np.ndarray, start: int) -> torch.Tensor:
    triangles = np.load(cache.folder / f"{level}.npy", mmap_mode="r", allow_pickle=False)
    return torch.from_numpy(triangles[:, start : start + _COLUMNS][rows].astype(np.float32))


def principal_levels(
    cache: GramCache, levels: tuple[str, ...], train: np.ndarray, held_out: np.ndarray, count: int
) -> list[torch.Tensor]:
    """Reconstruct the held-out rows from joint components, in the dual form: rows are fewer than entries."""
    rows = np.concatenate([train, held_out])
    products, scales, widths = torch.zeros(len(rows), len(train), dtype=torch.float64), [], []
    for level in levels:
        channels = cache.channels[cache.levels.index(level)]
        widths.append(channels)
        weights = isometry(channels)
        own = torch.zeros(len(rows), len(train), dtype=torch.float64)
        for start in range(0, len(weights), _COLUMNS):
            values = columns(cache, level, rows, start) * weights[start : start + _COLUMNS]
            values -= values[: len(train)].mean(0)
            own += values @ values[: len(train)].mT
        scales.append(float(own.diagonal().mean()))
        products += own / scales[-1]
    variances, vectors = torch.linalg.eigh(products[: len(train)])
    directions = vectors.flip(1)[:, :count] / variances.flip(0)[:count].sqrt()
    mixing = ((products[len(train) :] @ directions) @ directions.mT).float()
    made = []
    for level, channels in zip(levels, widths, strict=True):
        parts = []
        for start in range(0, channels * (channels + 1) // 2, _COLUMNS):
            values = columns(cache, level, train, start)
            mean = values.mean(0)
            parts.append(mixing @ (values - mean) + mean)
        made.append(unvech(torch.cat(parts, dim=1)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grams", type=Path, required=True, help="Folder that gramtex extract wrote.")
    parser.add_argument("--model", type=Path, help="Model. [default: the one that ships]")
    parser.add_argument("--split", default="val", help="Held-out split.")
    parser.add_argument("--train-rows", type=int, help="Training rows for the components, at even distances.")
    parser.add_argument("--count", type=int, help="Held-out pictures, at even distances.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    cache, model = GramCache.open(options.grams), load_model(options.model)
    config = model.config.model
    cache.refuse_other(config.encoder, config.levels, model.weights_hash)
    train, held_out = (cache.select(split, variants=False) for split in ("train", options.split))
    if options.train_rows:
        train = train[:: max(len(train) // options.train_rows, 1)]
    if options.count:
        held_out = held_out[:: max(len(held_out) // options.count, 1)]
    linear = principal_levels(cache, config.levels, train, held_out, config.latent)
    codes = encode_rows(model.network, cache, held_out)
    columns_ = ("level", "auto-encoder", "components", "ratio")
    what = f"{config.latent} numbers, {len(held_out)} held out, {len(train)} training rows"
    rows: list[dict[str, object]] = []
    print(what)
    print(("{:10}" + " {:>13}" * 3).format(*columns_))
    for number, level in enumerate(config.levels):
        true = signed_square(cache.coordinates(held_out, level))
        with torch.no_grad():
            made = torch.cat([model.network.decode(part)[number] for part in codes.split(16)])
        ours = float(relative_gram_errors(made, true).median())
        theirs = float(relative_gram_errors(signed_square(linear[number]), true).median())
        rows.append(dict(zip(columns_, (level, f"{ours:.4f}", f"{theirs:.4f}", f"{ours / theirs:.2f}"), strict=True)))
        print(f"{level:10} {ours:13.4f} {theirs:13.4f} {ours / theirs:13.2f}")
        sys.stdout.flush()
    write_csv(options.out, rows, {**provenance("gramtex", "torch", folder=Path(__file__).parent), "settings": what})
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
