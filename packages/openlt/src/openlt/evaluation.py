"""Which figures a run reaches: pictures are streamed, and of each only the decision and a few scores are kept."""

import csv
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64

from hr_common.errors import InputError
from hr_common.files import atomic_path, write_json
from openlt.data.splits import ImageSplit, LongTailData
from openlt.metrics.accuracy import per_class_accuracy
from openlt.metrics.bands import BandRule, band_of
from openlt.metrics.figures import Figures, SweepPoint, figures, threshold_sweep
from openlt.metrics.open_set import FVariant
from openlt.openset import Detector, OpenMax, threshold_at_best_f, threshold_at_tpr
from openlt.openset.odin import odin_scores
from openlt.recognition import UNTRAINED, Recogniser

logger = logging.getLogger(__name__)

Calibration = Literal["fixed", "tpr", "open-val"]
Keeper = Callable[[np.ndarray, np.ndarray], None]
"""Is told rows of a split and the logits of their pictures."""
ODIN = "odin"
"""Scores by the network itself, so that it is no detector on features."""
_BY_PROBABILITY = ("msp", "msp-prior", "openmax")


@dataclass(frozen=True, eq=False)
class Scored:
    """What is kept of the pictures of a split."""

    labels: Int64[np.ndarray, "item"]
    """True classes; -1 for unknown ones."""
    indices: Int64[np.ndarray, "item"]
    """Places in the split."""
    predictions: Int64[np.ndarray, "item"]
    """Likeliest known class."""
    probabilities: Float[np.ndarray, "item"]
    """Its softmax probability."""
    scores: dict[str, Float[np.ndarray, "item"]]
    """How known each picture looks, by detector."""
    norms: Float[np.ndarray, "item"]
    """Length of the direct feature."""
    nearest: Int64[np.ndarray, "item"]
    """Class of the nearest centroid; -1 without a memory."""
    distances: Float[np.ndarray, "item"]
    """Distance to it; NaN without a memory."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of a run, by detector."""

    folder: Path
    """Where they were written."""
    figures: tuple[Figures, ...]
    """The first detector's first."""
    sweep: tuple[SweepPoint, ...]
    """F and accuracy over the threshold on the probability."""

    def as_dict(self) -> dict[str, Any]:
        """As plain values: the figures of the first detector, the others under ``detectors``."""
        return {
            **self.figures[0].as_dict(),
            "detectors": {each.detector: each.as_dict() for each in self.figures},
            "sweep": [vars(point) for point in self.sweep],
        }

    def lines(self) -> list[str]:
        """As text."""
        first = self.figures[0]
        bands = ", ".join(f"{name} {_percent(getattr(first, name))}" for name in ("many", "medium", "few"))
        closed = f"{first.split}, closed ({first.n_closed} pictures): overall {_percent(first.overall)}, {bands} "
        text = [f"{closed}(bands by rule '{first.shot_rule}'), macro F1 {first.macro_f1:.3f}"]
        if first.absent_classes:
            text.append(f"{first.absent_classes} classes have no picture here and are left out of the band means")
        if first.n_open == 0:
            text.append("open set: not evaluated (no unknown pictures)")
        else:
            text += [_open_line(each) for each in self.figures]
        return [*text, f"wrote {self.folder}"]


def _open_line(row: Figures) -> str:
    rejected = f"rejected known {_percent(row.closed_rejected)}, unknown {_percent(row.open_accuracy)}"
    return (
        f"open ({row.n_closed} + {row.n_open} pictures), {row.detector} below {row.threshold:.4g} is unknown: "
        f"F {row.f_measure:.3f} ({row.f_variant}), {rejected}; "
        f"AUROC {row.auroc:.3f}, FPR95 {_percent(row.fpr95)}, OSCR {row.oscr:.3f}"
    )


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f} %"


def score_split(
    recogniser: Recogniser,
    split: ImageSplit,
    detectors: dict[str, Detector],
    *,
    odin: bool = False,
    keep_logits: Keeper | None = None,
) -> Scored:
    """Apply network and detectors to a split; memory is that of a batch of logits and a few numbers a picture.

    Args:
        recogniser: The network.
        split: Pictures.
        detectors: Fitted, by name.
        odin: Also score by ODIN, which needs a second pass through the network.
        keep_logits: Is given the places of each batch's pictures and their logits.
    """
    parts: dict[str, list[np.ndarray]] = {}
    for batch, output in recogniser.stream(split):
        indices = batch.indices.numpy()
        if keep_logits is not None:
            keep_logits(indices, output.logits)
        made = {
            "labels": batch.labels.numpy(),
            "indices": indices,
            "predictions": output.logits.argmax(axis=1),
            "probabilities": torch.from_numpy(output.logits).softmax(dim=1).amax(dim=1).numpy(),
            "norms": np.linalg.norm(output.features, axis=1),
            "nearest": output.nearest,
            "distances": output.distances,
        }
        made |= {f"score {name}": each.score(output.read(each), output.logits) for name, each in detectors.items()}
        if odin:
            made[f"score {ODIN}"] = _odin(recogniser, batch.images)
        for name, values in made.items():
            parts.setdefault(name, []).append(np.asarray(values))
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    scores = {name.removeprefix("score "): whole.pop(name) for name in list(whole) if name.startswith("score ")}
    return Scored(scores=scores, **whole)


def _odin(recogniser: Recogniser, pictures: torch.Tensor) -> np.ndarray:
    model = recogniser.model

    def logits(images: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = model.network(images, model.centroids).logits
        return result

    scores: np.ndarray = odin_scores(logits, pictures.to(recogniser.device)).cpu().numpy()
    return scores


def fit_detectors(recogniser: Recogniser, names: Sequence[str], data: LongTailData) -> dict[str, Detector]:
    """Make detectors and, where one needs it, fit them on the plain training pictures.

    OpenMax is settled on ``val`` and ``open_val`` where the data set has both.

    Raises:
        InputError: If there is no such detector.
    """
    detectors = {name: recogniser.make_detector(name) for name in names if name != ODIN}
    untrained = set(UNTRAINED) if recogniser.model.centroids is not None else set(UNTRAINED) - {"reachability"}
    to_fit = [each for name, each in detectors.items() if name not in untrained]
    if to_fit:
        logger.info("fitting on %d training pictures", len(data.splits["train"]))
        direct, meta, logits, labels = [], [], [], []
        for batch, output in recogniser.stream(data.splits["train"]):
            direct.append(output.features)
            meta.append(output.embeddings)
            logits.append(output.logits)
            labels.append(batch.labels.numpy())
        features = {"direct": np.concatenate(direct), "meta": np.concatenate(meta)}
        for each in to_fit:
            each.fit(features[each.reads], np.concatenate(logits), np.concatenate(labels))
            if isinstance(each, OpenMax):
                _settle(each, recogniser, data)
    return detectors


def _settle(detector: OpenMax, recogniser: Recogniser, data: LongTailData) -> None:
    """Fit OpenMax to how sure the network is, by validation pictures."""
    splits = [data.splits[name] for name in ("val", "open_val") if name in data.splits]
    if len(splits) < 2:
        logger.warning("openmax keeps its usual tail and alpha: %s has not both val and open_val", data.name)
        return
    parts = [(output.logits, batch.labels.numpy()) for split in splits for batch, output in recogniser.stream(split)]
    logits, labels = (np.concatenate(values) for values in zip(*parts, strict=True))
    detector.settle(logits, labels, recogniser.model.config.threshold)
    logger.info("openmax: tail %d, alpha %d, by val and open_val", detector.tail, detector.alpha)


def join(first: Scored, second: Scored) -> Scored:
    """Put two splits together."""
    names = ("labels", "indices", "predictions", "probabilities", "norms", "nearest", "distances")
    return Scored(
        scores={name: np.concatenate([first.scores[name], second.scores[name]]) for name in first.scores},
        **{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names},
    )


def evaluate_run(
    run: Path,
    recogniser: Recogniser,
    data: LongTailData,
    *,
    split: Literal["val", "test"] | str = "test",
    with_open: bool | None = None,
    detectors: Sequence[str] | None = None,
    threshold: float | None = None,
    calibration: Calibration | None = None,
    shot_rule: BandRule = "paper",
    f_variant: FVariant = "oltr2020",
    save_logits: bool = False,
) -> Evaluation:
    """Measure a run and write ``metrics.json``, ``per_class.csv`` and ``scores.npz`` to ``run/eval/<split>``.

    ``scores.npz`` holds what all figures can be computed from again: ``labels``, ``predictions``, ``probabilities``,
    ``norms``, ``nearest``, ``distances``, ``score_<detector>`` for each detector, and ``counts`` of training pictures.
    With the split ``test`` the unknown pictures are those of ``open``, with ``val`` those of ``open_val``.

    Args:
        run: Folder of the training.
        recogniser: Its network.
        data: Must have the classes of the training.
        split: ``val`` or ``test``.
        with_open: Add the unknown pictures; by default if there are any.
        detectors: Names; by default that of the run, and ``msp``.
        threshold: Below which a picture is unknown, for the first detector.
        calibration: How thresholds are settled that are not given: ``fixed`` at the run's probability, ``tpr`` accepts
            95 % of the validation pictures, ``open-val`` has the best F on ``val`` and ``open_val``. By default
            ``fixed`` for probabilities and ``tpr`` for other scores.
        shot_rule: Bands.
        f_variant: Formula of F.
        save_logits: Also write ``logits.npy``, through a memory map.

    Raises:
        InputError: If classes differ, a split is missing, or a detector is unknown.
    """
    if tuple(data.classes) != recogniser.classes:
        raise InputError(
            f"{data.name} has {data.num_classes} classes, the run {len(recogniser.classes)} others; "
            "give the data set that it was trained on"
        )
    known = _split(data, split)
    strangers = data.splits.get("open" if split == "test" else "open_val") if with_open is not False else None
    if with_open and strangers is None:
        raise InputError(f"{data.name} has no unknown pictures for {split}; leave --open out to measure closed only")
    names = tuple(dict.fromkeys((*(detectors or (recogniser.model.config.detector,)), "msp")))
    fitted = fit_detectors(recogniser, names, data)
    folder = run / "eval" / split
    folder.mkdir(parents=True, exist_ok=True)
    with_odin = ODIN in names
    with _kept_logits(folder / "logits.npy" if save_logits else None, (known, strangers), data.num_classes) as kept:
        scored = score_split(recogniser, known, fitted, odin=with_odin, keep_logits=kept(0))
        if strangers is not None:
            scored = join(
                scored, score_split(recogniser, strangers, fitted, odin=with_odin, keep_logits=kept(len(known)))
            )
    thresholds = _thresholds(recogniser, data, fitted, names, threshold, calibration, f_variant)
    rows = tuple(
        figures(
            scored.predictions,
            scored.scores[name],
            scored.labels,
            data.counts,
            split=split,
            detector=name,
            threshold=thresholds[name],
            shot_rule=shot_rule,
            f_variant=f_variant,
        )
        for name in names
    )
    sweep = threshold_sweep(scored.predictions, scored.probabilities, scored.labels)
    evaluation = Evaluation(folder, rows, tuple(sweep))
    _write(evaluation, scored, data, shot_rule)
    return evaluation


@contextmanager
def _kept_logits(
    path: Path | None, splits: Sequence[ImageSplit | None], classes: int
) -> Iterator[Callable[[int], Keeper | None]]:
    """Yield what gives the function that keeps a split's logits, by the row where it begins; none without a path."""
    if path is None:
        yield lambda _: None
        return
    rows = sum(len(each) for each in splits if each is not None)
    with atomic_path(path) as temporary:
        logits = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=(rows, classes))

        def keeper(offset: int) -> Keeper:
            def keep(indices: np.ndarray, values: np.ndarray) -> None:
                logits[offset + indices] = values

            return keep

        yield keeper
        logits.flush()


def _split(data: LongTailData, name: str) -> ImageSplit:
    for key, split in data.splits.items():
        if key == name:
            return split
    raise InputError(f"{data.name} has no split '{name}' (there: {', '.join(data.splits)})")


def _thresholds(
    recogniser: Recogniser,
    data: LongTailData,
    fitted: dict[str, Detector],
    names: Sequence[str],
    given: float | None,
    calibration: Calibration | None,
    variant: FVariant,
) -> dict[str, float]:
    """Settle a threshold for each detector, on validation pictures alone."""
    fixed = recogniser.model.config.threshold
    ways: dict[str, Calibration] = {
        name: calibration or ("fixed" if name in _BY_PROBABILITY else "tpr") for name in names
    }
    thresholds = dict.fromkeys(names, fixed)
    if given is not None:
        thresholds[names[0]] = given
        ways[names[0]] = "fixed"
    if all(way == "fixed" for way in ways.values()):
        return thresholds
    known = score_split(recogniser, _split(data, "val"), fitted, odin=ODIN in names)
    both = known
    if "open-val" in ways.values():
        both = join(known, score_split(recogniser, _split(data, "open_val"), fitted, odin=ODIN in names))
    for name, way in ways.items():
        if way == "tpr":
            thresholds[name] = threshold_at_tpr(known.scores[name])
        elif way == "open-val":
            thresholds[name] = threshold_at_best_f(both.predictions, both.scores[name], both.labels, variant)
    return thresholds


def _write(evaluation: Evaluation, scored: Scored, data: LongTailData, rule: BandRule) -> None:
    folder = evaluation.folder
    # Written last: as long as the parts are of two evaluations, there is none.
    (folder / "metrics.json").unlink(missing_ok=True)
    arrays = {
        "labels": scored.labels,
        "predictions": scored.predictions,
        "probabilities": scored.probabilities,
        "norms": scored.norms,
        "nearest": scored.nearest,
        "distances": scored.distances,
        "counts": data.counts,
        **{f"score_{name}": values for name, values in scored.scores.items()},
    }
    with atomic_path(folder / "scores.npz") as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)
    accuracy = per_class_accuracy(scored.predictions, scored.labels, data.num_classes)
    bands = band_of(data.counts, rule)
    totals = np.bincount(scored.labels[scored.labels >= 0], minlength=data.num_classes)
    with (
        atomic_path(folder / "per_class.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", "class", "train_pictures", "band", "pictures", "accuracy"])
        for label, name in enumerate(data.classes):
            share = "" if np.isnan(accuracy[label]) else f"{accuracy[label]:.6f}"
            band = ("many", "medium", "few")[bands[label]]
            writer.writerow([label, name, int(data.counts[label]), band, int(totals[label]), share])
    write_json(folder / "metrics.json", evaluation.as_dict())
