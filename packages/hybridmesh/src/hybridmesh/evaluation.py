"""Evaluate a regressor on people with known bodies: a report, a table, and a row for each person.

Nobody is padded, dropped or merged: a person is a row of the set, also where a picture shows several. Beside the
regressor stands the untrained mean body, since no figure means much without it.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hr_common.errors import InputError
from hr_common.files import atomic_path, write_json
from hybridmesh import __version__
from hybridmesh.body.model import BodyModel
from hybridmesh.camera import Box, project, weak_perspective_pixels
from hybridmesh.config import Input
from hybridmesh.data.batches import PeopleDataset
from hybridmesh.data.people import PeopleSet
from hybridmesh.iuv import CHARTS, PARTS
from hybridmesh.metrics import (
    PROTOCOLS,
    TITLES,
    BodyBatch,
    Geodesics,
    correct_keypoints,
    evaluate_bodies,
    mask_iou,
    part_iou,
    point_similarity,
    summarise,
)
from hybridmesh.networks.parameters import Parameters, mean_body
from hybridmesh.rasteriser import rasterise

MEAN_BODY = "mean body"
MAIN = ("pve", "mpjpe", "pa_mpjpe", "pve_t")
"""Columns of the table."""
_OF_224 = 112.0  # pixels of a crop of 224 in a unit of [-1, 1]
_FINER = 3  # times finer than the crop is what GPS looks at; odd, so that centres of pixels stay such
_GENDERS = {"m": "male", "f": "female"}


@runtime_checkable
class BatchPredictor(Protocol):
    """What can be evaluated, such as a :class:`hybridmesh.regressor.Regressor`."""

    @property
    def inputs(self) -> Input:
        """What it looks at."""

    @property
    def size(self) -> int:
        """Height and width of its crops."""

    def predict(self, batch: Mapping[str, Tensor]) -> Parameters:
        """Predict the bodies of a batch of crops."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of each person, by model and by name."""

    protocol: str
    rows: list[int]
    """Which people of the set have a known body."""
    figures: dict[str, dict[str, Float[np.ndarray, " person"]]]
    facts: dict[str, Any]
    """Body, data and program."""

    def summary(self) -> dict[str, dict[str, dict[str, float]]]:
        """Mean, median, standard deviation and number, by model and figure."""
        return {model: summarise(each) for model, each in self.figures.items()}

    def table(self) -> str:
        """Write the main figures as a Markdown table."""
        summary = self.summary()
        lines = [
            f"| protocol {self.protocol} | {' | '.join(f'{TITLES[name]} (mm)' for name in MAIN)} | people |",
            f"| --- |{' ---: |' * (len(MAIN) + 1)}",
        ]
        for model, figures in summary.items():
            cells = [f"{figures[name]['mean']:.1f}" for name in MAIN]
            lines.append(f"| {model} | {' | '.join(cells)} | {len(self.rows)} |")
        return "\n".join(lines)

    def report(self) -> dict[str, Any]:
        """Everything but the single people."""
        settings = asdict(PROTOCOLS[self.protocol])
        return {"protocol": settings, "people": len(self.rows), **self.facts, "results": self.summary()}

    def write(self, folder: Path, people: PeopleSet) -> None:
        """Write ``report.json``, ``people.csv`` and ``table.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        names = list(next(iter(self.figures.values())))
        with atomic_path(folder / "people.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["model", "row", "imgname", "source", *names])
            for model, figures in self.figures.items():
                for place, row in enumerate(self.rows):
                    known = [str(people[name][row]) if name in people else "" for name in ("imgname", "source")]
                    writer.writerow([model, row, *known, *(f"{figures[name][place]:.6g}" for name in names)])
        with atomic_path(folder / "table.md") as temporary:
            temporary.write_text(self.table() + "\n", encoding="utf-8")
        write_json(folder / "report.json", self.report())


def evaluate(
    people: PeopleSet,
    body: BodyModel,
    predictor: BatchPredictor | None,
    *,
    protocol: str = "dct",
    batch: int = 64,
    size: int = 224,
    genders: Mapping[str, BodyModel] | None = None,
    h36m: Float[Tensor, "17 vertex"] | None = None,
    geodesic: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> Evaluation:
    """Compare predictions with the truth.

    Args:
        people: Of whom those with pose and shape count.
        body: Poses predictions and truth.
        predictor: What to evaluate; ``None`` evaluates the mean body alone.
        protocol: A name in :data:`hybridmesh.metrics.PROTOCOLS`.
        batch: People at once. Figures do not depend on it.
        size: Of the crops, where no predictor says it.
        genders: Bodies of the same mesh by gender (``male``, ``female``), for sets whose truth is gendered.
        h36m: See :func:`hybridmesh.metrics.evaluate_bodies`.
        geodesic: Compute GPS too: how far along the surface the predicted body's point at each dense point's pixel is
            from that point; half a second a person on 13,380 vertices.
        progress: Called with the number of people that have become ready.

    Raises:
        InputError: Nobody has a known body.
        WrongBodyError: The set is of another body.
    """
    known = np.flatnonzero(people.has_smpl)
    if not len(known):
        raise InputError("nobody in this set has pose and shape, so there is nothing to compare with")
    has_maps = bool({"iuv", "iuv_crops"} & set(people.columns))
    inputs: Input = predictor.inputs if predictor is not None else "segment" if has_maps else "image"
    data = PeopleDataset(people, body, size=predictor.size if predictor else size, inputs=inputs)
    shown = PeopleDataset(people, body, size=data.size, inputs="segment") if has_maps else None
    surface = Geodesics(body.arrays.template, body.faces) if geodesic else None
    groups = _by_gender(people, known, body, genders or {})
    parts: dict[str, list[dict[str, np.ndarray]]] = {}
    order: list[int] = []
    for truth_body, rows in groups:
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            samples = data.batch(some)
            maps = None if shown is None else shown.batch(some)["segment"][:, 0]
            models = {MEAN_BODY: mean_body(len(some), body.num_betas)}
            if predictor is not None:
                models["regressor"] = predictor.predict(samples)
            for model, found in models.items():
                figures = _figures(found, samples, maps, body, truth_body, protocol, h36m, surface, data.size)
                parts.setdefault(model, []).append(figures)
            order += some.tolist()
            progress(len(some))
    # Back into the order of the set, whatever the genders.
    back = np.argsort(order)
    joined = {
        model: {name: np.concatenate([each[name] for each in every])[back] for name in every[0]}
        for model, every in parts.items()
    }
    facts = {"body": body.name, "body_id": body.id, "data": dict(people.manifest), "version": __version__}
    facts["joints"] = "h36m regressor" if h36m is not None else f"regressors of {body.name}"
    return Evaluation(protocol, [order[place] for place in back], joined, facts)


def _by_gender(
    people: PeopleSet, known: np.ndarray, body: BodyModel, genders: Mapping[str, BodyModel]
) -> list[tuple[BodyModel, np.ndarray]]:
    if not genders or "gender" not in people:
        return [(body, known)]
    named = np.array([_GENDERS.get(each, "neutral") for each in people["gender"][known].tolist()])
    return [(genders.get(each, body), known[named == each]) for each in np.unique(named).tolist()]


def _figures(
    found: Parameters,
    samples: Mapping[str, Tensor],
    maps: Tensor | None,
    body: BodyModel,
    truth_body: BodyModel,
    protocol: str,
    h36m: Tensor | None,
    surface: Geodesics | None,
    size: int,
) -> dict[str, np.ndarray]:
    pose, betas, camera = (each.detach().cpu() for each in (found.pose, found.betas, found.camera))
    truth = BodyBatch(samples["pose"], samples["betas"])
    compared = evaluate_bodies(
        BodyBatch(pose, betas), truth, body, protocol, target_body=truth_body, h36m=h36m
    )  # fmt: skip
    out = {name: each.double().numpy() for name, each in compared.items()}
    with torch.no_grad():
        vertices = body(betas.to(body.template), pose.to(body.template)).vertices.cpu()
        points = body.keypoints(vertices.to(body.template), "keypoints25").cpu()
        flat = project(vertices, camera)
        corners = torch.gather(flat, 1, samples["dense_vertex"].flatten(1)[..., None].expand(-1, -1, 2))
        dense = (corners.view(*samples["dense_vertex"].shape, 2) * samples["dense_bary"][..., None]).sum(2)
    keypoints, target = project(points, camera), samples["keypoints"]
    for name, threshold in (("pck_05", 0.05), ("pck_10", 0.1)):
        out[name] = correct_keypoints(keypoints, target[..., :2], target[..., 2], threshold=threshold).numpy()
    valid = samples["dense_valid"]
    away = torch.linalg.vector_norm(dense - samples["dense_xy"], dim=-1) * _OF_224
    out["dense_px"] = ((away * valid).sum(1) / valid.sum(1)).double().numpy()
    if surface is not None:
        out["gps"] = _similarity(
            vertices.double().numpy(), camera.double().numpy(), samples, body, surface, _FINER * size
        )
    if maps is not None and body.charts is not None:
        out |= _overlaps(vertices.double().numpy(), camera.double().numpy(), maps, body)
    return out


def _similarity(
    vertices: Float[np.ndarray, "batch vertex 3"],
    cameras: Float[np.ndarray, "batch 3"],
    samples: Mapping[str, Tensor],
    body: BodyModel,
    surface: Geodesics,
    grid: int,
) -> Float[np.ndarray, " batch"]:
    """Compare surface points at pixels by their nearest corners; a pixel beside the body is infinitely far."""
    box, scores = Box(grid / 2, grid / 2, float(grid)), []
    for row, (points, camera) in enumerate(zip(vertices, cameras, strict=True)):
        raster = rasterise(weak_perspective_pixels(points, camera, box), body.faces, grid, grid)
        valid = samples["dense_valid"][row].numpy()
        xy = (samples["dense_xy"][row].double().numpy()[valid] + 1) * (grid / 2)
        columns, rows = np.floor(xy).astype(int).clip(0, grid - 1).T
        face, weights = raster.face[rows, columns], raster.barycentrics[rows, columns]
        found = body.faces[face, weights.argmax(1)]
        corners = samples["dense_vertex"][row].numpy()[valid]
        truth = corners[np.arange(len(corners)), samples["dense_bary"][row].numpy()[valid].argmax(1)]
        distances = np.full(len(truth), np.inf)
        hit = face >= 0
        if hit.any():
            distances[hit] = surface.between(truth[hit], found[hit])
        scores.append(point_similarity(distances))
    return np.array(scores)


def _overlaps(
    vertices: Float[np.ndarray, "batch vertex 3"],
    cameras: Float[np.ndarray, "batch 3"],
    maps: Float[Tensor, "batch size size"],
    body: BodyModel,
) -> dict[str, np.ndarray]:
    """Draw the predicted bodies, and lay them over the maps. What an occluder hides counts against a prediction."""
    size, charts = maps.shape[1], body.require_charts()
    box = Box(size / 2, size / 2, float(size))
    parts = PARTS[np.rint((maps.numpy() + 1) * CHARTS / 2).astype(int)]
    masks, labels = [], []
    for points, camera, target in zip(vertices, cameras, parts, strict=True):
        raster = rasterise(weak_perspective_pixels(points, camera, box), body.faces, size, size)
        drawn = np.where(raster.mask, PARTS[charts.index[raster.face]], 0)
        known = bool(target.any())
        masks.append(mask_iou(raster.mask, target > 0) if known else np.nan)
        labels.append(part_iou(drawn, target))
    return {"mask_iou": np.array(masks), "part_iou": np.array(labels)}
