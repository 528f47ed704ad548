import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import openlt
from hr_common import image, weights
from hr_common.errors import InputError
from openlt.checkpoints import load_model
from openlt.data import LongTailData
from openlt.recognition import Prediction, Recogniser, format_predictions


@pytest.fixture(scope="module")
def recogniser(run: Path) -> Recogniser:
    return openlt.load(run, device="cpu")


@pytest.fixture
def pictures(tmp_path: Path, digits: LongTailData) -> list[Path]:
    """Four test pictures as files, one with a space and a letter of another script in its name."""
    arrays = digits.splits["test"].arrays
    assert arrays is not None
    paths = [tmp_path / name for name in ("a.png", "b c.png", "ж.png", "d.png")]
    for path, pixels in zip(paths, arrays, strict=False):
        image.write(path, pixels)
    return paths


def test_a_prediction_says_what_it_saw(recogniser: Recogniser, pictures: list[Path]) -> None:
    found = recogniser.predict(pictures, topk=3, threshold=0.0)
    assert [each.path for each in found] == [str(path) for path in pictures]
    first = found[0]
    assert first.decision == first.top[0][0]
    assert first.probability == first.top[0][1] >= first.top[1][1] >= first.top[2][1]
    assert set(first.scores) == {"msp", "max-logit", "energy", "entropy", "meta-norm", "reachability"}
    assert first.distance is not None
    assert first.scores["reachability"] == pytest.approx(-first.distance, rel=1e-4)
    assert first.scores["msp"] == pytest.approx(first.probability)


def test_the_nearest_centroid_is_named(recogniser: Recogniser, pictures: list[Path], digits: LongTailData) -> None:
    centroids = recogniser.model.centroids
    assert centroids is not None
    output = next(iter(recogniser.stream(digits.splits["test"])))[1]
    expected = torch.cdist(torch.from_numpy(output.features), centroids).argmin(dim=1)
    assert output.nearest.tolist() == expected.tolist()


def test_nothing_passes_a_threshold_above_one(recogniser: Recogniser, pictures: list[Path]) -> None:
    assert {each.decision for each in recogniser.predict(pictures, threshold=1.1)} == {"unknown"}


def test_another_detector_decides_by_its_own_threshold(recogniser: Recogniser, pictures: list[Path]) -> None:
    limit = recogniser.threshold_for("energy")
    for each in recogniser.predict(pictures, detector="energy"):
        assert (each.decision == "unknown") == (each.scores["energy"] < limit)


def test_a_detector_that_needs_training_pictures_is_refused(recogniser: Recogniser, pictures: list[Path]) -> None:
    with pytest.raises(InputError, match="'mahalanobis' cannot decide here; choose one of msp, max-logit, "):
        recogniser.predict(pictures, detector="mahalanobis")


def test_a_picture_that_cannot_be_read_is_reported_among_the_others(
    recogniser: Recogniser, pictures: list[Path]
) -> None:
    whole = recogniser.predict(pictures)
    pictures[1].write_bytes(b"no picture")
    found = recogniser.predict(pictures)
    assert found[1].decision == ""
    assert "no picture that can be read" in str(found[1].error)
    assert [each.decision for each in found[2:]] == [each.decision for each in whole[2:]]


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no model.safetensors; train to the end first"):
        openlt.load(tmp_path)


def damaged(change: Callable[[dict[str, torch.Tensor], dict[str, object]], None], run: Path, target: Path) -> Path:
    tensors, card = weights.load(run / "model.safetensors")
    change(tensors, card)
    weights.save(target / "model.safetensors", tensors, card)
    return target / "model.safetensors"


def test_a_memory_without_centroids_is_refused(run: Path, tmp_path: Path) -> None:
    path = damaged(lambda tensors, _: tensors.__delitem__("centroids"), run, tmp_path)
    with pytest.raises(InputError, match="a classifier with a memory but no centroids"):
        load_model(path)


def test_weights_of_another_package_are_refused(run: Path, tmp_path: Path) -> None:
    path = damaged(lambda _, card: card.update(package="other"), run, tmp_path)
    with pytest.raises(InputError, match="holds no weights that this version of openlt reads"):
        load_model(path)


def test_missing_weights_are_named(run: Path, tmp_path: Path) -> None:
    path = damaged(lambda tensors, _: tensors.__delitem__("network.features.projection.bias"), run, tmp_path)
    with pytest.raises(InputError, match=r"missing: features.projection.bias"):
        load_model(path)


def test_a_loaded_network_is_the_one_that_was_saved(run: Path) -> None:
    first, second = load_model(run / "model.safetensors"), load_model(run / "checkpoints" / "stage2.best.safetensors")
    for name, value in first.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value, rtol=0, atol=0)


PREDICTIONS = [
    Prediction("a.png", "cat", 0.75, (("cat", 0.75), ("dog, big", 0.25)), {"msp": 0.75}, "cat", 1.5),
    Prediction("b.png", "", 0.0, error="it is damaged"),
]


def test_a_table_has_a_line_for_each_picture() -> None:
    assert format_predictions(PREDICTIONS, "table").splitlines() == [
        "a.png: cat (cat 0.750, dog, big 0.250; nearest centroid cat at 1.5)",
        "b.png: cannot be read",
    ]


def test_csv_has_a_column_for_everything() -> None:
    header, first, second = format_predictions(PREDICTIONS, "csv").splitlines()
    assert header.startswith(
        "path,decision,probability,top1,top1_probability,top2,top2_probability,msp,nearest,distance,error"
    )
    assert first == 'a.png,cat,0.75,cat,0.75,"dog, big",0.25,0.75,cat,1.5,'
    assert second.startswith("b.png,,0.0") and second.endswith("it is damaged")  # noqa: PT018


def test_json_holds_the_same() -> None:
    read = json.loads(format_predictions(PREDICTIONS, "json"))
    assert read[0]["top"] == [["cat", 0.75], ["dog, big", 0.25]]
    assert read[1]["error"] == "it is damaged"


def test_a_plain_run_has_no_memory(run: Path, pictures: list[Path]) -> None:
    plain = Recogniser.from_pretrained(run / "checkpoints" / "stage1.best.safetensors", device="cpu")
    (first,) = plain.predict(pictures[:1])
    assert first.nearest is None
    assert first.distance is None
    assert "reachability" not in first.scores


def test_pictures_in_memory_and_on_disk_are_the_same(
    recogniser: Recogniser, pictures: list[Path], digits: LongTailData
) -> None:
    split = digits.splits["test"]
    assert split.arrays is not None
    few = replace(split, paths=split.paths[:4], labels=split.labels[:4], arrays=split.arrays[:4])
    output = next(iter(recogniser.stream(few)))[1]
    read = [each.scores["max-logit"] for each in recogniser.predict(pictures)]
    np.testing.assert_allclose(read, output.logits.max(axis=1), rtol=1e-5)
