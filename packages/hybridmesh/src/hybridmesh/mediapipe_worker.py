"""Find people with MediaPipe, in a process of its own: ``python mediapipe_worker.py PHOTO… --out FILE.json``.

It needs nothing but mediapipe 0.10.14 (Apache-2.0, models inside the wheel; later versions ship none) and what that
brings along, so that it runs from an environment of its own too. MediaPipe finds one person a call: who was found is
painted over and it is asked again, then in windows of the picture; each person is looked at once more from close by.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

_CLOSE = 640  # pixels that a close look is enlarged to
_SURE = 0.5  # mean visibility of the body's landmarks
_SURER = 0.6  # of somebody whom the close look does not find again: often a piece of one who was painted over
_INSIDE = 0.7  # of the smaller mask; what lies inside the other one so far is the same person
_BODY = slice(11, 33)
_SAME = 0.25  # two people are one if their landmarks are this near, in units of their size


class Finder:
    """Looks for people in one picture."""

    def __init__(self, pose: Any, picture: np.ndarray, most: int) -> None:
        self.pose, self.picture, self.most = pose, picture, most
        self.people: list[dict[str, Any]] = []
        self.canvas = picture.copy()

    def find(self) -> list[dict[str, Any]]:
        """Look at the whole, then at windows as high as the picture, then at its quarters."""
        height, width = self.picture.shape[:2]
        windows = [(0, 0, width, height)]
        for side in (min(height, width), max(min(height, width) // 2, 64)):
            windows += [
                (x, y, min(x + side, width), min(y + side, height))
                for y in range(0, max(height - side // 2, 1), max(side // 2, 1))
                for x in range(0, max(width - side // 2, 1), max(side // 2, 1))
            ]
        for window in windows:
            while len(self.people) < self.most and (found := self._look(self.canvas, window)):
                self._paint_over(found)
                person = self._close_look(found)
                if person is found and found["seen"][_BODY].mean() < _SURER:
                    break
                if any(_same(person, other) for other in self.people):
                    break
                self.people.append(person)
        return sorted(self.people, key=lambda each: -each["size"])

    def _look(self, canvas: np.ndarray, window: tuple[int, int, int, int], enlarge: int = 0) -> dict[str, Any] | None:
        left, top, right, bottom = window
        view = canvas[top:bottom, left:right]
        scale = max(1.0, enlarge / max(view.shape[:2])) if enlarge else 1.0
        if scale > 1:
            size = (round(view.shape[1] * scale), round(view.shape[0] * scale))
            view = np.asarray(Image.fromarray(view).resize(size, Image.Resampling.BICUBIC))
        result = self.pose.process(np.ascontiguousarray(view))
        if result.pose_landmarks is None:
            return None
        extent = np.array([right - left, bottom - top])
        raw = result.pose_landmarks.landmark
        points = np.array([[each.x, each.y] for each in raw]) * extent + np.array([left, top])
        seen = np.array([each.visibility for each in raw])
        # What lies outside the picture is guessed.
        height, width = self.picture.shape[:2]
        seen = seen * ((points >= 0) & (points < np.array([width, height]))).all(1)
        reach = float(np.ptp(points[_BODY], axis=0).max())
        if seen[_BODY].mean() < _SURE or reach < 0.04 * max(height, width):
            return None
        world = np.array([[each.x, each.y, each.z] for each in result.pose_world_landmarks.landmark])
        mask = np.zeros((height, width), bool)
        if result.segmentation_mask is not None:
            part = Image.fromarray(result.segmentation_mask).resize(
                (right - left, bottom - top), Image.Resampling.BILINEAR
            )
            mask[top:bottom, left:right] = np.asarray(part) > 0.5
        return {"points": points, "seen": seen, "world": world, "mask": mask, "size": reach}

    def _close_look(self, found: dict[str, Any]) -> dict[str, Any]:
        height, width = self.picture.shape[:2]
        body = found["points"][found["seen"] > 0.3]
        middle, half = (body.max(0) + body.min(0)) / 2, 0.75 * np.ptp(body, axis=0).max()
        left, top = np.floor((middle - half).clip(0)).astype(int).tolist()
        right, bottom = np.ceil(np.minimum(middle + half, [width, height])).astype(int).tolist()
        closer = self._look(self.picture, (left, top, right, bottom), _CLOSE)
        return closer if closer is not None and _same(closer, found) else found

    def _paint_over(self, found: dict[str, Any]) -> None:
        """Cover the person's mask, or at least the head and trunk, so that another one is found."""
        body = found["points"][found["seen"] > 0.3]
        low, high = body.min(0).clip(0).astype(int), np.ceil(body.max(0)).astype(int)
        inside = np.zeros(found["mask"].shape, bool)
        margin = int(0.05 * found["size"])
        inside[max(low[1] - margin, 0) : high[1] + margin, max(low[0] - margin, 0) : high[0] + margin] = True
        grey = np.asarray(Image.fromarray(found["mask"] & inside)).astype(bool)
        for x, y in found["points"][found["seen"] > 0.3]:
            radius = max(int(0.06 * found["size"]), 2)
            grey[max(int(y) - radius, 0) : int(y) + radius, max(int(x) - radius, 0) : int(x) + radius] = True
        self.canvas[grey] = 127


def _same(person: dict[str, Any], other: dict[str, Any]) -> bool:
    away = np.linalg.norm(person["points"][_BODY] - other["points"][_BODY], axis=1)
    if np.median(away) < _SAME * max(person["size"], other["size"]):
        return True
    both, sizes = (person["mask"] & other["mask"]).sum(), (person["mask"].sum(), other["mask"].sum())
    return bool(both > 0.5 * (sum(sizes) - both) > 0 or both > _INSIDE * min(sizes) > 0)


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Encode a mask as COCO does, uncompressed: lengths of runs down the columns, the first one outside."""
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], edges, [mask.size]])) if len(edges) else np.array([mask.size])
    return {"size": list(mask.shape), "counts": counts.tolist()}


def main() -> int:
    """Write what was found in every photo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=8)
    arguments = parser.parse_args()
    try:
        mediapipe = importlib.import_module("mediapipe")
        solution = mediapipe.solutions.pose
    except (ImportError, AttributeError) as error:
        sys.stderr.write(f"mediapipe is missing or too new: {error}\n")
        return 3
    photos = {}
    with solution.Pose(static_image_mode=True, model_complexity=1, enable_segmentation=True) as pose:
        for path in arguments.photos:
            with Image.open(path) as file:
                picture = np.array(ImageOps.exif_transpose(file).convert("RGB"))
            people = Finder(pose, picture, arguments.most).find()
            photos[str(path)] = [
                {
                    "set": "mediapipe33",
                    "keypoints": np.column_stack([each["points"], each["seen"]]).round(3).tolist(),
                    "landmarks3d": each["world"].round(5).tolist(),
                    "mask": run_lengths(each["mask"]),
                    "score": round(float(each["seen"][_BODY].mean()), 4),
                }
                for each in people
            ]
    document = {"format": "hybridmesh-landmarks", "version": 1, "detector": "mediapipe 0.10.14", "photos": photos}
    arguments.out.write_text(json.dumps(document), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
