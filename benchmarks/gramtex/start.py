"""What a better start would save: step two on drawn Gram sets, begun from images of several errors.

nox -s bench -- gramtex start [--count 8]

A network that makes the first image (feed-forward texture synthesis) pays if the optimiser needs far fewer evaluations
from there to the error that it reaches from noise. How good would it have to be? Every Gram set is met once from noise;
then the optimiser begins again, without its memory, from images of a given error, and stops at the same final energy.
Images of an error are of two kinds: what the optimiser itself had reached ("halfway"), and its result with noise of the
spectrum of natural images added until the error is that large ("spoilt"): it has all motifs of the solution, so that a
network that only meets an error will save less.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gramtex.config import SynthesisConfig
from gramtex.descriptors import GramSet
from gramtex.encoders import image_bytes, image_tensor, load_encoder
from gramtex.sampling import Sampler
from gramtex.spectrum import Colours, SpectralImage
from gramtex.synthesis import SynthesisResult, Synthesizer
from hr_common.tables import provenance, write_csv

SIZE = (128, 128)
ERRORS = (0.3, 0.1, 0.05, 0.02, 0.006)
_HALVINGS = 24


def until(energy: float) -> Callable[[int, int, float], None]:
    """End a synthesis once its energy is as low."""

    def callback(_: int, __: int, now: float) -> None:
        if now <= energy:
            raise KeyboardInterrupt

    return callback


def spoilt(synthesizer: Synthesizer, result: SynthesisResult, target: GramSet, error: float) -> torch.Tensor:
    """Add noise to a result, as much as gives it the error."""
    image = image_tensor(result.image)
    space = SpectralImage(SIZE, Colours.of(image), exponent=synthesizer.config.exponent, device=image.device)
    noise = space.render(space.noise(torch.Generator().manual_seed(1), 1.0)) - space.mean
    least, most = 0.0, 4.0
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        found = synthesizer.measure(image_bytes(image + middle * noise)).relative_error(target)
        least, most = (middle, most) if found < error else (least, middle)
        if abs(found - error) < 0.02 * error:
            break
    return image + middle * noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8, help="Gram sets of the shipped model.")
    parser.add_argument("--iterations", type=int, default=60, help="Of the run from noise.")
    parser.add_argument("--errors", type=float, nargs="*", default=ERRORS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    sampler = Sampler.from_pretrained()
    model = sampler.model.config.model
    synthesizer = Synthesizer(
        load_encoder(model.encoder, levels=model.levels), SynthesisConfig(iterations=options.iterations)
    )
    drawn = sampler.sample(options.count, generator=np.random.default_rng(options.seed))
    rows = []
    for number, sample in enumerate(drawn):
        target, seed = sample.gram_set, options.seed + number
        whole = synthesizer.run(target, SIZE, seed=seed)
        goal = whole.history[-1]
        shown = {"sample": number, "final error": f"{whole.relative_error:.2e}", "evaluations": whole.evaluations}
        for error in options.errors:
            if error < 1.2 * goal:
                continue
            reached = next(place for place, energy in enumerate(whole.history, 1) if energy <= error)
            halfway = synthesizer.run(target, SIZE, seed=seed, callback=until(error))
            starts = {
                "halfway": image_tensor(halfway.image),
                "spoilt": spoilt(synthesizer, whole, target, error),
            }
            row = {**shown, "error of the start": error, "iterations to it": reached}
            for kind, start in starts.items():
                again = synthesizer.run(target, SIZE, seed=seed, start=start, callback=until(goal))
                row[f"saved, {kind}"] = f"{1 - again.evaluations / whole.evaluations:.3f}"
            rows.append(row)
            print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    for error in options.errors:
        found = [row for row in rows if row["error of the start"] == error]
        if not found:
            continue
        kinds = {kind: np.mean([float(row[f"saved, {kind}"]) for row in found]) for kind in ("halfway", "spoilt")}
        print(f"from {error:g}: " + ", ".join(f"{kind} saves {share:.0%}" for kind, share in kinds.items()))
    write_csv(options.out, rows, provenance("gramtex", "torch", folder=Path(__file__).parent))
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
