"""People rendered from a body: a studio and the wild, with every label of the paper's study.

The studio has what motion capture in a laboratory gives: people seen from the front, of little variety, before a plain
background, with pose and shape but without dense points. The wild has all views, clutter and occluders. Everything
about a person is drawn from (seed, domain, number of the person), so that neither the number of threads nor that of
people changes anybody, but for who stands beside whom in the last block.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw
from scipy.spatial.transform import Rotation

from hr_common import config as settings
from hr_common import image
from hybridmesh.body.model import BodyModel
from hybridmesh.config import SynthConfig
from hybridmesh.correspondence import Correspondence
from hybridmesh.data.noise import spoil_keypoints, spoil_map
from hybridmesh.data.people import PeopleSet
from hybridmesh.data.poses import PoseSource
from hybridmesh.data.scenery import background, clothes, paint, panel
from hybridmesh.dense import choose_pixels
from hybridmesh.iuv import PARTS
from hybridmesh.joints import KEYPOINTS, Keypoints
from hybridmesh.motion import Motion
from hybridmesh.rasteriser import Raster, rasterise
from hybridmesh.refinement import refine
from hybridmesh.rendering import iuv_map, part_colours

Domain = Literal["studio", "wild"]
_BLOCK = 32  # people skinned at once, and the unit of work of a thread
_MARGIN = (1.1, 1.35)  # side of the crop over the person's tight box, where the framing is "box"
_FEWEST = 0.35  # share of a person that has to stay visible behind an occluder
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_BURIED = np.where([name in _FACE for name in KEYPOINTS], 0.05, 0.15)
"""Metres of the own body before a keypoint that is still seen: the face lies on the skin, joints inside limbs."""
_TO_CAMERA = Rotation.from_rotvec([np.pi, 0, 0])  # y up to y down


@dataclass
class _Person:
    """One rendered person."""

    crop: UInt8[np.ndarray, "size size 3"]
    iuv: UInt8[np.ndarray, "size size 3"]
    keypoints: Float[np.ndarray, "25 3"]
    dense_xy: Float[np.ndarray, "point 2"]
    dense_face: np.ndarray
    dense_bary: Float[np.ndarray, "point 3"]


def synthesize(
    body: BodyModel,
    motions: Sequence[Motion],
    config: SynthConfig,
    *,
    count: int,
    domain: Domain,
    seed: int,
    test: bool = False,
    backgrounds: Sequence[Path] = (),
    jobs: int = 1,
    progress: Callable[[int], object] = lambda _: None,
) -> PeopleSet:
    """Render people.

    Args:
        body: With charts.
        motions: Whose frames are posed; without any, poses are random angles inside the joints' limits.
        config: Everything else.
        count: How many people.
        domain: Studio or wild.
        seed: Settles everything.
        test: Draw other people than for training, and keep every label exact.
        backgrounds: Pictures to place people of the wild before, instead of noise and gradients.
        jobs: Threads. The result does not depend on it.
        progress: Called with the number of people that have become ready.

    Raises:
        NoChartsError: The body has no dense correspondence.
    """
    charts = body.require_charts()
    studio = _Studio(body, motions, config, domain, seed, test, backgrounds)
    starts = range(0, count, _BLOCK)
    blocks = []
    with ThreadPoolExecutor(jobs) as pool:
        for block in pool.map(lambda start: studio.render(start, min(start + _BLOCK, count)), starts):
            blocks.append(block)
            progress(len(block["pose"]))
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    columns["dp_ptr"] = np.append(0, np.cumsum(columns.pop("dense_count")))
    columns["center"] = np.full((count, 2), config.size / 2)
    columns["scale"] = np.full(count, config.size / 200)
    columns["has_smpl"] = np.ones(count, np.uint8)
    columns["source"] = np.full(count, domain)
    manifest = {
        "name": f"rendered people, {domain}{' (test)' if test else ''}",
        "licence": "CC0-1.0" if not motions else "CC0-1.0; poses from the recordings named in motions",
        "body": body.name,
        "body_id": body.id,
        "charts": charts.family,
        "seed": seed,
        "motions": [motion.name for motion in motions],
        "settings": settings.to_dict(config),
    }
    return PeopleSet(columns=columns, manifest=manifest)


def split_motions(motions: Sequence[Motion], test_clips: Sequence[str]) -> tuple[list[Motion], list[Motion]]:
    """Divide clips, never frames, into those for training and those for the test."""
    test = [motion for motion in motions if any(clip in motion.name for clip in test_clips)]
    return [motion for motion in motions if all(motion is not other for other in test)], test


class _Studio:
    def __init__(
        self,
        body: BodyModel,
        motions: Sequence[Motion],
        config: SynthConfig,
        domain: Domain,
        seed: int,
        test: bool,
        backgrounds: Sequence[Path],
    ) -> None:
        self.body, self.config, self.wild, self.test = body, config, domain == "wild", test
        self.charts = body.require_charts()
        self.seeds = (seed, int(self.wild), int(test))
        self.poses = PoseSource(motions, jittered=config.jittered, jitter=np.deg2rad(config.jitter))
        self.phi = Correspondence(self.charts, body.faces) if config.noise and not test else None
        self.pictures = [Image.fromarray(image.read(path)) for path in backgrounds]
        for picture in self.pictures:
            picture.thumbnail((4 * config.size, 4 * config.size))

    def render(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """Render the people from one number up to another."""
        rngs = [np.random.default_rng([*self.seeds, number]) for number in range(start, stop)]
        poses = np.stack([self._pose(rng) for rng in rngs])
        betas = np.stack([self._shape(rng, start + k) for k, rng in enumerate(rngs)])
        with torch.no_grad():
            shape, pose = (self.body.template.new_tensor(each) for each in (betas[:, : self.body.num_betas], poses))
            vertices = self.body(shape, pose).vertices
            points = self.body.keypoints(vertices, "keypoints25").double().cpu().numpy()
        vertices = vertices.double().cpu().numpy()
        cameras = np.stack([self._camera(rng, each) for rng, each in zip(rngs, vertices, strict=True)])
        half = self.config.size / 2
        screens = vertices * (half * cameras[:, None, :1])
        screens[..., :2] += half + half * (cameras[:, :1] * cameras[:, 1:])[:, None]
        points *= half * cameras[:, None, :1]
        points[..., :2] += half + half * (cameras[:, :1] * cameras[:, 1:])[:, None]
        rasters = [rasterise(screen, self.body.faces, self.config.size, self.config.size) for screen in screens]
        people = [
            self._person(rng, screens[k], rasters[k], points[k], screens[k - 1], half * cameras[k, 0])
            for k, rng in enumerate(rngs)
        ]  # fmt: skip
        turns = Rotation.from_matrix(poses.reshape(-1, 3, 3)).as_rotvec().reshape(len(rngs), 72)
        return {
            "crops": np.stack([each.crop for each in people]),
            "iuv_crops": np.stack([each.iuv for each in people]),
            "keypoints": np.stack([each.keypoints for each in people]).astype(np.float32),
            "pose": turns.astype(np.float32),
            "shape": betas.astype(np.float32),
            "camera": cameras.astype(np.float32),
            "dense_count": np.array([len(each.dense_face) for each in people]),
            "dp_xy": np.concatenate([each.dense_xy for each in people]).astype(np.float32),
            "dp_face": np.concatenate([each.dense_face for each in people]).astype(np.int32),
            "dp_bary": np.concatenate([each.dense_bary for each in people]).astype(np.float32),
        }

    def _shape(self, rng: np.random.Generator, number: int) -> Float[np.ndarray, "10"]:
        limit, subjects = self.config.shape_limit, self.config.studio_subjects
        betas = rng.normal(size=10)
        if subjects and not self.wild:
            betas = np.random.default_rng([*self.seeds, number % subjects, 1]).normal(size=10)
        return np.asarray(betas.clip(-limit, limit))

    def _pose(self, rng: np.random.Generator) -> Float[np.ndarray, "24 3 3"]:
        config = self.config
        pose = self.poses.draw(rng, variance=1.0 if self.wild else config.studio_variance)
        yaw = rng.uniform(-180, 180) if self.wild else rng.uniform(-config.studio_yaw, config.studio_yaw)
        pitch = rng.uniform(-config.pitch, config.pitch) * (1 if self.wild else 0.25)
        roll = rng.uniform(-config.roll, config.roll) * (1 if self.wild else 0)
        # Turned about its own axis first, then the camera looks from above or below and is tilted.
        view = _TO_CAMERA * Rotation.from_euler("ZXY", [roll, pitch, yaw], degrees=True)
        pose[0] = view.as_matrix() @ pose[0]
        return pose

    def _camera(self, rng: np.random.Generator, vertices: Float[np.ndarray, "vertex 3"]) -> Float[np.ndarray, "3"]:
        if self.config.framing == "uniform":
            scale = rng.uniform(*self.config.scale)
            return np.array([scale, *rng.uniform(-self.config.shift, self.config.shift, 2)])
        low, high = vertices[:, :2].min(0), vertices[:, :2].max(0)
        side = (high - low).max() * rng.uniform(*_MARGIN)
        return np.array([2 / side, *(rng.uniform(-0.04, 0.04, 2) * side - (low + high) / 2)])

    def _person(
        self,
        rng: np.random.Generator,
        screen: Float[np.ndarray, "vertex 3"],
        raster: Raster,
        points: Float[np.ndarray, "25 3"],
        neighbour: Float[np.ndarray, "vertex 3"],
        metre: float,
    ) -> _Person:
        """Paint a person and say what is seen of it."""
        config, size = self.config, self.config.size
        canvas = background(
            rng, size, self.pictures if self.wild else (), plain=not self.wild, contrast=config.contrast
        )
        fine = canvas.repeat(2, 0).repeat(2, 1)  # painted at twice the size against jagged outlines
        hidden = np.zeros((size, size), bool)
        light = rng.normal(size=3) + np.array([0, -0.5, -2.0])
        mine = (screen, clothes(rng))
        kind = rng.choice(["rectangle", "before", "behind"]) if rng.random() < config.occlusion else "none"
        if not self.wild or kind == "none":
            self._paint(fine, mine, light)
        elif kind == "rectangle":
            self._paint(fine, mine, light)
            hidden = panel(rng, raster.mask, fine, least=_FEWEST)
        else:
            other = neighbour + np.array([size * rng.uniform(0.2, 0.5) * rng.choice([-1, 1]), 0, 0])
            theirs = (other, clothes(rng))
            before = rasterise(other, self.body.faces, size, size).mask
            # Whoever would hide too much stands behind.
            in_front = kind == "before" and (raster.mask & ~before).sum() >= _FEWEST * raster.mask.sum()
            for each in (mine, theirs) if in_front else (theirs, mine):
                self._paint(fine, each, light)
            hidden = before & in_front
        crop = fine.reshape(size, 2, size, 2, 3).mean((1, 3))
        crop = (crop * rng.uniform(0.8, 1.2) + rng.normal(0, 4, crop.shape)).clip(0, 255).astype(np.uint8)
        dense = iuv_map(raster, self.charts).keep(~hidden)
        keypoints = np.column_stack([points[:, :2], _visible(points[:, :2], hidden)])
        wants_dense = self.wild or config.studio_dense
        if self.phi is not None:
            if config.self_hidden:
                keypoints[_behind(points, raster, metre), 2] = 0
            keypoints = spoil_keypoints(rng, keypoints, size, config)
            dense = spoil_map(rng, dense, config)
        picture = dense.as_picture()
        if self.phi is not None and config.refine:
            dense = refine(dense, Keypoints(keypoints[:, :2], keypoints[:, 2]), box_side=float(size)).map
        count = config.dense_points if wants_dense else 0
        rows, columns = (each[:count] for each in choose_pixels(dense, rng, count=count))
        face, weights = raster.face[rows, columns], raster.barycentrics[rows, columns]
        if self.phi is not None:  # the map may say something else than what is there
            places = self.phi(dense.index[rows, columns].astype(int), dense.uv[rows, columns])
            face, weights = places.face, places.barycentrics
        return _Person(crop, picture, keypoints, np.column_stack([columns, rows]) + 0.5, face, weights)

    def _paint(
        self,
        fine: Float[np.ndarray, "double double 3"],
        who: tuple[Float[np.ndarray, "vertex 3"], Float[np.ndarray, "15 3"]],
        light: Float[np.ndarray, "3"],
    ) -> None:
        screen = who[0] * 2
        raster = rasterise(screen, self.body.faces, *fine.shape[:2])
        paint(fine, raster, screen, self.body.faces, who[1][PARTS[self.charts.index]], light)


def _visible(points: Float[np.ndarray, "25 2"], hidden: Bool[np.ndarray, "size size"]) -> Float[np.ndarray, " 25"]:
    """1 where a keypoint lies inside the picture and not behind an occluder; its own body hides none."""
    size = len(hidden)
    inside = ((points >= 0) & (points < size)).all(1)
    columns, rows = np.floor(points).astype(int).clip(0, size - 1).T
    return np.asarray((inside & ~hidden[rows, columns]).astype(np.float64))


def _behind(points: Float[np.ndarray, "25 3"], raster: Raster, metre: float) -> Bool[np.ndarray, " 25"]:
    """Whether the body's own surface lies farther before a keypoint than the keypoint is buried in its own limb."""
    height, width = raster.face.shape
    columns, rows = np.floor(points[:, :2]).astype(int).clip(0, (width - 1, height - 1)).T
    return np.asarray(points[:, 2] - raster.depth[rows, columns] > _BURIED * metre)


def contact_sheet(sets: Sequence[PeopleSet], count: int, *, height: int = 128) -> UInt8[np.ndarray, "h w 3"]:
    """Show people of several sets side by side: picture, parts, and picture with keypoints (green, red if unseen)."""
    share = -(-count // len(sets))
    tiles = []
    for people in sets:
        zoom = max(round(height / people["crops"].shape[1]), 1)
        for row in range(min(share, len(people))):
            crop, parts = people["crops"][row], part_colours()[people["iuv_crops"][row][..., 0]]
            canvas = Image.fromarray(crop.repeat(zoom, 0).repeat(zoom, 1))
            pen = ImageDraw.Draw(canvas)
            for x, y, seen in people["keypoints"][row].tolist():
                pen.circle((x * zoom, y * zoom), 2, fill=(0, 255, 0) if seen else (255, 0, 0))
            wide = [each.repeat(zoom, 0).repeat(zoom, 1) for each in (crop, parts)]
            tiles.append(np.concatenate([*wide, np.asarray(canvas)], 1))
    return image.contact_sheet(tiles, 4)
