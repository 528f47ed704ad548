"""The main job as a library call: what is on a picture, or is it none of the known classes?"""

import csv
import io
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64

from hr_common import device as devices
from hr_common.errors import InputError
from openlt.checkpoints import LoadedModel, load_model
from openlt.data.images import Batch, ImageDataset, Sample
from openlt.data.splits import OPEN, ImageSplit
from openlt.networks.open_network import Output
from openlt.openset import DETECTORS, Detector, Reachability
from openlt.training.batches import in_order, normalisation_for, plain_pictures

logger = logging.getLogger(__name__)

UNTRAINED = ("msp", "max-logit", "energy", "entropy", "meta-norm", "reachability")
"""Detectors that need no training pictures; ``reachability`` only for networks with a memory."""


@dataclass(frozen=True, eq=False)
class BatchOutput:
    """What the network made of a batch, as arrays."""

    features: Float[np.ndarray, "batch feature"]
    """Direct features."""
    embeddings: Float[np.ndarray, "batch feature"]
    """Meta-embeddings; the direct features where there is no memory."""
    logits: Float[np.ndarray, "batch class"]
    """Scores of the known classes."""
    distances: Float[np.ndarray, " batch"]
    """Distance to the nearest centroid; NaN without a memory."""
    nearest: Int64[np.ndarray, " batch"]
    """Class of that centroid; -1 without a memory."""

    def read(self, detector: Detector) -> Float[np.ndarray, "batch feature"]:
        """Return the features that a detector is for."""
        return self.embeddings if detector.reads == "meta" else self.features


@dataclass(frozen=True)
class Prediction:
    """What was found on one picture."""

    path: str
    """The picture."""
    decision: str
    """Name of a class, or ``unknown``; empty if the picture could not be read."""
    probability: float
    """Softmax probability of the likeliest class."""
    top: tuple[tuple[str, float], ...] = ()
    """Likeliest classes with their probabilities."""
    scores: dict[str, float] = field(default_factory=dict)
    """Every score of openness; higher is more known."""
    nearest: str | None = None
    """Class of the nearest centroid; none without a memory."""
    distance: float | None = None
    """Distance to it."""
    error: str | None = None
    """Why the picture could not be read."""


class Recogniser:
    """A trained classifier, ready for pictures.

    Args:
        model: Network, memory and settings.
        device: Where to compute.
    """

    def __init__(self, model: LoadedModel, device: torch.device) -> None:
        self.model = model
        self.device = device

    @classmethod
    def from_pretrained(cls, path: str | Path, *, device: str = "auto") -> "Recogniser":
        """Open the folder of a run, or a file of weights.

        Raises:
            InputError: If there are no weights, or they do not fit.
        """
        path = Path(path)
        file = path / "model.safetensors" if path.is_dir() else path
        if path.is_dir() and not file.exists():
            raise InputError(f"{path} holds no model.safetensors; train to the end first: openlt train … --resume")
        where = devices.resolve(device)
        return cls(load_model(file, device=where), where)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the known classes."""
        return tuple(self.model.origin.classes)

    @property
    def detector_names(self) -> tuple[str, ...]:
        """Detectors that can be used without training pictures."""
        return tuple(name for name in UNTRAINED if name != "reachability" or self.model.centroids is not None)

    def make_detector(self, name: str) -> Detector:
        """Make a detector, not fitted yet; ``reachability`` has the learnt memory.

        Raises:
            InputError: If there is no such detector.
        """
        if name not in DETECTORS:
            raise InputError(f"unknown detector '{name}'; choose one of {', '.join(DETECTORS)}")
        if name == "reachability" and self.model.centroids is not None:
            return Reachability(self.model.centroids.cpu().numpy())
        return DETECTORS[name]()

    @torch.inference_mode()
    def run(self, pictures: Float[torch.Tensor, "batch 3 height width"]) -> BatchOutput:
        """Apply the network to normalised pictures."""
        output: Output = self.model.network(pictures.to(self.device), self.model.centroids)
        features = output.features.float().cpu().numpy()
        count = len(features)
        if output.embedded is None:
            empty = np.full(count, np.nan, dtype=np.float32)
            return BatchOutput(features, features, output.logits.cpu().numpy(), empty, np.full(count, -1))
        return BatchOutput(
            features,
            output.embedded.embedding.cpu().numpy(),
            output.logits.cpu().numpy(),
            output.embedded.distance.cpu().numpy(),
            output.embedded.nearest.cpu().numpy(),
        )

    def stream(self, split: ImageSplit) -> Iterator[tuple[Batch, BatchOutput]]:
        """Apply the network to a split, batch by batch, in its order."""
        config = self.model.config
        for batch in in_order(plain_pictures(split, config), batch=config.training.batch, workers=config.data.workers):
            yield batch, self.run(batch.images)

    def threshold_for(self, detector: str) -> float:
        """Return the threshold that was settled for a detector when it was trained.

        Raises:
            InputError: If none was.
        """
        if detector == "msp":
            return self.model.config.threshold
        thresholds = self.model.card.get("thresholds", {})
        if detector not in thresholds:
            raise InputError(f"no threshold was settled for the detector '{detector}'; give one with --threshold")
        return float(thresholds[detector])

    def predict(
        self,
        pictures: Sequence[str | Path],
        *,
        topk: int = 5,
        detector: str | None = None,
        threshold: float | None = None,
    ) -> list[Prediction]:
        """Say what is on pictures; one that cannot be read has an ``error`` and no decision.

        Args:
            pictures: Files.
            topk: How many classes to name.
            detector: Score that decides what is unknown; by default the one of the run, or ``msp`` where that one
                needs training pictures.
            threshold: Score below which a picture is unknown; by default the one settled in training.

        Raises:
            InputError: If the detector needs training pictures or has no threshold.
        """
        if detector is None:
            wanted = self.model.config.detector
            detector = wanted if wanted in self.detector_names else "msp"
            if detector != wanted:
                logger.warning("%s needs training pictures; deciding by msp", wanted)
        if detector not in self.detector_names:
            raise InputError(f"'{detector}' cannot decide here; choose one of {', '.join(self.detector_names)}")
        limit = self.threshold_for(detector) if threshold is None else threshold
        detectors = {name: self.make_detector(name) for name in self.detector_names}
        split = ImageSplit(
            name="test",
            paths=tuple(str(path) for path in pictures),
            labels=np.full(len(pictures), OPEN, dtype=np.int64),
        )
        config = self.model.config
        dataset = ImageDataset(
            split,
            config.data.size,
            train=False,
            normalisation=normalisation_for(config.network),
            on_corrupt="skip-and-count",
        )
        size = config.training.batch
        found: list[Prediction] = []
        for start in range(0, len(split), size):
            items = [dataset[index] for index in range(start, min(start + size, len(split)))]
            whole = [each for each in items if isinstance(each, Sample)]
            made = iter(self._describe(split, whole, detectors, detector, limit, topk) if whole else ())
            for item in items:
                if isinstance(item, Sample):
                    found.append(next(made))
                else:
                    found.append(Prediction(split.paths[item.index], "", 0.0, error=item.reason))
        return found

    def _describe(
        self,
        split: ImageSplit,
        samples: Sequence[Sample],
        detectors: dict[str, Detector],
        deciding: str,
        limit: float,
        topk: int,
    ) -> Iterator[Prediction]:
        output = self.run(torch.stack([sample.image for sample in samples]))
        scores = {name: each.score(output.read(each), output.logits) for name, each in detectors.items()}
        probabilities = torch.from_numpy(output.logits).softmax(dim=1).numpy()
        for row, sample in enumerate(samples):
            order = np.argsort(-probabilities[row], kind="stable")[:topk]
            known = bool(scores[deciding][row] >= limit)
            has_memory = output.nearest[row] >= 0
            yield Prediction(
                path=split.paths[sample.index],
                decision=self.classes[order[0]] if known else "unknown",
                probability=float(probabilities[row, order[0]]),
                top=tuple((self.classes[label], float(probabilities[row, label])) for label in order.tolist()),
                scores={name: float(values[row]) for name, values in scores.items()},
                nearest=self.classes[output.nearest[row]] if has_memory else None,
                distance=float(output.distances[row]) if has_memory else None,
            )


def load(run: str | Path, *, device: str = "auto") -> Recogniser:
    """Open the folder of a run, or a file of weights; see :meth:`Recogniser.from_pretrained`."""
    return Recogniser.from_pretrained(run, device=device)


def format_predictions(predictions: Sequence[Prediction], form: str) -> str:
    """Write predictions as a ``table``, ``json`` or ``csv``."""
    if form == "json":
        return json.dumps([asdict(each) for each in predictions], indent=2, ensure_ascii=False)
    rows = [_row(each) for each in predictions]
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue().rstrip("\n")
    lines = []
    for each in predictions:
        if each.error is not None:
            lines.append(f"{each.path}: cannot be read")
            continue
        others = ", ".join(f"{name} {probability:.3f}" for name, probability in each.top)
        near = "" if each.nearest is None else f"; nearest centroid {each.nearest} at {each.distance:.3g}"
        lines.append(f"{each.path}: {each.decision} ({others}{near})")
    return "\n".join(lines)


def _row(prediction: Prediction) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": prediction.path,
        "decision": prediction.decision,
        "probability": prediction.probability,
    }
    for number, (name, probability) in enumerate(prediction.top, start=1):
        row |= {f"top{number}": name, f"top{number}_probability": probability}
    return (
        row
        | prediction.scores
        | {
            "nearest": prediction.nearest,
            "distance": prediction.distance,
            "error": prediction.error,
        }
    )
