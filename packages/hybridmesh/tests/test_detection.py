import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hr_common import image
from hybridmesh.body import MissingAssetError
from hybridmesh.detection import detect_people
from hybridmesh.landmarks import _decode, read_landmarks
from hybridmesh.mediapipe_worker import Finder, _same, run_lengths

# What the worker uses of MediaPipe 0.10.14, seeing one bright upright stroke as a person.
STAND_IN = """
import types
import numpy as np

class Pose:
    def __init__(self, **settings): pass
    def __enter__(self): return self
    def __exit__(self, *rest): pass
    def process(self, view):
        bright = view.mean(2) > 200
        result = types.SimpleNamespace(pose_landmarks=None, pose_world_landmarks=None, segmentation_mask=None)
        if bright.sum() < 20:
            return result
        columns = np.flatnonzero(bright.any(0))
        first = columns[0]
        rows = np.flatnonzero(bright[:, first])
        height, width = bright.shape
        point = lambda k: types.SimpleNamespace(
            x=(first + 0.5) / width, y=(rows[0] + (rows[-1] - rows[0]) * k / 32 + 0.5) / height, z=0.0, visibility=0.9)
        marks = types.SimpleNamespace(landmark=[point(k) for k in range(33)])
        result.pose_landmarks = result.pose_world_landmarks = marks
        stop = first + int(np.argmin(np.append(bright.any(0), False)[first:]))
        mask = np.zeros(bright.shape, np.float32)
        mask[:, first:stop] = bright[:, first:stop]
        result.segmentation_mask = mask
        return result

solutions = types.SimpleNamespace(pose=types.SimpleNamespace(Pose=Pose))
"""


@given(arrays.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_run_lengths_are_read_back(mask: np.ndarray) -> None:
    height, width = mask.shape
    np.testing.assert_array_equal(_decode(run_lengths(mask), (height, width), Path("x")), mask)


def test_two_people_are_found_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "mediapipe.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    picture = np.zeros((100, 160, 3), np.uint8)
    picture[10:90, 30:34] = 255
    picture[20:80, 120:124] = 255
    image.write(tmp_path / "photo.png", picture)
    detect_people([tmp_path / "photo.png"], tmp_path / "found.json", python=Path(sys.executable))
    people = read_landmarks(tmp_path / "found.json", "photo.png", (100, 160))
    assert len(people) == 2
    for person, left in zip(people, (30, 120), strict=True):
        assert person.keypoints is not None
        seen = person.keypoints.confidence > 0
        assert abs(person.keypoints.points[seen, 0] - left).max() < 3
        assert person.mask is not None
        assert person.mask[:, left].sum() > 40


def test_a_black_picture_has_nobody() -> None:
    class Blind:
        def process(self, view: np.ndarray) -> "Blind":
            return self

        pose_landmarks = None

    assert Finder(Blind(), np.zeros((50, 60, 3), np.uint8), 8).find() == []


class Fixed:
    """Says the same of whatever it is shown the first time, and nothing afterwards."""

    def __init__(self, visibility: float) -> None:
        rows = np.linspace(0.1, 0.9, 33)
        point = types.SimpleNamespace
        self.marks = point(landmark=[point(x=0.5, y=row, z=0.0, visibility=visibility) for row in rows])
        self.asked = 0

    def process(self, view: np.ndarray) -> types.SimpleNamespace:
        self.asked += 1
        marks = self.marks if self.asked == 1 else None
        return types.SimpleNamespace(pose_landmarks=marks, pose_world_landmarks=marks, segmentation_mask=None)


@pytest.mark.parametrize(("visibility", "count"), [(0.55, 0), (0.65, 1)])
def test_who_is_not_seen_again_from_close_by_must_be_seen_clearly(visibility: float, count: int) -> None:
    assert len(Finder(Fixed(visibility), np.zeros((50, 60, 3), np.uint8), 8).find()) == count


@pytest.mark.parametrize(("rows", "same"), [(8, True), (5, False)])
def test_a_piece_of_a_person_is_that_person(rows: int, same: bool) -> None:
    def person(mask: np.ndarray, left: float) -> dict[str, Any]:
        points = np.column_stack([np.full(33, left), np.linspace(0, 10, 33)])
        return {"points": points, "size": 10.0, "mask": mask}

    whole, piece = np.zeros((40, 20), bool), np.zeros((40, 20), bool)
    whole[:30], piece[30 - rows : 40 - rows] = True, True
    # The landmarks are too far apart to say it.
    assert _same(person(piece, 0.0), person(whole, 100.0)) is same


def test_a_python_without_the_detector_is_told_what_to_do(tmp_path: Path) -> None:
    image.write(tmp_path / "photo.png", np.zeros((10, 10, 3), np.uint8))
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    with pytest.raises(MissingAssetError, match=r"pip install mediapipe==0\.10\.14"):
        detect_people([tmp_path / "photo.png"], tmp_path / "found.json", python=fake)
    with pytest.raises(MissingAssetError, match="name a Python with --detector"):
        detect_people([tmp_path / "photo.png"], tmp_path / "found.json", python=tmp_path / "none")
    fake.write_text("#!/bin/sh\necho it broke >&2\nexit 1\n")
    with pytest.raises(RuntimeError, match="it broke"):
        detect_people([tmp_path / "photo.png"], tmp_path / "found.json", python=fake)
    assert not (tmp_path / "found.json").exists()
