"""The demo: cloth drawn by the program, more of it made from its Gram matrices, and a tile."""

from collections.abc import Iterator
from pathlib import Path

from gramtex.config import SynthesisConfig
from gramtex.data.procedural import draw
from gramtex.encoders import load_encoder
from gramtex.plots import comparison_sheet, repeated
from gramtex.seam import seam_score
from gramtex.synthesis import Synthesizer, write_result
from hr_common import image
from hr_common.device import threads

_PATTERNS = ("floral", "leopard", "plaid", "knit")
_SIDE = 96  # pixels: what a minute on one core is enough for


def run_demo(
    out: Path, *, seed: int = 0, patterns: tuple[str, ...] = _PATTERNS, side: int = _SIDE, iterations: int = 60
) -> Iterator[str]:
    """Synthesise more of some procedural cloths as tiles, and write them and a sheet beside their sources.

    Args:
        out: Folder, made if it is missing.
        seed: Of the cloths and of the noise.
        patterns: Which cloths.
        side: Pixels of sources and results.
        iterations: Of the optimiser for each.

    Yields:
        Lines to print.
    """
    out.mkdir(parents=True, exist_ok=True)
    synthesizer = Synthesizer(load_encoder(), SynthesisConfig(iterations=iterations))
    sources, results, labels = [], [], []
    # With another number of threads sums come out otherwise, and so the pictures.
    with threads(1):
        for pattern in patterns:
            source = draw(pattern, (side, side), seed=seed)
            target = synthesizer.measure(source)
            result = synthesizer.run(target, (side, side), tile=True, exemplar=source, seed=seed)
            write_result(
                out / f"{pattern}.png", result, command=f"gramtex demo --seed {seed}", model_hash=target.weights_hash
            )
            sources.append(repeated(source))
            results.append(repeated(result.image))
            labels.append(f"error {result.relative_error:.1e}")
            before, after = seam_score(source).worst, seam_score(result.image).worst
            yield (
                f"{pattern:8} relative Gram error {result.start_error:.2f} -> {result.relative_error:.4f}, "
                f"seam {before:.1f} -> {after:.1f}, {result.seconds:.0f} CPU-s"
            )
    image.write(out / "sheet.png", comparison_sheet(sources, results, labels))
    yield f"wrote {out / 'sheet.png'}: each source and its synthesis, laid out 2 x 2"
