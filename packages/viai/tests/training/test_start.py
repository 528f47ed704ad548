import json
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hr_common.errors import InputError
from hr_common.files import file_digest
from viai.checkpoints import build_network, load_network, save_network
from viai.config import TINY, ViaiConfig
from viai.data.windows import WindowDataset
from viai.training.start import data_fingerprint, train_stage

CONFIG = replace(TINY, training=replace(TINY.training, steps=3, checkpoint_every=1, log_every=1))


def test_the_fingerprint_names_the_data_and_its_split(clips_folder: Path, tmp_path: Path) -> None:
    digest = file_digest(clips_folder / "split.json")
    assert data_fingerprint(clips_folder) == {"name": "clips", "split_sha256": digest}
    assert data_fingerprint(tmp_path) == {"name": tmp_path.name}


def test_a_run_that_broke_off_is_resumed_to_the_bit(clips_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "clips"
    shutil.copytree(clips_folder, data)
    whole = train_stage("viai-a", data, tmp_path / "whole", config=CONFIG, seed=4, device="cpu")

    # The third window of the first epoch is read in the second step; its sound cannot be.
    windows = WindowDataset(data, "train", CONFIG, seed=4, picture=False)
    sound = data / windows.clips[windows.order(0)[2]].name / "audio.npy"
    kept = sound.read_bytes()
    sound.write_bytes(kept[:1_000])
    with pytest.raises(InputError, match=r"audio\.npy cannot be read"):
        train_stage("viai-a", data, tmp_path / "broken", config=CONFIG, seed=4, device="cpu")
    assert load_network(tmp_path / "broken/viai-a.safetensors", "viai-a").card["step"] == 1

    sound.write_bytes(kept)
    before = torch.get_rng_state()
    resumed = train_stage("viai-a", data, tmp_path / "broken", config=CONFIG, seed=4, device="cpu", resume=True)
    assert torch.equal(torch.get_rng_state(), before)
    assert resumed.step == whole.step == 3
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    card = load_network(resumed.weights, "viai-a").card
    assert (card["step"], card["seed"], card["data"]["name"]) == (3, 4, "clips")


def test_sight_is_trained_from_the_weights_of_sound(
    clips_folder: Path, tiny_weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(CONFIG, training=replace(CONFIG.training, steps=1, learning_rate=1e-9))
    start = tiny_weights / "viai-a.safetensors"
    with caplog.at_level(logging.WARNING):
        progress = train_stage("viai-av", clips_folder, tmp_path, config=config, device="cpu", start_from=start)
    assert "2 a process are few, eight or more work better" in caplog.text
    audio, both = load_network(start, "viai-a").network, load_network(progress.weights, "viai-av").network
    for mine, theirs in zip(both.audio_encoder.parameters(), audio.audio_encoder.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["viai-av", "wavenet"])
def test_training_goes_on_from_weights_of_the_same_network(
    name: str, clips_folder: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, training=replace(CONFIG.training, steps=1, learning_rate=1e-9, wavenet_learning_rate=1e-9))
    start = tiny_weights / f"{name}.safetensors"
    progress = train_stage(name, clips_folder, tmp_path, config=config, device="cpu", start_from=start)
    before, after = load_network(start, name).network, load_network(progress.weights, name).network
    for first, second in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-6)


def test_sight_needs_weights_of_sound(clips_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="starts from a trained viai-a: give its weights with --start-from"):
        train_stage("viai-av", clips_folder, tmp_path, config=CONFIG, device="cpu")


def test_weights_of_pictures_are_for_the_network_that_sees(clips_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--image-weights are for viai-av, which sees; viai-a has no use"):
        train_stage("viai-a", clips_folder, tmp_path, config=CONFIG, device="cpu", image_weights=tmp_path / "r.pth")


def test_an_unknown_network_is_refused(clips_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown network 'viai-b'; choose one of viai-a, viai-av, wavenet"):
        train_stage("viai-b", clips_folder, tmp_path, config=CONFIG)


@pytest.mark.parametrize(
    ("trained_with", "message"),
    [
        (
            replace(TINY, spectrogram=replace(TINY.spectrogram, low_hz=50.0)),
            "another front end .low_hz 50.0 against 125",
        ),
        (replace(TINY, network=replace(TINY.network, audio_channels=(4, 8, 8, 16, 16))), "other network sizes"),
        (replace(TINY, network=replace(TINY.network, corrects_lines=not TINY.network.corrects_lines)), "other network"),
    ],
    ids=["front end", "sizes", "what is painted"],
)
def test_weights_that_do_not_fit_are_refused(
    trained_with: ViaiConfig, message: str, clips_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "viai-a.safetensors"
    tensors = build_network("viai-a", trained_with).state_dict()
    save_network(path, tensors, stage="viai-a", config=trained_with, step=0, seed=0, data={})
    for name in ("viai-a", "viai-av"):
        with pytest.raises(InputError, match=message):
            train_stage(name, clips_folder, tmp_path / "out", config=CONFIG, device="cpu", start_from=path)


WORKER = """
import os, sys
from dataclasses import replace
from pathlib import Path
import torch
from viai.config import TINY
from viai.training import start

data, out, weights = (Path(argument) for argument in sys.argv[1:])
config = replace(TINY, training=replace(TINY.training, steps=2, batch=4, log_every=1, gan_start=1))
run = start.train

def observed(stage, folder, **rest):
    progress = run(stage, folder, **rest)
    parts = {name: dict(stage.parts()[name].named_parameters()) for name in ("network", "discriminator")}
    torch.save(parts, out / f"{stage.name}.{os.environ['RANK']}.pt")
    return progress

start.train = observed
start.train_stage("viai-a", data, out / "run", config=config, device="cpu")
start.train_stage("viai-av", data, out / "run", config=config, device="cpu", start_from=weights)
"""


def test_two_processes_end_with_the_same_weights_and_one_set_of_files_stage_after_stage(
    clips_folder: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, str(script), str(clips_folder), str(tmp_path), str(tiny_weights / "viai-a.safetensors")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Norms see the windows of their own process, so the weights are those of no single process: but they agree.
    for stage in ("viai-a", "viai-av"):
        ranks = [torch.load(tmp_path / f"{stage}.{rank}.pt", weights_only=True) for rank in (0, 1)]
        for part in ("network", "discriminator"):
            first, second = ranks[0][part], ranks[1][part]
            assert first.keys() == second.keys()
            assert all(torch.equal(value, second[key]) for key, value in first.items())
        lines = [json.loads(line) for line in (tmp_path / f"run/{stage}.log.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        f"{stage}.{ending}"
        for stage in ("viai-a", "viai-av")
        for ending in ("checkpoint.pt", "log.jsonl", "safetensors")
    ]
