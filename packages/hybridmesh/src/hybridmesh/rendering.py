"""Pictures of bodies: IUV maps, parts, masks, depth, normals, shaded overlays, turntables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from hr_common.files import atomic_path
from hybridmesh.body.arrays import Charts
from hybridmesh.iuv import IUVMap
from hybridmesh.rasteriser import Raster, rasterise

_LIGHT, _AMBIENT = 0.75, 0.25
_CLAY = (0.78, 0.80, 0.86)
PEOPLE = ((0.52, 0.74, 0.99), (0.98, 0.86, 0.30), (0.52, 0.90, 0.60), (0.97, 0.56, 0.78), (0.70, 0.60, 0.99))
"""Colours of the first, second, … person of a picture."""


@dataclass(frozen=True)
class Figure:
    """One person on the screen: x and y in pixels, depth growing away from the viewer."""

    screen: Float[np.ndarray, "vertex 3"]
    faces: Int[np.ndarray, "face 3"]
    colour: tuple[float, float, float] = _CLAY


def vertex_normals(
    vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]
) -> Float[np.ndarray, "vertex 3"]:
    """Average the normals of the faces around each vertex, weighted by their area; unit length, outwards."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack([np.bincount(faces.ravel(), np.repeat(normals[:, k], 3), len(vertices)) for k in range(3)], 1)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))


def iuv_map(raster: Raster, charts: Charts) -> IUVMap:
    """Read charts and coordinates off a raster."""
    index = np.where(raster.mask, charts.index[raster.face], 0).astype(np.uint8)
    return IUVMap(index, raster.interpolate(charts.corners).clip(0, 1), charts.family)


def normal_map(
    raster: Raster, vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]
) -> Float[np.ndarray, "height width 3"]:
    """Unit normals in the axes of ``vertices``; zero on the background."""
    normals = raster.interpolate(vertex_normals(vertices, faces)[faces])
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-12))


def shade(figures: Sequence[Figure], height: int, width: int, *, supersample: int = 2) -> Float[np.ndarray, "h w 4"]:
    """Light figures from the viewer, all in one z-buffer.

    Args:
        figures: People; the nearer hides the farther.
        height: Of the picture in pixels.
        width: Of the picture in pixels.
        supersample: Samples a pixel, each way.

    Returns:
        RGB and coverage, 0 to 1; colours are not multiplied by the coverage.
    """
    if not figures:
        return np.zeros((height, width, 4))
    offsets = np.cumsum([0] + [len(each.screen) for each in figures[:-1]])
    faces = np.concatenate([each.faces + offset for each, offset in zip(figures, offsets, strict=True)])
    screen = np.concatenate([each.screen for each in figures])
    scaled = screen * np.array([supersample, supersample, 1.0])
    raster = rasterise(scaled, faces, height * supersample, width * supersample)
    normals = np.concatenate([vertex_normals(_isotropic(each), each.faces) for each in figures])
    colours = np.concatenate([np.tile(each.colour, (len(each.screen), 1)) for each in figures])
    seen = raster.mask
    corners = faces[raster.face[seen]]
    weights = raster.barycentrics[seen].astype(np.float64)
    facing = np.abs(np.einsum("pk,pkc->pc", weights, normals[corners])[:, 2])
    light = (_AMBIENT + _LIGHT * facing.clip(0, 1))[:, None]
    fine = np.zeros((*raster.face.shape, 4))
    fine[seen, :3] = np.einsum("pk,pkc->pc", weights, colours[corners]) * light
    fine[seen, 3] = 1
    blocks: np.ndarray = fine.reshape(height, supersample, width, supersample, 4).mean((1, 3))
    blocks[..., :3] /= np.maximum(blocks[..., 3:], 1e-9)
    return blocks


def _isotropic(figure: Figure) -> Float[np.ndarray, "vertex 3"]:
    """Undo that x and y are pixels and depth is metres, so that normals point where they should.

    The pixels of a metre are judged by edges: in a crowd of small faces as many run along the depth as across.
    """
    edges = figure.screen[figure.faces[:, 0]] - figure.screen[figure.faces[:, 1]]
    across, along = np.abs(edges[:, :2]).mean(), np.abs(edges[:, 2]).mean()
    return np.asarray(figure.screen * np.array([1.0, 1.0, across / max(along, 1e-12)]))


def overlay(
    photo: UInt8[np.ndarray, "height width 3"],
    figures: Sequence[Figure],
    *,
    opacity: float = 0.75,
    supersample: int = 2,
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay shaded figures over a photo at its full size."""
    layer = shade(figures, *photo.shape[:2], supersample=supersample)
    alpha = layer[..., 3:] * opacity
    return np.rint(photo * (1 - alpha) + 255 * layer[..., :3] * alpha).clip(0, 255).astype(np.uint8)


def part_colours() -> UInt8[np.ndarray, "25 3"]:
    """One colour for each chart; black is the background."""
    import matplotlib

    wheel = matplotlib.colormaps["gist_ncar"](np.linspace(0.04, 0.96, 24))[:, :3]
    return np.asarray(np.rint(255 * np.vstack([np.zeros(3), wheel])), np.uint8)


def turntable(
    vertices: Float[np.ndarray, "vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    *,
    views: int = 36,
    size: int = 320,
    colour: tuple[float, float, float] = _CLAY,
) -> list[UInt8[np.ndarray, "size size 3"]]:
    """Turn a body around its vertical axis.

    Args:
        vertices: Metres, y up.
        faces: Vertices of each triangle.
        views: Pictures of one full turn.
        size: Height and width of a picture in pixels.
        colour: Of the body, 0 to 1.
    """
    centred = vertices - (vertices.max(0) + vertices.min(0)) / 2
    radius = max(np.linalg.norm(centred[:, [0, 2]], axis=1).max(), np.abs(centred[:, 1]).max())
    scale = 0.46 * size / radius
    frames = []
    for view in range(views):
        angle = 2 * np.pi * view / views
        x = np.cos(angle) * centred[:, 0] + np.sin(angle) * centred[:, 2]
        z = np.cos(angle) * centred[:, 2] - np.sin(angle) * centred[:, 0]
        # Everything in pixels, so that shading sees the body's true proportions.
        screen = np.stack([size / 2 + scale * x, size / 2 - scale * centred[:, 1], -scale * z], axis=1)
        layer = shade([Figure(screen, faces, colour)], size, size)
        white = np.ones((size, size, 3))
        frames.append(np.rint(255 * (white + layer[..., 3:] * (layer[..., :3] - white))).astype(np.uint8))
    return frames


def write_gif(path: Path, frames: Sequence[UInt8[np.ndarray, "height width 3"]], *, seconds: float = 3.0) -> None:
    """Write frames as an endless animation."""
    pictures = [Image.fromarray(frame).quantize(64) for frame in frames]
    with atomic_path(path) as temporary:
        pictures[0].save(
            temporary, "GIF", save_all=True, append_images=pictures[1:], loop=0,
            duration=round(1000 * seconds / len(pictures)),
        )  # fmt: skip
