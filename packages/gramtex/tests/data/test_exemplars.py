from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gramtex.data.exemplars import list_exemplars, read_exemplar
from hr_common import image
from hr_common.errors import InputError


def picture(path: Path, size: tuple[int, int] = (40, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.write(path, np.full((*size, 3), 90, np.uint8))
    return path


def test_pictures_of_every_kind_become_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(tmp_path / "deep.png")
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("L", (40, 33), 7).save(tmp_path / "grey.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    Image.new("RGB", (60, 40)).save(tmp_path / "turned.jpg", exif=exif)
    assert (read_exemplar(tmp_path / "deep.png") == 156).all()
    assert (read_exemplar(tmp_path / "clear.png") == 255).all()
    assert read_exemplar(tmp_path / "grey.png").shape == (33, 40, 3)
    assert read_exemplar(tmp_path / "turned.jpg").shape == (60, 40, 3)


def test_a_small_picture_is_named_and_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"small\.png: 20 x 31 pixels are too small"):
        read_exemplar(picture(tmp_path / "small.png", (31, 20)))


def test_without_a_manifest_every_picture_is_a_group(tmp_path: Path) -> None:
    picture(tmp_path / "x/one.png")
    (found,) = list_exemplars(tmp_path)
    assert (found.name, found.split) == ("x/one.png", None)


def test_the_manifest_says_group_and_split(tmp_path: Path) -> None:
    picture(tmp_path / "one.png")
    (tmp_path / "manifest.csv").write_text("file,group,score,split\none.png,shirt,0.3,val\n")
    (found,) = list_exemplars(tmp_path)
    assert (found.group, found.split) == ("shirt", "val")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\none.png,x\n", "has no column group"),
        ("file,group\ntwo.png,x\n", r"line 2: two\.png is not there"),
        ("file,group,split\none.png,x,maybe\n", "line 2: split 'maybe' is none of"),
        ("file,group\n", "lists no pictures"),
    ],
)
def test_mistakes_in_the_manifest_are_named(tmp_path: Path, text: str, message: str) -> None:
    picture(tmp_path / "one.png")
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        list_exemplars(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        list_exemplars(tmp_path / "nowhere")
