import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hr_common.errors import InputError
from viai.checkpoints import build_network, load_network, save_network
from viai.cli import main
from viai.config import TINY
from viai.data.clips import picture_samples
from viai.data.gap_lists import EvaluationItem, read_gaps, write_gaps
from viai.evaluation import Evaluation, evaluate
from viai.evaluation.scoring import SOUND
from viai.spectrogram import MelSpectrogram

METHODS = ("zero", "hold", "interpolation", "context mean", "ar", "copy", "viai-a", "viai-av", "oracle")
RECURRENT = ("samplernn", "visual2sound", "bi-samplernn", "bi-visual2sound")


@pytest.fixture(scope="module")
def gap_list(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gaps") / "gaps.json"


@pytest.fixture(scope="module")
def result(clips_folder: Path, tiny_weights: Path, gap_list: Path) -> Evaluation:
    return evaluate(clips_folder, "test", gap_list, per_clip=2, weights=tiny_weights, device="cpu")


def test_every_method_is_scored_on_every_gap(result: Evaluation, gap_list: Path) -> None:
    assert result.methods == METHODS
    assert result.missing == RECURRENT
    gaps = read_gaps(gap_list)
    assert len(gaps) == 4
    for method in METHODS:
        scores = result.select(method)
        assert [score.clip for score in scores] == [gap.clip for gap in gaps]
        assert [score.gap_seconds for score in scores] == [(gap.gap_stop - gap.gap_start) / 16_000 for gap in gaps]
        assert all(math.isfinite(getattr(score, metric)) for score in scores for metric in SOUND)
    assert result.labels == ["bell", "drum"]


def test_an_untrained_network_does_worse_than_a_straight_line(result: Evaluation) -> None:
    for metric in ("psnr_gap", "ssim_gap", "l1_gap", "lsd_gap"):
        gain = result.gain("viai-a", "interpolation", metric)
        assert gain is not None
        assert gain.low <= gain.mean <= gain.high < 0, metric


def test_whole_windows_look_better_than_their_gaps(result: Evaluation) -> None:
    for method in METHODS:
        assert (result.values(method, "psnr_full") > result.values(method, "psnr_gap")).all()


def test_pictures_of_noise_are_ranked_too(result: Evaluation) -> None:
    assert result.retrieval is not None
    assert result.retrieval.windows == 64
    assert result.retrieval.recall_1 <= result.retrieval.recall_5 <= result.retrieval.recall_10 <= 1


def test_the_same_list_and_seed_give_the_same_figures(
    result: Evaluation, clips_folder: Path, tiny_weights: Path, gap_list: Path
) -> None:
    before = gap_list.read_bytes()
    names = ["hold", "ar", "viai-av", "oracle"]
    # The number of gaps counts for a new list only.
    again = evaluate(clips_folder, "test", gap_list, per_clip=3, weights=tiny_weights, methods=names, device="cpu")
    assert again.methods == tuple(names)
    assert gap_list.read_bytes() == before
    for name in names:
        # NaN is not equal to itself, so compare what is printed.
        assert repr(again.select(name)) == repr(result.select(name))
        assert again.frechet_mel_gap[name] == result.frechet_mel_gap[name]


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
    for method, picture in (("interpolation", line), ("viai-a", painted)):
        expected = np.abs(picture - target)[:, unknown].mean()
        assert result.values(method, "l1_gap")[0] == pytest.approx(expected, rel=1e-4)


def test_only_the_oracle_notices_what_the_gap_holds(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    """The same clips with other sound in the gaps: paintings stay, the oracle's does not."""
    item = EvaluationItem("bell/six_000", 0, 20_480, 30_080)
    write_gaps(tmp_path / "gaps.json", [item])
    other = tmp_path / "clips"
    shutil.copytree(clips_folder, other)
    sound = np.load(other / item.clip / "audio.npy")
    sound[item.gap_start : item.gap_stop] = sound[item.gap_start : item.gap_stop][::-1]
    np.save(other / item.clip / "audio.npy", sound)
    names = ["viai-a", "viai-av", "oracle"]
    trials = []
    for number, root in enumerate((clips_folder, other)):
        folder = tmp_path / f"listen{number}"
        evaluate(
            root,
            "test",
            tmp_path / "gaps.json",
            weights=tiny_weights,
            methods=names,
            device="cpu",
            listening_test=folder,
        )
        key = json.loads((folder / "key.json").read_text())["trials"][0]["files"]
        trials.append({name: (folder / file).read_bytes() for file, name in key.items()})
    assert trials[0]["viai-a"] == trials[1]["viai-a"]
    assert trials[0]["viai-av"] == trials[1]["viai-av"]
    assert trials[0]["reference"] != trials[1]["reference"]
    scores = [
        evaluate(root, "test", tmp_path / "gaps.json", weights=tiny_weights, methods=names, sounds=False, device="cpu")
        for root in (clips_folder, other)
    ]
    assert scores[0].values("oracle", "l1_gap") != scores[1].values("oracle", "l1_gap")


def test_without_sound_paintings_have_no_figures_of_sound(
    clips_folder: Path, tiny_weights: Path, gap_list: Path, result: Evaluation
) -> None:
    names = ["interpolation", "ar"]
    fast = evaluate(clips_folder, "test", gap_list, weights=tiny_weights, methods=names, sounds=False, device="cpu")
    assert np.isnan(fast.values("interpolation", "snr_gap")).all()
    assert fast.values("ar", "snr_gap").tolist() == result.values("ar", "snr_gap").tolist()
    assert fast.values("interpolation", "psnr_gap").tolist() == result.values("interpolation", "psnr_gap").tolist()
    # Nobody looked.
    assert fast.retrieval is None


def test_silent_gaps_are_left_out_and_counted(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    root = tmp_path / "clips"
    shutil.copytree(clips_folder, root)
    sound = np.load(root / "bell/six_000/audio.npy")
    sound[20_480:40_960] = 0
    np.save(root / "bell/six_000/audio.npy", sound)
    silent, audible = (
        EvaluationItem("bell/six_000", 0, 21_760, 38_400),
        EvaluationItem("bell/six_000", 0, 44_800, 57_600),
    )
    write_gaps(tmp_path / "both.json", [silent, audible])
    found = evaluate(root, "test", tmp_path / "both.json", weights=tiny_weights, methods=["hold"], device="cpu")
    assert (len(found.scores), found.silent) == (1, 1)
    assert "1 gaps left out whose target is silent" in found.lead()
    write_gaps(tmp_path / "silent.json", [silent])
    with pytest.raises(InputError, match=r"targets of all 1 gaps of .*silent\.json are silent"):
        evaluate(root, "test", tmp_path / "silent.json", weights=tiny_weights, methods=["hold"], device="cpu")


def test_gaps_of_given_lengths_are_drawn_once(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    path, lengths = tmp_path / "gaps.json", [0.05, 1.5]
    found = evaluate(
        clips_folder, "test", path, per_clip=1, lengths_seconds=lengths, weights=tiny_weights,
        methods=["interpolation", "viai-a"], sounds=False, device="cpu",
    )  # fmt: skip
    assert sorted(score.gap_seconds for score in found.select("viai-a")) == [0.05, 0.05, 1.5, 1.5]
    assert found.bands == ["50-100 ms", "1000-1500 ms"]
    assert all(item.gap_start % picture_samples(TINY) == 0 for item in read_gaps(path))
    with pytest.raises(InputError, match=r"gaps\.json was drawn with other lengths \(it has a gap of 1\.5 s\)"):
        evaluate(
            clips_folder, "test", path, lengths_seconds=[0.05], weights=tiny_weights, methods=["hold"], device="cpu"
        )


def test_recurrent_baselines_play_and_are_scored(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    for number, stage in enumerate(("samplernn", "visual2sound", "visual2sound-reversed")):
        torch.manual_seed(number)
        save_network(
            tmp_path / f"{stage}.safetensors", build_network(stage, TINY).state_dict(), stage=stage, config=TINY,
            step=0, seed=0, data={},
        )  # fmt: skip
    write_gaps(tmp_path / "gaps.json", [EvaluationItem("bell/six_000", 0, 25_600, 26_400)])
    found = evaluate(
        clips_folder, "test", tmp_path / "gaps.json", weights=tiny_weights, baselines=tmp_path,
        methods=["samplernn", "visual2sound", "bi-visual2sound"], device="cpu",
    )  # fmt: skip
    assert found.methods == ("samplernn", "visual2sound", "bi-visual2sound")
    # Each plays something of its own, and noise is a long way from the answer.
    figures = [found.values(method, "snr_gap")[0] for method in found.methods]
    assert len(set(figures)) == 3
    assert all(figure < 3 for figure in figures)
    assert found.comparisons == [("bi-visual2sound", "visual2sound"), ("visual2sound", "samplernn")]


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
    with pytest.raises(InputError, match=r"viai-a\.safetensors was trained with another front end \(low_hz"):
        evaluate(clips_folder, "test", tmp_path / "gaps.json", weights=tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["viai-a", "wavenet"], "unknown method 'wavenet'; choose among zero, hold, .*, oracle"),
        (["samplernn"], "'samplernn' needs trained weights; give their folder with --baselines"),
    ],
)
def test_methods_that_there_are_not_are_named(
    clips_folder: Path, tiny_weights: Path, tmp_path: Path, methods: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(clips_folder, "test", tmp_path / "gaps.json", weights=tiny_weights, methods=methods, device="cpu")


def test_the_command_writes_all_it_is_asked_for(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    command = [
        "evaluate", "--data", str(clips_folder), "--weights", str(tiny_weights), "--lengths", "0.1,0.4",
        "--gaps", str(tmp_path / "gaps.json"), "--per-clip", "1", "--methods", "zero, interpolation, viai-av, oracle",
        "--csv", str(tmp_path / "t.csv"), "--html", str(tmp_path / "t.html"),
        "--listening-test", str(tmp_path / "listen"), "--device", "cpu",
    ]  # fmt: skip
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "| oracle (sees the answer) |" in done.output
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 4
    assert "<table>" in (tmp_path / "t.html").read_text()
    assert len(json.loads((tmp_path / "listen/key.json").read_text())["trials"]) == 4

    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 2
    assert "t.csv exists; add --force" in refused.output


def test_the_command_prints_json(clips_folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
    command = [
        "evaluate", "--data", str(clips_folder), "--weights", str(tiny_weights), "--gaps", str(tmp_path / "gaps.json"),
        "--per-clip", "1", "--methods", "hold,viai-a", "--no-sound", "--json", "--device", "cpu",
    ]  # fmt: skip
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert set(record["means"]) == {"hold", "viai-a"}
    assert record["means"]["viai-a"]["snr_gap"] is None
    assert record["no_method"] == []
