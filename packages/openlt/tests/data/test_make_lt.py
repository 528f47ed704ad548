import json
from pathlib import Path

import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from openlt.data import load_data
from openlt.data.cutting import CutConfig
from openlt.data.make_lt import MadeSet, make_lt

CONFIG = CutConfig(val_per_class=1, test_per_class=2, least=2, open_fraction=0.2)


def photos(root: Path, classes: int = 6, size: int = 10) -> Path:
    for label in range(classes):
        (root / f"class {label}").mkdir(parents=True)
        for row in range(size):
            image.write(root / f"class {label}" / f"{row}.png", np.full((2, 2, 3), 20 * label + row, np.uint8))
    return root


def lists_of(made: MadeSet) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(made.folder.glob("*.txt"))}


def test_the_lists_can_be_trained_on_and_name_bands_and_digests(tmp_path: Path) -> None:
    source = photos(tmp_path / "photos")
    made = make_lt(source, tmp_path / "out", CONFIG)
    data = load_data("lists", root=made.root, lists=made.folder)
    assert made.root == source
    assert data.classes == made.cut.classes
    assert data.counts.tolist() == made.cut.counts.tolist()
    assert set(data.splits) == {"train", "val", "test", "open", "open_val"}
    rows = json.loads((made.folder / "classes.json").read_text())
    assert [row["train_count"] for row in rows] == data.counts.tolist()
    assert {row["band"] for row in rows} == {"few"}
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["sha256"] == dict(made.digests)
    assert manifest["settings"]["seed"] == 0
    assert (made.folder / "frequency.png").stat().st_size > 1000


def test_the_same_settings_give_the_same_bytes_wherever_the_pictures_lie(tmp_path: Path) -> None:
    first = make_lt(photos(tmp_path / "a/photos"), tmp_path / "out1", CONFIG)
    second = make_lt(photos(tmp_path / "b/photos"), tmp_path / "out2", CONFIG)
    assert lists_of(first) == lists_of(second)
    again = make_lt(tmp_path / "a/photos", tmp_path / "out1", CONFIG, force=True)
    assert lists_of(again) == lists_of(second)


@pytest.mark.parametrize("mode", ["copy", "symlink"])
def test_a_tree_of_copies_or_links_can_be_read_as_folders_and_as_lists(tmp_path: Path, mode: str) -> None:
    source = photos(tmp_path / "photos")
    made = make_lt(source, tmp_path / "out", CONFIG, mode="copy" if mode == "copy" else "symlink")
    listed, folder = (load_data(name, root=made.folder) for name in ("lists", "folder"))
    assert listed.counts.tolist() == folder.counts.tolist() == made.cut.counts.tolist()
    assert {name: len(split) for name, split in listed.splits.items()} == {
        name: len(split) for name, split in folder.splits.items()
    }
    assert Path(listed.splits["train"].paths[0]).is_symlink() == (mode == "symlink")


def test_pictures_that_occur_twice_are_left_out_or_only_counted(tmp_path: Path) -> None:
    source = photos(tmp_path / "photos")
    (source / "class 0" / "copy.png").write_bytes((source / "class 0" / "1.png").read_bytes())
    (source / "class 1" / "stray.png").write_bytes((source / "class 0" / "2.png").read_bytes())
    dropped = make_lt(source, tmp_path / "out", CONFIG)
    assert dropped.notes[0] == "2 pictures occur in several classes and were left out"
    assert dropped.notes[1] == "1 pictures repeat another one of their class and were left out"
    listed = b"".join(lists_of(dropped).values())
    assert b"stray.png" not in listed
    assert b"class 0/2.png" not in listed
    kept = make_lt(source, tmp_path / "kept", CONFIG, dedupe="report")
    assert "were kept" in kept.notes[0]


def test_a_test_collection_of_its_own_is_read_relative_to_the_common_folder(tmp_path: Path) -> None:
    source, tests = photos(tmp_path / "all/train"), tmp_path / "all/test"
    for label in range(6):
        (tests / f"class {label}").mkdir(parents=True)
        for row in range(3):
            image.write(tests / f"class {label}" / f"t{row}.png", np.full((2, 2, 3), 200 + 3 * label + row, np.uint8))
    # One of the training pictures is among the test pictures.
    (tests / "class 3" / "t9.png").write_bytes((source / "class 3" / "4.png").read_bytes())
    made = make_lt(source, tmp_path / "out", CONFIG, test_source=tests)
    data = load_data("lists", root=made.root, lists=made.folder)
    assert made.root == tmp_path / "all"
    assert all(path.startswith(str(tests)) for path in data.splits["test"].paths)
    assert "1 pictures occur among the test pictures and were left out" in made.notes


def test_a_list_file_can_be_cut_too(tmp_path: Path) -> None:
    source = photos(tmp_path / "photos")
    lines = [f"photos/class {label}/{row}.png {label}" for label in range(6) for row in range(10)]
    (tmp_path / "all.txt").write_text("\n".join(lines) + "\n")
    made = make_lt(tmp_path / "all.txt", tmp_path / "out", CONFIG)
    data = load_data("lists", root=made.root, lists=made.folder)
    assert data.num_classes == len(made.cut.classes)
    assert data.splits["train"].paths[0].startswith(str(source))


def test_a_folder_in_use_is_not_overwritten(tmp_path: Path) -> None:
    source = photos(tmp_path / "photos")
    make_lt(source, tmp_path / "out", CONFIG)
    with pytest.raises(InputError, match="holds a set already; add --force"):
        make_lt(source, tmp_path / "out", CONFIG)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").touch()
    with pytest.raises(InputError, match="is not empty and was not made by make-lt"):
        make_lt(source, tmp_path / "mine", CONFIG, force=True)
    with pytest.raises(InputError, match="where it would become a class"):
        make_lt(source, source / "out", CONFIG)


def test_overwriting_leaves_nothing_of_the_set_before(tmp_path: Path) -> None:
    source = photos(tmp_path / "photos")
    make_lt(source, tmp_path / "out", CONFIG, mode="copy")
    made = make_lt(source, tmp_path / "out", CutConfig(**{**vars(CONFIG), "seed": 3}), mode="copy", force=True)
    assert load_data("folder", root=made.folder).counts.tolist() == made.cut.counts.tolist()


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected one folder for each class"):
        make_lt(tmp_path / "empty", tmp_path / "out", CONFIG)
