from pathlib import Path

import numpy as np
import pytest

from hr_common.errors import InputError
from openlt.data import load_data

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def write_cifar10(folder: Path, per_class: int = 15) -> None:
    """Write five batches in the binary form; the first pixel of each picture holds its label."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        labels = np.repeat(np.arange(10, dtype=np.uint8), per_class)
        pictures = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        pictures[:, 0], pictures[:, 1024], pictures[:, 2048] = labels, 100, 200
        (folder / f"{name}.bin").write_bytes(np.c_[labels, pictures].tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")


def test_the_binary_version_is_cut_along_an_exponential(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "cifar-10-batches-bin")
    data = load_data("cifar10-lt", root=tmp_path, imbalance=10.0)
    # 75 a class, 20 of them held out; 75 * 10^(-rank / 9), rounded down, and 55 at most.
    expected = [min(55, int(75 * 10 ** (-rank / 9) + 1e-9)) for rank in range(10)]
    assert data.counts.tolist() == expected
    assert set(np.bincount(data.splits["val"].labels)) == {20}
    assert len(data.splits["test"]) == 150
    assert data.classes == NAMES
    train = data.splits["train"]
    assert train.arrays is not None
    assert (train.arrays[:, 0, 0, 0] == train.labels).all()
    assert train.arrays[0, 0, 0, 1:].tolist() == [100, 200]


def test_training_and_validation_share_nothing(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    data = load_data("cifar10-lt", root=tmp_path)
    rows = {name: {path.split("/")[1] for path in data.splits[name].paths} for name in ("train", "val")}
    assert not rows["train"] & rows["val"]


def test_cifar100_skips_the_coarse_label(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(100, dtype=np.uint8), 25)
    for name in ("train", "test"):
        rows = np.c_[labels // 5, labels, np.zeros((len(labels), 3072), np.uint8)]
        (tmp_path / f"{name}.bin").write_bytes(rows.astype(np.uint8).tobytes())
    (tmp_path / "fine_label_names.txt").write_text("".join(f"class{label}\n" for label in range(100)))
    data = load_data("cifar100-lt", root=tmp_path, imbalance=5.0)
    assert data.num_classes == 100
    assert data.counts[0] == 5
    assert data.counts[-1] == 5


def test_the_pickled_version_is_refused_and_the_binary_one_named(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(InputError) as caught:
        load_data("cifar10-lt", root=tmp_path)
    assert "it is a pickle and not read: get the binary one" in str(caught.value)
    assert "cifar-10-binary.tar.gz" in str(caught.value)


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "data_batch_3.bin").write_bytes(b"\0" * 4000)
    with pytest.raises(InputError, match=r"data_batch_3.bin has 4,000 bytes, no multiple of 3073"):
        load_data("cifar10-lt", root=tmp_path)


def test_there_is_no_open_set_and_no_tail_below_one(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    with pytest.raises(InputError, match="no open set"):
        load_data("cifar10-lt", root=tmp_path, need_open=True)
    with pytest.raises(InputError, match=r"imbalance of 0\.5 is no long tail"):
        load_data("cifar10-lt", root=tmp_path, imbalance=0.5)
