import hashlib
from pathlib import Path

import numpy as np
import pytest

from hr_common.errors import InputError
from openlt.data.lists import ListFile, check_labels, class_names, find_lists, read_list, write_list


def written(folder: Path, text: str, name: str = "X_train.txt") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def listed(folder: Path, labels: list[int], name: str = "X_train.txt") -> ListFile:
    return read_list(
        written(folder, "".join(f"c{label}/{row}.jpg {label}\n" for row, label in enumerate(labels)), name),
        is_open=False,
    )


def test_paths_with_spaces_and_any_letters_survive(tmp_path: Path) -> None:
    file = written(tmp_path, "café à Paris/my  picture 1.jpg 0\r\n日本/ä.jpg\t1\n\n")
    result = read_list(file, is_open=False)
    assert result.paths == ("café à Paris/my  picture 1.jpg", "日本/ä.jpg")
    assert result.labels.tolist() == [0, 1]
    assert result.digest == hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_is_written_is_read_back_and_its_digest_is_known(tmp_path: Path) -> None:
    digest = write_list(tmp_path / "a.txt", ["x y.jpg", "ü.jpg"], [0, 3])
    result = read_list(tmp_path / "a.txt", is_open=False)
    assert (result.paths, result.labels.tolist(), result.digest) == (("x y.jpg", "ü.jpg"), [0, 3], digest)


@pytest.mark.parametrize(
    ("text", "is_open", "message"),
    [
        ("a.jpg 0\nb.jpg one\n", False, r"line 2: 'b.jpg one' is no path and label"),
        ("a.jpg\n", False, r"line 1: 'a.jpg' is no path and label"),
        ("a.jpg -1\n", False, "labels of known classes begin at 0"),
        ("a.jpg 0\n", True, "the label of an open list is -1"),
        ("\n\n", False, "lists no picture"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, is_open: bool, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_list(written(tmp_path, text), is_open=is_open)


def test_gaps_in_the_labels_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"from 0 to 4, but 2 of them \(1, 3\) have no picture"):
        check_labels({"train": listed(tmp_path, [0, 2, 4])})


def test_a_test_label_that_was_never_trained_on_is_named(tmp_path: Path) -> None:
    lists = {"train": listed(tmp_path, [0, 1]), "test": listed(tmp_path, [0, 7], "X_test.txt")}
    with pytest.raises(InputError, match=r"X_test.txt: label 7 does not occur in X_train.txt"):
        check_labels(lists)


def test_two_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "a 0\n", "A_train.txt")
    written(tmp_path, "a 0\n", "B_train.txt")
    with pytest.raises(InputError, match=r"several training lists \(A_train.txt, B_train.txt\)"):
        find_lists(tmp_path, None)
    assert list(find_lists(tmp_path, "A")) == ["train"]


def test_classes_are_named_by_their_folders_or_by_their_numbers(tmp_path: Path) -> None:
    assert class_names(listed(tmp_path, [0, 1, 1]), 2) == ("c0", "c1")
    mixed = read_list(written(tmp_path, "one/a.jpg 0\none/b.jpg 1\n"), is_open=False)
    assert class_names(mixed, 2) == ("0", "1")


def test_classes_json_names_the_classes_and_has_to_name_all(tmp_path: Path) -> None:
    train = listed(tmp_path, [0, 1])
    written(tmp_path, '[{"label": 1, "name": "owl"}, {"label": 0, "name": "cat"}]', "classes.json")
    assert class_names(train, 2) == ("cat", "owl")
    written(tmp_path, '{"closed": [{"label": 0, "name": "cat"}]}', "classes.json")
    with pytest.raises(InputError, match=r"names 1 classes; X_train.txt has 2"):
        class_names(train, 2)


def test_labels_are_whole_numbers_of_64_bits(tmp_path: Path) -> None:
    assert listed(tmp_path, [0]).labels.dtype == np.int64
