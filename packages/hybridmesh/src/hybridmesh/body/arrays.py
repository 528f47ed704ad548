"""A body as plain arrays, and the archive it is kept in: checked once, when it is read."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from hr_common.errors import InputError, refusing
from hr_common.files import atomic_path, read_arrays
from hybridmesh.joints import SMPL24

FORMAT = 1
JOINTS = len(SMPL24)
_STEPS = 2**16 - 1
_TOLERANCE = 1e-3  # rows of skin weights sum to one


class MissingAssetError(InputError):
    """A file that a body needs is not here; the message says where it was looked for and what to use instead."""


class NoChartsError(InputError):
    """The body has no charts of dense correspondence."""


class WrongBodyError(InputError):
    """Something was made for another body than the one it is used with."""


@dataclass(frozen=True)
class Charts:
    """Dense correspondence: the chart I of each face (1 to 24), and U, V in [0, 1] at its corners."""

    family: str
    """Maps may be exchanged between bodies of one family only."""
    index: Int[np.ndarray, " face"]
    corners: Float[np.ndarray, "face 3 2"]


@dataclass(frozen=True, kw_only=True)
class BodyArrays:
    """A body in the form of SMPL. Lengths in metres; y up, facing +z, T-pose."""

    name: str
    license: str
    template: Float[np.ndarray, "vertex 3"]
    shape_directions: Float[np.ndarray, "vertex 3 beta"]
    weights: Float[np.ndarray, "vertex 24"]
    faces: Int[np.ndarray, "face 3"]
    joint_template: Float[np.ndarray, "24 3"]
    joint_directions: Float[np.ndarray, "24 3 beta"]
    pose_directions: Float[np.ndarray, "vertex 3 207"] | None = None
    mirror: Int[np.ndarray, " vertex"] | None = None
    charts: Charts | None = None
    regressors: dict[str, Float[np.ndarray, "_ vertex"]] = field(default_factory=dict)
    finer_ids: Int[np.ndarray, " vertex"] | None = None
    """Of a coarse level: which vertices of the finer one these are."""
    provenance: str = ""

    def __post_init__(self) -> None:
        """Check what shapes alone do not say.

        Raises:
            InputError: Numbers are not finite, weights do not sum to one, or faces point nowhere.
        """
        for name in ("template", "shape_directions", "weights", "joint_template", "pose_directions"):
            value = getattr(self, name)
            if value is not None and not np.isfinite(value).all():
                raise InputError(f"body {self.name}: {name} holds numbers that are not finite")
        if np.abs(self.weights.sum(1) - 1).max() > _TOLERANCE:
            raise InputError(f"body {self.name}: the skin weights of a vertex do not sum to one")
        if self.faces.min() < 0 or self.faces.max() >= len(self.template):
            raise InputError(f"body {self.name}: faces point at vertices beyond {len(self.template) - 1}")

    @property
    def digest(self) -> str:
        """SHA-256 over what settles the geometry."""
        digest = hashlib.sha256()
        for value in (self.template, self.shape_directions, self.weights, self.joint_template, self.pose_directions):
            if value is not None:
                digest.update(np.ascontiguousarray(value, np.float32).tobytes())
        digest.update(np.ascontiguousarray(self.faces, np.int32).tobytes())
        return digest.hexdigest()


def write_body(path: Path, body: BodyArrays, *, compact: bool = True) -> None:
    """Write a body as a compressed archive: weights and charts in 16 bits, ``compact`` shape directions too."""
    order = np.argsort(-body.weights, axis=1)[:, : int((body.weights > 0).sum(1).max())]
    arrays: dict[str, Any] = {
        "format": FORMAT,
        "name": body.name,
        "license": body.license,
        "provenance": body.provenance,
        "template": body.template.astype(np.float32),
        "shape_directions": body.shape_directions.astype(np.float16 if compact else np.float32),
        "skin_joints": order.astype(np.uint8),
        "skin_weights": np.rint(np.take_along_axis(body.weights, order, 1) * _STEPS).astype(np.uint16),
        "faces": body.faces.astype(np.uint16 if len(body.template) <= _STEPS else np.uint32),
        "joint_template": body.joint_template,
        "joint_directions": body.joint_directions,
    }
    if body.mirror is not None:
        arrays["mirror"] = body.mirror.astype(np.uint32)
    if body.finer_ids is not None:
        arrays["finer_ids"] = body.finer_ids.astype(np.uint32)
    if body.pose_directions is not None:
        arrays["pose_directions"] = body.pose_directions.astype(np.float32)
    if body.charts is not None:
        arrays["charts_family"] = body.charts.family
        arrays["charts_index"] = body.charts.index.astype(np.uint8)
        arrays["charts_corners"] = np.rint(body.charts.corners * _STEPS).astype(np.uint16)
    for name, regressor in body.regressors.items():
        rows, columns = np.nonzero(regressor)
        arrays[f"regressor_{name}"] = np.array([len(regressor)])
        arrays[f"regressor_{name}_at"] = np.stack([rows, columns]).astype(np.uint32)
        arrays[f"regressor_{name}_weights"] = regressor[rows, columns].astype(np.float32)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file without unpickling anything.

    Raises:
        InputError: The file is missing, damaged, or holds Python objects.
    """
    return read_arrays(path)


def body_from_archive(arrays: dict[str, np.ndarray], path: Path) -> BodyArrays:
    """Turn what :func:`write_body` wrote back into a body.

    Raises:
        InputError: The archive is of another format, or something is missing.
    """
    with refusing(f"{path} (write it again with `hybridmesh assets`)"):
        if int(arrays["format"]) != FORMAT:
            raise InputError(f"{path} is a body of format {int(arrays['format'])}; this version reads format {FORMAT}")
        template = arrays["template"].astype(np.float64)
        weights = np.zeros((len(template), JOINTS))
        np.put_along_axis(weights, arrays["skin_joints"].astype(int), arrays["skin_weights"] / _STEPS, 1)
        charts = None
        if "charts_family" in arrays:
            corners = arrays["charts_corners"] / _STEPS
            charts = Charts(str(arrays["charts_family"]), arrays["charts_index"].astype(int), corners)
        regressors = {}
        for key in [name for name in arrays if name.startswith("regressor_") and arrays[name].shape == (1,)]:
            regressors[key.removeprefix("regressor_")] = regressor = np.zeros((int(arrays[key][0]), len(template)))
            rows, columns = arrays[f"{key}_at"].astype(int)
            regressor[rows, columns] = arrays[f"{key}_weights"]
            regressor /= regressor.sum(1, keepdims=True)
        return BodyArrays(
            name=str(arrays["name"]),
            license=str(arrays["license"]),
            provenance=str(arrays["provenance"]),
            template=template,
            shape_directions=arrays["shape_directions"].astype(np.float64),
            weights=weights / weights.sum(1, keepdims=True),
            faces=arrays["faces"].astype(int),
            joint_template=arrays["joint_template"],
            joint_directions=arrays["joint_directions"],
            pose_directions=arrays["pose_directions"].astype(np.float64) if "pose_directions" in arrays else None,
            mirror=arrays["mirror"].astype(int) if "mirror" in arrays else None,
            charts=charts,
            regressors=regressors,
            finer_ids=arrays["finer_ids"].astype(int) if "finer_ids" in arrays else None,
        )
