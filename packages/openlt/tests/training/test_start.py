import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hr_common import image
from hr_common.commands import CommandGroup
from hr_common.errors import InputError
from openlt.checkpoints import load_model
from openlt.config import METHODS, OpenltConfig, load_config
from openlt.data import LongTailData
from openlt.training import loop
from openlt.training.start import train


class KilledError(Exception):
    """Stands for a kill."""


def weights(run: Path) -> dict[str, torch.Tensor]:
    loaded = load_model(run / "model.safetensors")
    assert loaded.centroids is not None
    return {**loaded.network.state_dict(), "centroids": loaded.centroids}


def assert_same(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0, msg=name)


def cut(monkeypatch: pytest.MonkeyPatch, stage: int, epoch: int, step: int) -> None:
    """Let the training die at a checkpoint, after it was written."""
    save = loop.save_checkpoint

    def save_and_die(path: Path, run: loop.Stage, position: loop.Position, *, origin: loop.Origin) -> None:
        save(path, run, position, origin=origin)
        if (position.stage, position.epoch, position.step) == (stage, epoch, step):
            raise KilledError

    monkeypatch.setattr(loop, "save_checkpoint", save_and_die)


@pytest.mark.parametrize("where", [(1, 0, 1), (1, 1, 0), (2, 0, 1), (2, 1, 0)])
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_weights_to_the_bit(
    where: tuple[int, int, int], run: Path, digits: LongTailData, tiny: OpenltConfig, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        cut(patch, *where)
        with pytest.raises(KilledError):
            train(digits, tmp_path / "run", tiny, device="cpu")
    train(digits, tmp_path / "run", tiny, device="cpu", resume=True)
    assert_same(tmp_path / "run", run)
    kept = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    whole = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    measured = ("stage", "epoch", "loss", "val_overall")
    assert [[line[name] for name in measured] for line in kept] == [[line[name] for name in measured] for line in whole]


def test_the_stages_one_by_one_are_both_at_once(
    run: Path, digits: LongTailData, tiny: OpenltConfig, tmp_path: Path
) -> None:
    train(digits, tmp_path / "run", tiny, device="cpu", stages=(1,))
    assert not (tmp_path / "run" / "model.safetensors").exists()
    train(digits, tmp_path / "run", tiny, device="cpu", stages=(2,))
    assert_same(tmp_path / "run", run)
    with pytest.raises(InputError, match="is not empty"):
        train(digits, tmp_path / "run", tiny, device="cpu", stages=(2,))
    train(digits, tmp_path / "run", tiny, device="cpu", stages=(2,), force=True)
    assert_same(tmp_path / "run", run)
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2


def test_the_number_of_readers_changes_nothing(
    run: Path, digits: LongTailData, tiny: OpenltConfig, tmp_path: Path
) -> None:
    train(digits, tmp_path / "run", replace(tiny, data=replace(tiny.data, workers=1)), device="cpu")
    assert_same(tmp_path / "run", run)


def test_ctrl_c_writes_the_state_ends_with_130_and_is_gone_on_from(
    run: Path, tiny: OpenltConfig, digits: LongTailData, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    save = loop.save_checkpoint

    def press(path: Path, stage: loop.Stage, position: loop.Position, *, origin: loop.Origin) -> None:
        save(path, stage, position, origin=origin)
        if (position.stage, position.step) == (2, 1):
            signal.raise_signal(signal.SIGINT)

    @click.group(cls=CommandGroup)
    def command() -> None:
        pass

    command.command("go")(lambda: train(digits, out, tiny, device="cpu"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", press)
        assert CliRunner().invoke(command, ["go"]).exit_code == 130
    state = torch.load(out / "checkpoints" / "last.pt", weights_only=True)
    assert [state["position"][name] for name in ("stage", "epoch", "step")] == [2, 0, 2]
    train(digits, out, tiny, device="cpu", resume=True)
    assert_same(out, run)


def test_the_second_stage_moves_the_centroids(
    run: Path, digits: LongTailData, tiny: OpenltConfig, tmp_path: Path
) -> None:
    still = replace(tiny, stage2=replace(tiny.stage2, centroid_learning_rate=0.0))  # type: ignore[arg-type, type-var]
    train(digits, tmp_path / "run", still, device="cpu")
    assert not torch.equal(weights(tmp_path / "run")["centroids"], weights(run)["centroids"])


# A margin that the centroids of so small a network do not keep, so that they repel.
REPELLING = (
    "training.batch=64",
    "stage1.epochs=1",
    "stage2.epochs=1",
    "losses.repel_margin=1000.0",
    "stage2.feature_weight=1.0",
    "stage2.centroid_learning_rate=0.1",
)


@pytest.fixture(scope="module")
def repelling_run(tmp_path_factory: pytest.TempPathFactory, digits: LongTailData) -> Path:
    folder = tmp_path_factory.mktemp("repelling") / "run"
    train(digits, folder, load_config("tiny", overrides=REPELLING), device="cpu")
    return folder


@pytest.mark.parametrize(
    "setting",
    [
        "training.amp=bf16",
        "training.amp=fp16",
        "training.clip=0.1",
        "training.recompute_centroids=1",
        "training.scale_learning_rate=true",
        "losses.form=paper",
        "losses.repel_weight=5.0",
        "network.memory=false",
        "network.selector=false",
        "network.reachability=false",
        "network.cosine=false",
        "network.attention=false",
        "network.squash=squared",
        "network.nearest_only=2",
        "stage2.feature_loss=none",
        "stage2.frozen=backbone",
        "stage2.freeze_norm=true",
        "stage2.loss=focal",
        "stage2.sampler=progressive",
        "data.min_area=0.2",
    ],
)
def test_every_switch_changes_what_is_learnt(
    setting: str, repelling_run: Path, digits: LongTailData, tmp_path: Path
) -> None:
    train(digits, tmp_path / "run", load_config("tiny", overrides=(*REPELLING, setting)), device="cpu")
    one, other = weights(tmp_path / "run"), weights(repelling_run)
    assert all(bool(value.isfinite().all()) for value in one.values())
    assert one.keys() != other.keys() or any(not torch.equal(value, other[name]) for name, value in one.items())


def test_a_damaged_picture_is_an_error_or_counted(digits: LongTailData, tiny: OpenltConfig, tmp_path: Path) -> None:
    split = digits.splits["train"]
    assert split.arrays is not None
    paths = []
    for row, pixels in enumerate(split.arrays):
        image.write(tmp_path / f"{row}.png", pixels)
        paths.append(str(tmp_path / f"{row}.png"))
    for row in range(10):
        (tmp_path / f"{row}.png").write_bytes(b"no picture")
    broken = replace(digits, splits={**digits.splits, "train": replace(split, arrays=None, paths=tuple(paths))})
    with pytest.raises(InputError, match=r"png is no picture"):
        train(broken, tmp_path / "strict", tiny, device="cpu")
    counting = replace(tiny, data=replace(tiny.data, corrupt="skip-and-count"))
    train(broken, tmp_path / "counting", counting, device="cpu")
    assert "damaged pictures were left out" in (tmp_path / "counting" / "log.txt").read_text()


def test_a_run_describes_itself(run: Path, digits: LongTailData) -> None:
    described = json.loads((run / "data.json").read_text())
    assert described["counts"] == digits.counts.tolist()
    assert described["bands"]["paper"] == {"many": 1, "medium": 3, "few": 4}
    assert described["digests"] == dict(digits.digests)
    assert json.loads((run / "environment.json").read_text())["torch"] == torch.__version__
    assert load_config("tiny", file=run / "config.toml") == load_model(run / "model.safetensors").config
    assert "stage 2, epoch 1" in (run / "log.txt").read_text()


def test_a_folder_with_something_in_it_is_refused(run: Path, digits: LongTailData, tiny: OpenltConfig) -> None:
    with pytest.raises(
        InputError, match="is not empty; add --resume to go on with the run in it, --force to overwrite"
    ):
        train(digits, run, tiny, device="cpu")


def test_other_settings_are_refused_with_their_difference(run: Path, digits: LongTailData, tiny: OpenltConfig) -> None:
    other = replace(tiny, network=replace(tiny.network, scale=8.0))
    with pytest.raises(InputError, match=r"network.scale 16.0 there, 8.0 here.*start anew with --force"):
        train(digits, run, other, device="cpu", resume=True)


def test_other_lists_are_refused_with_their_difference(run: Path, digits: LongTailData, tiny: OpenltConfig) -> None:
    other = replace(digits, digests={**digits.digests, "train": "0" * 64})
    with pytest.raises(InputError, match="list of train"):
        train(other, run, tiny, device="cpu", resume=True)


def test_nothing_to_resume_is_said(digits: LongTailData, tiny: OpenltConfig, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to resume"):
        train(digits, tmp_path / "none", tiny, device="cpu", resume=True)


def test_a_damaged_checkpoint_is_refused(run: Path, digits: LongTailData, tiny: OpenltConfig, tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "last.pt").write_bytes(b"PK no checkpoint")
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        train(digits, tmp_path / "run", tiny, device="cpu", resume=True)


def test_a_batch_larger_than_the_data_is_refused(digits: LongTailData, tiny: OpenltConfig, tmp_path: Path) -> None:
    large = replace(tiny, training=replace(tiny.training, batch=400))
    with pytest.raises(InputError, match=r"training.batch=400 is more than the 309 training pictures"):
        train(digits, tmp_path / "run", large, device="cpu")


def test_data_without_validation_pictures_keep_the_last_epoch(
    digits: LongTailData, tiny: OpenltConfig, tmp_path: Path
) -> None:
    splits = {name: split for name, split in digits.splits.items() if name == "train"}
    trained = train(replace(digits, splits=splits), tmp_path / "run", tiny, device="cpu")
    assert trained.best is None
    assert load_model(tmp_path / "run" / "model.safetensors").card["metrics"]["overall"] is None


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("oltr", "plain")])
def test_every_method_trains_and_leaves_a_model_that_predicts(
    method: str, digits: LongTailData, tmp_path: Path
) -> None:
    overrides = ["training.batch=128", "stage1.epochs=1"]
    if METHODS[method].stages == 2:
        overrides.append("stage2.epochs=1")
    config = load_config("tiny", "digits-lt", method, overrides=overrides)
    train(digits, tmp_path / "run", config, device="cpu")
    loaded = load_model(tmp_path / "run" / "model.safetensors")
    with torch.inference_mode():
        logits = loaded.network(torch.randn(4, 3, 16, 16), loaded.centroids).logits
    assert logits.shape == (4, digits.num_classes)
    assert bool(logits.isfinite().all())


def test_frozen_features_stay_as_they_are(digits: LongTailData, tmp_path: Path) -> None:
    overrides = ("training.batch=128", "stage1.epochs=1", "stage2.epochs=1")
    train(digits, tmp_path / "run", load_config("tiny", method="crt", overrides=overrides), device="cpu")
    before = load_model(tmp_path / "run" / "checkpoints" / "stage1.best.safetensors").network
    after = load_model(tmp_path / "run" / "model.safetensors").network
    for name, value in before.features.state_dict().items():
        torch.testing.assert_close(after.features.state_dict()[name], value, rtol=0, atol=0, msg=name)
    assert not torch.equal(before.classifier.weight, after.classifier.weight)  # type: ignore[arg-type]


def test_two_processes_are_one_with_the_whole_batch(tmp_path: Path) -> None:
    script = Path(__file__).with_name("two_processes.py")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "two.npz")],
            env={**shared, "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    five_steps(tmp_path / "one.npz")
    assert [process.wait(timeout=200) for process in processes] == [0, 0]
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert one.files == two.files
        assert "centroids" in one.files
        for name in one.files:
            np.testing.assert_allclose(two[name], one[name], rtol=0, atol=1e-5, err_msg=name)
        # Five steps have to have moved something, or everything would agree.
        assert np.abs(one["centroids"] - one["centroids before"]).max() > 1e-3


def five_steps(out: Path) -> None:
    """Run the script here, as the only process."""
    spec = importlib.util.spec_from_file_location("two_processes", Path(__file__).with_name("two_processes.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(out)
