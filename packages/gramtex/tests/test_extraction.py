import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies

from gramtex.coordinates import signed_square
from gramtex.data.exemplars import Exemplar
from gramtex.data.procedural import draw
from gramtex.data.splits import read_collection
from gramtex.encoders import Encoder, load_encoder
from gramtex.extraction import GramCache, extract, vary
from hr_common import image
from hr_common.errors import InputError


@pytest.fixture(scope="module")
def small() -> Encoder:
    return load_encoder("random-wide", levels=("wide3",))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Exemplar]:
    folder = tmp_path_factory.mktemp("pictures")
    listed = []
    for number, split in enumerate(("train", "train", "val", "test")):
        path = folder / f"{number}.png"
        image.write(path, draw("knit", (40, 44), seed=number))
        listed.append(Exemplar(path, path.name, f"g{number}", split))
    return listed


def test_rows_are_the_gram_matrices_in_half_precision(small: Encoder, pictures: list[Exemplar], tmp_path: Path) -> None:
    cache = extract(pictures, tmp_path / "grams", small)
    assert [row.image for row in cache.rows] == ["0.png", "1.png", "2.png", "3.png"]
    assert cache.select("train").tolist() == [0, 1]
    assert cache.select("test").tolist() == [3]
    kept = signed_square(cache.coordinates(np.array([2]), "wide3"))[0]
    wanted = small.gram_set(image.read(pictures[2].path)).matrices[0]
    torch.testing.assert_close(kept, wanted, rtol=3e-3, atol=1e-6)
    again = GramCache.open(tmp_path / "grams")
    assert again.fingerprint == cache.fingerprint
    assert str(tmp_path) not in (tmp_path / "grams" / "grams.json").read_text(encoding="utf-8")


def test_only_training_pictures_get_variants_and_they_follow_from_the_seed(
    small: Encoder, pictures: list[Exemplar], tmp_path: Path
) -> None:
    caches = [
        extract(pictures, tmp_path / name, small, augment=3, hue=True, seed=seed)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    rows = caches[0].rows
    assert [(row.image, row.variant) for row in rows if row.split == "train"] == [
        (f"{picture}.png", variant) for picture in (0, 1) for variant in (0, 1, 2)
    ]
    assert len(rows) == 8
    assert caches[0].select("train", variants=False).tolist() == [0, 3]
    every = np.arange(8)
    first, second, third = (cache.coordinates(every, "wide3") for cache in caches)
    assert torch.equal(first, second)
    assert torch.equal(first[0], third[0])
    assert not torch.equal(first[1], third[1])
    assert {(row.group, row.split) for row in rows} == {(each.group, each.split) for each in pictures}


PICTURE = draw("plaid", (40, 56), seed=0)


@settings(max_examples=25)
@given(seed=strategies.integers(0, 2**32 - 1), hue=strategies.booleans())
def test_variants_are_pictures_large_enough_for_a_texture(seed: int, hue: bool) -> None:
    made = vary(PICTURE, np.random.default_rng(seed), hue=hue)
    assert made.dtype == np.uint8
    assert min(made.shape[:2]) >= 32
    assert max(made.shape[:2]) <= 56


def test_a_group_in_two_splits_is_refused(small: Encoder, pictures: list[Exemplar], tmp_path: Path) -> None:
    straddling = [*pictures, Exemplar(pictures[0].path, "again.png", "g0", "val")]
    with pytest.raises(InputError, match=r"group g0 is in train and in val .*; split by group"):
        extract(straddling, tmp_path / "grams", small)


def test_nothing_to_measure_and_folders_in_use_are_refused(
    small: Encoder, pictures: list[Exemplar], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no images to measure"):
        extract([], tmp_path / "grams", small)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty; add --force"):
        extract(pictures, tmp_path, small)


def test_damaged_caches_are_refused(grams: GramCache, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no Gram sets \(grams.json is missing\)"):
        GramCache.open(tmp_path)
    folder = tmp_path / "copy"
    shutil.copytree(grams.folder, folder)
    header = json.loads((folder / "grams.json").read_text(encoding="utf-8"))
    for change, message in (
        ({"format": 99}, "is of another format"),
        ({"rows": [{"image": "x"}]}, "is damaged"),
        ({"channels": [64, 32]}, "has another shape than the header says"),
    ):
        (folder / "grams.json").write_text(json.dumps(header | change), encoding="utf-8")
        with pytest.raises(InputError, match=message):
            GramCache.open(folder)
    (folder / "grams.json").write_text(json.dumps(header), encoding="utf-8")
    (folder / "wide3.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        GramCache.open(folder)


def test_other_encoders_levels_and_weights_are_refused(grams: GramCache) -> None:
    grams.refuse_other("random-wide", ("wide3",), grams.weights_hash)
    with pytest.raises(InputError, match="extract again with --encoder vgg16-hed"):
        grams.refuse_other("vgg16-hed", ("wide3",))
    with pytest.raises(InputError, match="the model needs random-wide"):
        grams.refuse_other("random-wide", ("wide3",), "0" * 16)
    with pytest.raises(InputError, match="has no level wide9"):
        grams.refuse_other("random-wide", ("wide9",))


def test_without_splits_groups_are_held_out_by_their_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    for number in range(30):
        image.write(tmp_path / ("a" if number % 2 else "b") / f"p{number}.png", np.zeros((32, 32, 3), np.uint8))
    found = read_collection(tmp_path)
    assert {each.split for each in found} <= {"train", "val", "test"}
    assert sum(each.split == "train" for each in found) > 15
    assert [each.split for each in found] == [each.split for each in read_collection(tmp_path)]
    assert {each.name.split("/")[0] for each in read_collection(tmp_path, sources=["a"])} == {"a"}
    with pytest.raises(InputError, match="has no pictures below c; they begin with a/"):
        read_collection(tmp_path, sources=["c"])
