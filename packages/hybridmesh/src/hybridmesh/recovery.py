"""From a photo and what is seen on it to bodies: the package's main job as a library call."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from hr_common import image
from hr_common.errors import InputError, reader
from hr_common.files import atomic_path, write_json
from hybridmesh import __version__, iuv
from hybridmesh.body.arrays import WrongBodyError, read_archive
from hybridmesh.body.model import BodyModel
from hybridmesh.camera import Box, FullCamera, weak_perspective_pixels
from hybridmesh.config import RecoveryConfig
from hybridmesh.correspondence import Correspondence
from hybridmesh.dense import sample_dense
from hybridmesh.fitting import BodyState, FitResult, Fitter, Observations
from hybridmesh.iuv import IUVMap, check_family
from hybridmesh.joints import KEYPOINTS, Keypoints
from hybridmesh.landmarks import SeenPerson
from hybridmesh.meshes import TO_VIEWER, write_mesh, write_rigged
from hybridmesh.rasteriser import rasterise
from hybridmesh.refinement import Refinement, refine
from hybridmesh.rendering import PEOPLE, Figure, iuv_map, overlay, turntable, write_gif

FORMAT = 1
Predictor = Callable[[UInt8[np.ndarray, "height width 3"], Box, IUVMap | None], BodyState | None]
"""A trained regressor: from a photo, a person's box and perhaps an IUV map to where the fit starts, or ends.

Where it says nothing, the body is fitted from scratch.
"""

_logger = logging.getLogger(__name__)


class NobodyError(InputError):
    """There is nobody on a photo; not wrong in itself, but nothing to recover."""

    def __init__(self) -> None:
        super().__init__("no person was found; give landmarks with --keypoints FILE")


@dataclass(frozen=True)
class Person:
    """A recovered person. Lengths in metres, camera axes: x right, y down, z forward."""

    state: BodyState
    box: Box
    vertices: Float[np.ndarray, "vertex 3"]
    joints: Float[np.ndarray, "24 3"]
    transl: Float[np.ndarray, "3"]
    """Where the full camera sees the body; add it to vertices and joints."""
    keypoints2d: Float[np.ndarray, "25 2"]
    """Projected ``keypoints25``, in pixels of the photo."""
    fit: FitResult | None
    mask_iou: float | None
    """Overlap with the mask that was given."""
    refinement: Refinement | None


@dataclass(frozen=True)
class Recovery:
    """All people of one photo."""

    photo: UInt8[np.ndarray, "height width 3"]
    people: list[Person]
    body: BodyModel
    camera: FullCamera
    config: RecoveryConfig

    def figures(self) -> list[Figure]:
        """The people as they stand in the photo, for drawing; nearer ones hide farther ones."""
        return [
            Figure(screen_vertices(person), self.body.faces, PEOPLE[number % len(PEOPLE)])
            for number, person in enumerate(self.people)
        ]

    def overlay(self) -> UInt8[np.ndarray, "height width 3"]:
        """The photo at its full size with all bodies over it."""
        settings = self.config.render
        return overlay(self.photo, self.figures(), opacity=settings.opacity, supersample=settings.supersample)


class Recoverer:
    """Recovers bodies from photos; make it once for many."""

    def __init__(self, body: BodyModel, config: RecoveryConfig, predictor: Predictor | None = None) -> None:
        self.body, self.config, self.predictor = body, config, predictor
        self._fitter: Fitter | None = None
        self._phi = None if body.charts is None else Correspondence(body.charts, body.faces)

    def recover(
        self,
        photo: UInt8[np.ndarray, "height width 3"],
        people: Sequence[SeenPerson],
        *,
        maps: Sequence[IUVMap | None] = (),
        refine_maps: bool = True,
        fit: bool = True,
        seed: int = 0,
    ) -> Recovery:
        """Recover all people of a photo.

        Args:
            photo: RGB.
            people: What was seen of each.
            maps: Dense correspondence of each, of the photo's size; may be shorter than the list of people.
            refine_maps: Delete parts of the maps that contradict the keypoints first.
            fit: Fit; with a predictor, go on from what it says. Otherwise its word is the last, where it says one.
            seed: Settles which dense points are drawn.

        Raises:
            NobodyError: There is nobody.
            InputError: A map belongs to another body or picture.
        """
        if not people:
            raise NobodyError
        if not fit and self.predictor is None:
            raise InputError("without fitting, a trained regressor is needed: give --weights FILE")
        if len(maps) > len(people):
            raise InputError(f"{len(maps)} IUV maps were given for {len(people)} people")
        camera = FullCamera(self.config.render.focal, photo.shape[1], photo.shape[0])
        padded = [*maps, *[None] * (len(people) - len(maps))]
        recovered = []
        for number, (seen, each) in enumerate(zip(people, padded, strict=True)):
            _logger.info("fitting person %d of %d" if fit else "person %d of %d", number + 1, len(people))
            rng = np.random.default_rng([seed, number])
            recovered.append(self._recover_one(photo, seen, each, camera, refine_maps, fit, rng))
        return Recovery(photo, recovered, self.body, camera, self.config)

    def _recover_one(
        self,
        photo: UInt8[np.ndarray, "height width 3"],
        seen: SeenPerson,
        dense_map: IUVMap | None,
        camera: FullCamera,
        refine_maps: bool,
        fit: bool,
        rng: np.random.Generator,
    ) -> Person:
        if dense_map is not None and dense_map.index.shape != photo.shape[:2]:
            height, width = dense_map.index.shape
            raise InputError(f"the IUV map has {width}×{height} pixels, the photo {camera.width}×{camera.height}")
        keypoints = None
        if seen.keypoints is not None:
            confidence = np.where(seen.keypoints.confidence >= self.config.min_confidence, seen.keypoints.confidence, 0)
            keypoints = Keypoints(seen.keypoints.points, confidence)
        box = person_box(seen, keypoints, dense_map, margin=self.config.box_margin)
        refinement = None
        points = None
        mask = seen.mask
        if dense_map is not None:
            check_family(dense_map, self.body.require_charts(), self.body.name)
            if refine_maps and keypoints is not None:
                refinement = refine(dense_map, keypoints, box_side=box.side)
                dense_map = refinement.map
            if dense_map.mask.any() and self._phi is not None:
                points = sample_dense(dense_map, self._phi, rng, count=self.config.fit.dense_points)
            mask = dense_map.mask if mask is None and dense_map.mask.any() else mask
        start = None if self.predictor is None else self.predictor(photo, box, dense_map)
        if fit or start is None:
            self._fitter = self._fitter or Fitter(self.body, self.config.fit)
            found = self._fitter.fit(
                Observations(box=box, keypoints=keypoints, dense=points, mask=mask, landmarks3d=seen.landmarks3d),
                start,
            )
            state = found.state
        else:
            found, state = None, start
        return self._person(state, box, camera, found, mask, refinement)

    def _person(
        self,
        state: BodyState,
        box: Box,
        camera: FullCamera,
        fit: FitResult | None,
        mask: Bool[np.ndarray, "height width"] | None,
        refinement: Refinement | None,
    ) -> Person:
        vertices, joints = pose_body(self.body, state)
        regressor = self.body.regressors["keypoints25"].cpu().double().numpy()
        points = weak_perspective_pixels(regressor @ vertices, state.camera, box)[:, :2]
        person = Person(
            state, box, vertices, joints, camera.translation(state.camera, box), points, fit, None, refinement
        )
        if mask is None:
            return person
        drawn = rasterise(screen_vertices(person), self.body.faces, *mask.shape).mask
        overlap = float((drawn & mask).sum() / max((drawn | mask).sum(), 1))
        return Person(**{**person.__dict__, "mask_iou": overlap})


def person_box(seen: SeenPerson, keypoints: Keypoints | None, dense_map: IUVMap | None, *, margin: float) -> Box:
    """The square around a person: from what was given, from the mask or map, or from the keypoints, in this order.

    Raises:
        InputError: None of these says anything.
    """
    if seen.box is not None:
        left, top, width, height = seen.box
        return Box.around(np.array([[left, top], [left + width, top + height]]), margin=margin)
    points = [] if keypoints is None else [keypoints.points[keypoints.confidence > 0]]
    for mask in (seen.mask, None if dense_map is None else dense_map.mask):
        if mask is not None and mask.any():
            rows, columns = np.nonzero(mask)
            # A few wrong pixels far away must not blow up the box.
            corners = np.percentile(np.stack([columns, rows], 1), [0.5, 99.5], axis=0)
            points.append(corners)
    found = np.concatenate(points) if points else np.zeros((0, 2))
    if len(found) < 2:
        raise InputError("a person has neither two visible keypoints nor a mask, a map or a box")
    return Box.around(found, margin=margin)


def pose_body(body: BodyModel, state: BodyState) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints of a state, in metres, camera axes, before translation."""
    with torch.no_grad():
        out = body(body.template.new_tensor(state.betas)[None], body.template.new_tensor(state.pose)[None])
    return out.vertices[0].cpu().double().numpy(), out.joints[0].cpu().double().numpy()


def screen_vertices(person: Person) -> Float[np.ndarray, "vertex 3"]:
    """Vertices in pixels of the photo as the crop's camera shows them, with their true depth in metres."""
    screen = weak_perspective_pixels(person.vertices, person.state.camera, person.box)
    screen[:, 2] = person.vertices[:, 2] + person.transl[2]
    return screen


def save(
    recovery: Recovery,
    folder: Path,
    *,
    formats: Sequence[str] = ("obj",),
    rigged: bool = False,
    with_turntable: bool = False,
    extra: dict[str, Any] | None = None,
) -> list[Path]:
    """Write a photo's results into a folder: ``result.json``, parameters, meshes, overlay, IUV maps, turntables.

    Args:
        recovery: What was found.
        folder: Made if it is missing.
        formats: Of the meshes.
        rigged: Write a GLB with a skeleton too.
        with_turntable: Write an animation of each body.
        extra: More to say in ``result.json``.

    Returns:
        What was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    body, settings = recovery.body, recovery.config.render
    written = []
    for number, person in enumerate(recovery.people):
        stem = folder / f"person{number}"
        written.append(save_parameters(stem.with_suffix(".npz"), person, recovery))
        upright = person.vertices * TO_VIEWER
        for kind in formats:
            written.append(stem.with_suffix(f".{kind}"))
            write_mesh(written[-1], upright, body.faces)
        if rigged:
            written.append(folder / f"person{number}_rigged.glb")
            write_rigged(written[-1], body, person.state.betas, upright_pose(person.state.pose)[None])
        if body.charts is not None:
            raster = rasterise(screen_vertices(person), body.faces, *recovery.photo.shape[:2])
            seen = iuv_map(raster, body.charts)
            for suffix in ("png", "npz"):
                written.append(folder / f"person{number}_iuv.{suffix}")
                iuv.write(written[-1], seen)
        if with_turntable:
            written.append(folder / ("turntable.gif" if number == 0 else f"turntable{number}.gif"))
            frames = turntable(
                upright, body.faces, views=settings.turntable_views, size=settings.turntable_size,
                colour=PEOPLE[number % len(PEOPLE)],
            )  # fmt: skip
            write_gif(written[-1], frames)
    written.append(folder / "overlay.png")
    image.write(written[-1], recovery.overlay())
    written.append(folder / "result.json")
    write_json(written[-1], _summary(recovery) | (extra or {}))
    return written


def save_nobody(folder: Path, message: str) -> None:
    """Write a ``result.json`` that says in words why there is nobody, so that an empty result is not a silent one."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "result.json", {"version": __version__, "people": [], "message": message})


def upright_pose(pose: Float[np.ndarray, "24 3 3"]) -> Float[np.ndarray, "24 3 3"]:
    """Turn the root from camera axes to y up, facing the viewer."""
    turned = pose.copy()
    turned[0] = TO_VIEWER[:, None] * pose[0]
    return turned


def save_parameters(path: Path, person: Person, recovery: Recovery) -> Path:
    """Write everything that is known of a person as plain arrays."""
    camera = recovery.camera
    from scipy.spatial.transform import Rotation

    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            format_version=FORMAT,
            body_id=recovery.body.id,
            body=recovery.body.name,
            betas=person.state.betas,
            pose_aa=Rotation.from_matrix(person.state.pose).as_rotvec(),
            pose_rotmat=person.state.pose,
            cam_crop=person.state.camera,
            box=np.array([person.box.cx, person.box.cy, person.box.side]),
            cam_full=np.array([camera.focal, camera.width, camera.height, *person.transl]),
            vertices=person.vertices,
            joints=person.joints,
            transl=person.transl,
            keypoints2d=person.keypoints2d,
        )
    return path


@dataclass(frozen=True)
class SavedPerson:
    """A ``personK.npz``, read back."""

    state: BodyState
    box: Box
    transl: Float[np.ndarray, "3"]
    size: tuple[int, int]
    """Height and width of the photo."""


@reader
def load_parameters(path: Path, body: BodyModel) -> SavedPerson:
    """Read what :func:`save_parameters` wrote.

    Raises:
        InputError: The file is damaged or something is missing.
        WrongBodyError: It was written with another body.
    """
    arrays = read_archive(path)
    names = ("format_version", "body_id", "body", "betas", "pose_rotmat", "cam_crop", "box", "cam_full")
    if missing := [name for name in names if name not in arrays]:
        raise InputError(f"{path} holds no {', '.join(missing)}; it is no personK.npz of this program")
    if int(arrays["format_version"]) != FORMAT:
        raise InputError(f"{path} has format {int(arrays['format_version'])}; this version reads format {FORMAT}")
    if str(arrays["body_id"]) != body.id:
        raise WrongBodyError(
            f"{path} was made with body {arrays['body']} ({str(arrays['body_id'])[:12]}…), not with {body.name} "
            f"({body.id[:12]}…); choose the right one with --body"
        )
    cx, cy, side = arrays["box"].tolist()
    _, width, height, *transl = arrays["cam_full"].tolist()
    state = BodyState(arrays["pose_rotmat"], arrays["betas"], arrays["cam_crop"])
    return SavedPerson(state, Box(cx, cy, side), np.array(transl), (int(height), int(width)))


def _summary(recovery: Recovery) -> dict[str, Any]:
    camera = recovery.camera
    people = []
    for person in recovery.people:
        fit = person.fit
        people.append(
            {
                "box": {"cx": person.box.cx, "cy": person.box.cy, "side": person.box.side},
                "camera_crop": dict(zip(("s", "tx", "ty"), person.state.camera.tolist(), strict=True)),
                "translation_full": person.transl,
                "height_m": float(np.ptp(rest_vertices(recovery.body, person.state)[:, 1])),
                "mask_iou": person.mask_iou,
                "keypoint_error_px_of_224": None if fit is None else fit.keypoint_error,
                "dense_error_px_of_224": None if fit is None else fit.dense_error,
                "losses": None if fit is None else fit.losses,
                "seconds": None if fit is None else fit.seconds,
                "refinement": None if person.refinement is None else person.refinement.log,
            }
        )
    return {
        "version": __version__,
        "body": {"name": recovery.body.name, "id": recovery.body.id, "license": recovery.body.license},
        "camera": {
            "fitted": "weak perspective of each box: u = cx + side/2 · s · (X + tx)",
            "full": {"focal_px": camera.focal, "width": camera.width, "height": camera.height, "focal": "assumed"},
        },
        "keypoints": list(KEYPOINTS),
        "people": people,
    }


def rest_vertices(body: BodyModel, state: BodyState) -> Float[np.ndarray, "vertex 3"]:
    """The shape in the T-pose."""
    rest = BodyState(np.tile(np.eye(3), (24, 1, 1)), state.betas, state.camera)
    return pose_body(body, rest)[0]


def find_photos(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as the pictures in them, by name.

    Raises:
        InputError: A path does not exist, or a folder holds no picture.
    """
    photos: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix.lower() in image_suffixes())
            if not inside:
                raise InputError(f"{path} holds no pictures (.jpg, .jpeg, .png, .webp, .bmp, .tif)")
            photos += inside
        elif path.is_file():
            photos.append(path)
        else:
            raise InputError(f"{path} does not exist")
    return photos


def image_suffixes() -> set[str]:
    """Endings of pictures, in small letters."""
    return {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
