"""The demo: both stages on digits that come with scikit-learn, then the figures, closed and open."""

from collections.abc import Iterator
from pathlib import Path

from hr_common import image
from hr_common.device import threads
from openlt import plots
from openlt.config import load_config
from openlt.data import LongTailData, load_data
from openlt.evaluation import evaluate_run
from openlt.metrics.bands import BANDS
from openlt.recognition import Recogniser
from openlt.training.loop import Places
from openlt.training.start import train


def run_demo(out: Path, *, preset: str = "desk", seed: int = 0, force: bool = False) -> Iterator[str]:
    """Train and measure on the embedded digits, and say what was found and written.

    Args:
        out: Folder of the run.
        preset: ``desk`` or ``tiny``.
        seed: Settles every random number.
        force: Overwrite the run that is there.

    Yields:
        Lines to print.

    Raises:
        InputError: If the folder is not empty.
    """
    data = load_data("digits-lt", root=None)
    counts = ", ".join(f"{name}: {count}" for name, count in zip(data.classes, data.counts.tolist(), strict=True))
    yield f"digits-lt: training pictures by class ({counts}); other digits are strangers"
    stages: dict[str, dict[str, float | None]] = {}
    # With another number of threads sums come out otherwise, and so little training ends with other figures.
    with threads(1):
        trained = train(data, out, load_config(preset, "digits-lt", "oltr"), seed=seed, device="cpu", force=force)
        for stage, file in (("stage 1 (plain)", Places(out).best(1)), ("stage 2 (oltr)", trained.model)):
            if file is not None:
                evaluation = evaluate_run(out, Recogniser.from_pretrained(file, device="cpu"), data)
                stages[stage] = {name: getattr(evaluation.figures[0], name) for name in ("overall", *BANDS)}
                yield f"\n{stage}"
                yield from evaluation.lines()
    plots.save(plots.bars_by_band(stages), out / "bands.png")
    yield f"wrote {out / 'bands.png'}: accuracy by band of both stages"
    pictures = _write_pictures(data, out / "pictures")
    yield f"wrote {pictures}: a test picture of each class, and strangers"
    yield f"\nnext: openlt predict --run {out} {pictures}, or openlt report --run {out}"


def _write_pictures(data: LongTailData, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    known, strangers = (data.splits[name] for name in ("test", "open"))
    assert known.arrays is not None
    assert strangers.arrays is not None
    for label, name in enumerate(data.classes):
        image.write(folder / f"{name}.png", known.arrays[known.labels.tolist().index(label)])
    for number in range(2):
        image.write(folder / f"stranger-{number}.png", strangers.arrays[number])
    return folder
