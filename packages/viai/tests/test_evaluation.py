import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hr_common.errors import InputError
from viai.checkpoints import build_network, load_network, save_network
from viai.config import TINY
from viai.data.gap_lists import read_gaps
from viai.evaluation import Evaluation, Score, context_mean, evaluate
from viai.spectrogram import MelSpectrogram

METHODS = ("interpolation", "context mean", "viai-a", "viai-av")


@pytest.fixture(scope="module")
def gap_list(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gaps") / "gaps.json"


@pytest.fixture(scope="module")
def result(clips_folder: Path, tiny_weights: Path, gap_list: Path) -> Evaluation:
    return evaluate(clips_folder, "test", gap_list, per_clip=2, weights=tiny_weights, device="cpu")


def test_every_method_is_scored_on_every_gap(result: Evaluation, gap_list: Path) -> None:
    assert result.methods == METHODS
    gaps = read_gaps(gap_list)
    assert len(gaps) == 4
    for method in METHODS:
        scores = [score for score in result.scores if score.method == method]
        assert [score.clip for score in scores] == [gap.clip for gap in gaps]
        lengths = [(gap.gap_stop - gap.gap_start) / 16_000 for gap in gaps]
        assert [score.gap_seconds for score in scores] == lengths
    assert {score.label for score in result.scores} == {"bell", "drum"}


def test_an_untrained_network_does_worse_than_a_straight_line(result: Evaluation) -> None:
    for metric in ("psnr_gap", "ssim_gap", "l1_gap"):
        gain = result.gain("viai-a", "interpolation", metric)
        assert gain.low <= gain.mean <= gain.high < 0, metric


def test_the_same_list_gives_the_same_figures(
    result: Evaluation, clips_folder: Path, tiny_weights: Path, gap_list: Path
) -> None:
    before = gap_list.read_bytes()
    # The number of gaps counts for a new list only.
    again = evaluate(clips_folder, "test", gap_list, per_clip=3, weights=tiny_weights, device="cpu")
    assert again == result
    assert gap_list.read_bytes() == before


def test_the_table_has_methods_gains_and_classes(result: Evaluation) -> None:
    table = result.table()
    assert table.startswith("4 gaps of 2 held-out videos; all figures inside the gap")
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")]
    assert set(METHODS) | {"bell", "drum"} <= set(rows)
    # Four methods make six pairs.
    assert sum(" over " in row for row in rows) == 6
    mean = result.values("viai-av", "psnr_gap").mean()
    assert f"| viai-av | {mean:.2f} |" in table


def test_the_figures_are_written_as_json_and_csv(result: Evaluation, tmp_path: Path) -> None:
    record = json.loads(json.dumps(result.as_dict()))
    assert set(record["means"]) == set(METHODS)
    assert len(record["gains"]) == 6
    assert record["means"]["viai-a"]["l1_gap"] == result.values("viai-a", "l1_gap").mean()

    path = tmp_path / "figures.csv"
    result.write_csv(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    for row, score in zip(rows, result.scores, strict=True):
        assert (row["clip"], row["method"], float(row["psnr_gap"])) == (score.clip, score.method, score.psnr_gap)


def score(source: str, label: str, method: str, psnr: float, l1: float) -> Score:
    return Score(f"{source}_000", label, source, 0.5, method, psnr, 0.5, l1)


def test_gains_are_paired_and_better_is_positive() -> None:
    result = Evaluation(
        scores=(
            score("a", "bell", "interpolation", 20.0, 0.10),
            score("a", "bell", "viai-a", 21.0, 0.08),
            score("b", "drum", "interpolation", 10.0, 0.30),
            score("b", "drum", "viai-a", 13.0, 0.24),
        ),
        methods=("interpolation", "viai-a"),
    )
    # Gains of 1 and 3 dB, of 0.02 and 0.06 levels: the smaller error is the better one.
    psnr, l1 = (result.gain("viai-a", "interpolation", metric) for metric in ("psnr_gap", "l1_gap"))
    assert (psnr.mean, psnr.low, psnr.high) == pytest.approx((2, 1, 3))
    assert (l1.mean, l1.low, l1.high) == pytest.approx((0.04, 0.02, 0.06))
    assert result.gain("viai-a", "interpolation", "psnr_gap", "drum").mean == pytest.approx(3)
    assert result.sources() == ["a", "b"]
    assert result.values("viai-a", "psnr_gap", "bell").tolist() == [21.0]


def test_the_context_mean_by_hand() -> None:
    mel = torch.tensor([[[1.0, 2.0, 9.0, 6.0]], [[1.0, 2.0, 3.0, 4.0]]])
    unknown = torch.tensor([[False, False, True, False], [True, True, True, True]])
    # (1 + 2 + 6) / 3, and nothing where nothing is known.
    assert context_mean(mel, unknown).tolist() == [[[1, 2, 3, 6]], [[0, 0, 0, 0]]]


def test_paintings_are_made_from_what_lies_outside_the_gap(
    result: Evaluation, clips_folder: Path, tiny_weights: Path, gap_list: Path
) -> None:
    item = read_gaps(gap_list)[0]
    sound = np.load(clips_folder / item.clip / "audio.npy")[item.window_start_samples :][:64_000]
    gapped = sound.copy()
    gapped[item.gap_start : item.gap_stop] = 0
    gain = np.float32(0.999) / np.abs(gapped).max()
    target, known = (MelSpectrogram()(torch.from_numpy(samples * gain)[None])[0].numpy() for samples in (sound, gapped))
    first = np.arange(200) * 320
    unknown = (first < item.gap_stop) & (first + 1_280 > item.gap_start)
    line = np.stack([np.interp(first, first[~unknown], band[~unknown]) for band in known]).astype(np.float32)
    network = load_network(tiny_weights / "viai-a.safetensors", "viai-a").network
    painted = network(torch.from_numpy(line)[None, None])[0, 0].numpy()
    scores = {score.method: score for score in result.scores[:4]}
    for method, picture in (("interpolation", line), ("viai-a", painted)):
        expected = np.abs(picture - target)[:, unknown].mean()
        assert scores[method].l1_gap == pytest.approx(expected, rel=1e-4)


def test_training_clips_are_not_evaluated_on(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="split 'train' cannot be evaluated on; choose val or test"):
        evaluate(clips_folder, "train", tmp_path / "gaps.json", weights=tiny_weights, device="cpu")


def test_an_empty_list_is_refused(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    gaps = tmp_path / "gaps.json"
    gaps.write_text('{"format": 1, "gaps": []}')
    with pytest.raises(InputError, match=r"gaps\.json holds no gaps; delete it to draw new ones"):
        evaluate(clips_folder, "test", gaps, weights=tiny_weights, device="cpu")


def test_networks_of_two_front_ends_are_refused(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_weights / "viai-av.safetensors", tmp_path)
    config = replace(TINY, spectrogram=replace(TINY.spectrogram, low_hz=50.0))
    network = build_network("viai-a", config)
    save_network(
        tmp_path / "viai-a.safetensors", network.state_dict(), stage="viai-a", config=config, step=0, seed=0, data={}
    )
    with pytest.raises(InputError, match=r"viai-av\.safetensors was trained with another front end \(low_hz"):
        evaluate(clips_folder, "test", tmp_path / "gaps.json", weights=tmp_path, device="cpu")
