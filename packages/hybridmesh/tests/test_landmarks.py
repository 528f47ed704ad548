import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from hybridmesh.joints import COCO17, KEYPOINTS, MEDIAPIPE33, OPENPOSE25
from hybridmesh.landmarks import read_landmarks, read_mask
from hybridmesh.mediapipe_worker import run_lengths

SIZE = (6, 8)


def written(folder: Path, content: Any) -> Path:
    path = folder / "landmarks.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def points(count: int) -> list[list[float]]:
    return [[float(k), float(2 * k), 0.9] for k in range(count)]


def test_our_own_file_gives_points_space_and_mask(tmp_path: Path) -> None:
    mask = np.zeros(SIZE, bool)
    mask[2:5, 3:6] = True
    person = {
        "set": "mediapipe33",
        "keypoints": points(33),
        "landmarks3d": [[k / 10, 0, 0] for k in range(33)],
        "mask": run_lengths(mask),
        "score": 0.7,
    }
    content = {"format": "hybridmesh-landmarks", "version": 1, "photos": {"some/where/a.jpg": [person], "b.jpg": []}}
    (seen,) = read_landmarks(written(tmp_path, content), "a.jpg", SIZE)
    assert seen.keypoints is not None
    assert seen.landmarks3d is not None
    assert seen.mask is not None
    knee = MEDIAPIPE33.index("left_knee")
    np.testing.assert_array_equal(seen.keypoints.points[KEYPOINTS.index("left_knee")], [knee, 2 * knee])
    assert seen.landmarks3d.points[KEYPOINTS.index("left_knee"), 0] == knee / 10
    assert seen.keypoints.confidence[KEYPOINTS.index("neck")] == 0  # MediaPipe has none
    np.testing.assert_array_equal(seen.mask, mask)
    assert read_landmarks(tmp_path / "landmarks.json", "b.jpg", SIZE) == []


def test_openpose_has_everybody_and_no_neck(tmp_path: Path) -> None:
    flat = [number for point in points(25) for number in point]
    people = read_landmarks(written(tmp_path, {"people": [{"pose_keypoints_2d": flat}] * 2}), "a.jpg", SIZE)
    assert len(people) == 2
    keypoints = people[1].keypoints
    assert keypoints is not None
    assert keypoints.confidence[KEYPOINTS.index("neck")] == 0
    heel = OPENPOSE25.index("left_heel")
    assert keypoints.points[KEYPOINTS.index("left_heel"), 0] == heel


def test_coco_gives_points_polygon_and_box_of_the_right_picture(tmp_path: Path) -> None:
    flat = [number for k in range(17) for number in (k, k, 2 if k % 2 else 1)]
    person = {"image_id": 7, "keypoints": flat, "segmentation": [[2, 1, 6, 1, 6, 4, 2, 4]], "bbox": [2, 1, 4, 3]}
    other = {"image_id": 8, "keypoints": flat}
    images = [{"id": 7, "file_name": "000000000785.jpg"}, {"id": 8, "file_name": "else.jpg"}]
    path = written(tmp_path, {"images": images, "annotations": [person, other]})
    (seen,) = read_landmarks(path, "coco_000000000785_skier.jpg", SIZE)
    assert seen.box == (2, 1, 4, 3)
    assert seen.mask is not None
    assert seen.mask[2, 3]
    assert not seen.mask[5, 7]
    assert seen.keypoints is not None
    # 2 is visible, 1 hidden but placed by a person.
    assert seen.keypoints.confidence[KEYPOINTS.index(COCO17[1])] == 1
    assert seen.keypoints.confidence[KEYPOINTS.index(COCO17[0])] == 0.6
    with pytest.raises(InputError, match=r"knows nothing of c\.jpg; it describes 000000000785\.jpg, else\.jpg"):
        read_landmarks(path, "c.jpg", SIZE)


def test_an_archive_gives_one_person_or_several(tmp_path: Path) -> None:
    raw = np.array(points(25))
    np.savez(tmp_path / "one.npz", keypoints=raw)
    np.savez(tmp_path / "two.npz", keypoints=np.stack([raw, raw]), set="openpose25")
    assert len(read_landmarks(tmp_path / "one.npz", "a.jpg", SIZE)) == 1
    assert len(read_landmarks(tmp_path / "two.npz", "a.jpg", SIZE)) == 2
    np.savez(tmp_path / "wrong.npz", keypoints=raw[:, :2])
    with pytest.raises(InputError, match=r"expected \(people, points, 3\)"):
        read_landmarks(tmp_path / "wrong.npz", "a.jpg", SIZE)
    np.savez(tmp_path / "else.npz", joints=raw)
    with pytest.raises(InputError, match="holds no 'keypoints'"):
        read_landmarks(tmp_path / "else.npz", "a.jpg", SIZE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no valid JSON"),
        ({"something": 1}, "expected JSON of this program, OpenPose"),
        ({"format": "hybridmesh-landmarks", "version": 2, "photos": {}}, "reads version 1"),
        ({"format": "hybridmesh-landmarks", "version": 1, "photos": {}}, "it describes no photo"),
        ({"people": [{"hands": []}]}, "not written as expected"),
        ({"people": [{"pose_keypoints_2d": [1, 2, 1]}]}, "openpose25 has 25 points, not 1"),
        ([{"keypoints": [1.0] * 15}], "5 keypoints are of no known set"),
        ([{"keypoints": ["x"] * 51}], "not written as expected"),
        (
            {"format": "hybridmesh-landmarks", "version": 1, "photos": {"a.jpg": [
                {"set": "coco17", "keypoints": points(17), "mask": {"size": [3, 3], "counts": [9]}}]}},
            "mask is of a picture of 3×3 pixels, the photo has 8×6",
        ),
    ],
)  # fmt: skip
def test_a_wrong_file_says_what_is_wrong(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_landmarks(written(tmp_path, content), "a.jpg", SIZE)


def test_a_mask_has_to_fit_and_to_show_somebody(tmp_path: Path) -> None:
    picture = np.zeros(SIZE, np.uint8)
    image.write(tmp_path / "mask.png", picture)
    with pytest.raises(InputError, match="black all over"):
        read_mask(tmp_path / "mask.png", SIZE)
    with pytest.raises(InputError, match="has 8×6 pixels, the photo 9×9"):
        read_mask(tmp_path / "mask.png", (9, 9))
    picture[1, 2] = 255
    image.write(tmp_path / "mask.png", picture)
    assert read_mask(tmp_path / "mask.png", SIZE).sum() == 1
