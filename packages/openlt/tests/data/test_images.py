import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from hr_common.errors import InputError
from openlt.data import load_data
from openlt.data.images import DamageCount, Damaged, ImageDataset, Sample, collate
from openlt.data.splits import ImageSplit


def split_of(*files: Path) -> ImageSplit:
    return ImageSplit(name="train", paths=tuple(map(str, files)), labels=np.arange(len(files)))


def gradient(height: int = 40, width: int = 60) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 // height, columns * 255 // width, np.full_like(rows, 90)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "P", "CMYK", "RGBA", "1", "I;16"])
def test_every_colour_mode_becomes_three_channels(tmp_path: Path, mode: str) -> None:
    suffix = ".tiff" if mode in ("CMYK", "I;16") else ".png"
    if mode == "I;16":
        picture = Image.fromarray(gradient()[..., 0].astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(gradient()).convert(mode)
    picture.save(tmp_path / f"a{suffix}")
    for train in (True, False):
        sample = ImageDataset(split_of(tmp_path / f"a{suffix}"), 16, train)[0, 0]
        assert isinstance(sample, Sample)
        assert sample.image.shape == (3, 16, 16)
        assert sample.image.dtype == torch.float32


def test_orientation_is_that_of_the_exif_data(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right
    Image.fromarray(gradient()).save(tmp_path / "a.jpg", exif=exif)
    assert ImageDataset(split_of(tmp_path / "a.jpg"), 8, False).picture(0).shape == (60, 40, 3)


def test_notes_about_odd_files_are_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # A tag that points beyond the end of the data makes Pillow warn.
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00\x0f\x01\x02\x00\xff\x00\x00\x00\xff\xff\x00\x00"
    for name in ("a", "b"):
        Image.fromarray(gradient()).save(tmp_path / f"{name}.jpg", exif=exif)
    dataset = ImageDataset(split_of(tmp_path / "a.jpg", tmp_path / "b.jpg"), 8, False)
    with caplog.at_level(logging.WARNING):
        dataset[0, 0]
        dataset[0, 1]
    assert len([record for record in caplog.records if record.name == "openlt.data.images"]) == 1


def test_a_view_depends_on_seed_epoch_and_index_alone(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    split = split_of(tmp_path / "a.png", tmp_path / "a.png")
    first = ImageDataset(split, 16, True, seed=1)
    second = ImageDataset(split, 16, True, seed=1)
    second[0, 1]
    assert torch.equal(first[4, 0].image, second[4, 0].image)
    assert not torch.equal(first[4, 0].image, first[5, 0].image)
    assert not torch.equal(first[4, 0].image, first[4, 1].image)
    assert not torch.equal(first[4, 0].image, ImageDataset(split, 16, True, seed=2)[4, 0].image)


def test_workers_change_nothing() -> None:
    split = load_data("digits-lt", root=None).splits["test"]
    keys = [(3, index) for index in range(16)]
    batches = [
        next(
            iter(
                DataLoader(ImageDataset(split, 8, True), sampler=keys, batch_size=16, collate_fn=collate, num_workers=n)
            )
        )
        for n in (0, 1)
    ]
    assert torch.equal(batches[0].images, batches[1].images)
    assert batches[0].labels.tolist() == split.labels[:16].tolist()
    assert batches[0].indices.tolist() == list(range(16))


def test_embedded_grey_pixels_become_three_equal_channels() -> None:
    split = load_data("digits-lt", root=None).splits["test"]
    picture = ImageDataset(split, 8, False).picture(5)
    assert split.arrays is not None
    assert (picture == split.arrays[5]).all()
    assert picture.shape == (8, 8, 3)


def test_a_damaged_picture_stops_the_run_or_is_left_out_and_counted(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    split = split_of(tmp_path / "a.png", tmp_path / "b.png")
    with pytest.raises(InputError, match=r"b\.png"):
        ImageDataset(split, 8, False)[0, 1]
    dataset = ImageDataset(split, 8, False, on_corrupt="skip-and-count")
    batch = collate([dataset[0, 0], dataset[0, 1]])
    assert batch.labels.tolist() == [0]
    assert [each.index for each in batch.damaged] == [1]
    count = DamageCount()
    assert count.report() is None
    count.add(batch)
    count.add(batch)
    report = count.report()
    assert report is not None
    assert report.startswith("1 damaged pictures were left out 2 times: ")
    assert "b.png" in report


def test_a_batch_of_nothing_but_damage_is_an_error() -> None:
    with pytest.raises(InputError, match="all 1 pictures of a batch are damaged; the first: torn"):
        collate([Damaged(0, "torn")])


def test_an_index_outside_is_an_index_error() -> None:
    dataset = ImageDataset(load_data("digits-lt", root=None).splits["test"], 8, False)
    with pytest.raises(IndexError, match="320 lies outside the 320 pictures"):
        dataset[0, 320]
