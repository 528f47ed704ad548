"""Draw saved parameters and motions into files: what the command ``render`` does."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from hr_common import image
from hr_common.errors import InputError
from hybridmesh import iuv
from hybridmesh.body.model import BodyModel
from hybridmesh.camera import weak_perspective_pixels
from hybridmesh.config import RenderConfig
from hybridmesh.meshes import FORMATS, TO_VIEWER, write_mesh, write_rigged
from hybridmesh.motion import Motion
from hybridmesh.rasteriser import rasterise
from hybridmesh.recovery import load_parameters, pose_body
from hybridmesh.rendering import Figure, iuv_map, normal_map, overlay, part_colours, shade, turntable, write_gif

_CHUNK = 64  # frames that are posed at once


def draw_person(params: Path, body: BodyModel, out: Path, kind: str, photo: Path | None) -> None:
    """Draw a ``personK.npz`` as it stands in its photo.

    Raises:
        InputError: The ending of ``out`` does not suit what is drawn, or the photo has another size.
    """
    person = load_parameters(params, body)
    vertices, _ = pose_body(body, person.state)
    suffix = out.suffix.lower().removeprefix(".")
    if suffix in FORMATS:
        if kind == "shaded":
            write_mesh(out, vertices * TO_VIEWER, body.faces)
        else:
            raise InputError(f"a picture of the kind {kind} is not written as .{suffix}; leave out --kind for the mesh")
        return
    if kind == "turntable":
        settings = RenderConfig()
        frames = turntable(
            vertices * TO_VIEWER, body.faces, views=settings.turntable_views, size=settings.turntable_size
        )
        _write_frames(out, frames)
        return
    screen = weak_perspective_pixels(vertices, person.state.camera, person.box)
    height, width = person.size
    if kind in ("overlay", "shaded"):
        canvas = np.full((height, width, 3), 255, np.uint8)
        if kind == "overlay":
            if photo is None:
                raise InputError("an overlay needs the photo: add --photo FILE")
            canvas = image.read(photo)
            if canvas.shape[:2] != person.size:
                raise InputError(
                    f"{photo} has {canvas.shape[1]}×{canvas.shape[0]} pixels, the photo of {params} {width}×{height}"
                )
        image.write(out, overlay(canvas, [Figure(screen, body.faces)], opacity=0.75 if kind == "overlay" else 1.0))
        return
    raster = rasterise(screen, body.faces, height, width)
    if kind in ("iuv", "segment"):
        dense = iuv_map(raster, body.require_charts())
        if kind == "iuv":
            iuv.write(out, dense)
        else:
            image.write(out, part_colours()[dense.index])
    elif kind == "mask":
        image.write(out, (255 * raster.mask).astype(np.uint8))
    elif kind == "normal":
        normals = normal_map(raster, vertices, body.faces)
        image.write(out, np.rint(127.5 * (normals * TO_VIEWER + 1)).astype(np.uint8) * raster.mask[..., None])
    else:
        near, far = raster.depth[raster.mask].min(), raster.depth[raster.mask].max()
        closeness = np.where(
            raster.mask, 255 - 200 * (np.where(raster.mask, raster.depth, far) - near) / (far - near), 0
        )
        image.write(out, np.rint(closeness).astype(np.uint8))


def draw_motion(motion: Motion, body: BodyModel, out: Path, *, frame: int | None, step: int, size: int) -> None:
    """Draw a motion: ``.gif`` animated, ``.png`` one frame, ``.glb`` rigged and moving, ``.obj`` or ``.ply`` one frame.

    Raises:
        InputError: There is no such frame, or the ending is another one.
    """
    if frame is not None and frame >= len(motion.poses):
        raise InputError(f"--frame {frame}: {motion.name} has {len(motion.poses)} frames, counted from 0")
    suffix = out.suffix.lower()
    chosen = slice(None, None, step) if frame is None else slice(frame, frame + 1)
    if suffix == ".glb":
        places = motion.translations[chosen]
        write_rigged(
            out, body, np.zeros(0), motion.poses[chosen], fps=motion.fps / step, translations=places - places[0]
        )
        return
    if suffix in (".obj", ".ply"):
        vertices = _pose(body, motion.poses[frame or 0][None])[0]
        write_mesh(out, vertices, body.faces)
        return
    if suffix not in (".gif", ".png"):
        raise InputError(f"a motion is written as .gif, .png, .glb, .obj or .ply, not {suffix or 'without an ending'}")
    if suffix == ".png":
        chosen = slice(frame or 0, (frame or 0) + 1)
    posed = _pose(body, motion.poses[chosen]) + motion.translations[chosen][:, None]
    low, high = posed.min((0, 1)), posed.max((0, 1))
    scale = 0.92 * size / max(high[0] - low[0], high[1] - low[1])
    frames = []
    for vertices in posed:
        # From the front, without perspective, so that a walk towards the viewer stays in its place.
        moved = (vertices - (low + high) / 2) * np.array([scale, -scale, -scale])
        layer = shade([Figure(moved + np.array([size / 2, size / 2, 0]), body.faces)], size, size)
        frames.append(np.rint(255 * (1 + layer[..., 3:] * (layer[..., :3] - 1))).astype(np.uint8))
    if suffix == ".png":
        image.write(out, frames[0])
    else:
        write_gif(out, frames, seconds=len(frames) * step / motion.fps)


def _pose(body: BodyModel, poses: Float[np.ndarray, "frame 24 3 3"]) -> Float[np.ndarray, "frame vertex 3"]:
    parts = []
    with torch.no_grad():
        for start in range(0, len(poses), _CHUNK):
            matrices = body.template.new_tensor(poses[start : start + _CHUNK])
            parts.append(body(matrices.new_zeros(len(matrices), 1), matrices).vertices.cpu().numpy())
    return np.concatenate(parts).astype(np.float64)


def _write_frames(out: Path, frames: list[np.ndarray]) -> None:
    if out.suffix.lower() == ".gif":
        write_gif(out, frames)
    elif out.suffix.lower() == ".png":
        image.write(out, image.contact_sheet(frames, 6))
    else:
        raise InputError(
            f"a turntable is written as .gif or, as a sheet, .png, not {out.suffix or 'without an ending'}"
        )
