import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner

from gramtex.checkpoints import load_model
from gramtex.config import load_config
from gramtex.extraction import GramCache
from gramtex.gram_space import GramSpace
from gramtex.metrics import relative_gram_errors
from gramtex.training import start
from gramtex.training.checkpointing import Position
from gramtex.training.gram_data import encode_rows
from gramtex.training.start import train
from gramtex.training.trainer import Trainer
from hr_common.commands import CommandGroup
from hr_common.errors import InputError

TINY = load_config("tiny")


class KilledError(Exception):
    """Stands for a kill."""


def weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(run / "model.safetensors").network.state_dict())


def assert_same(one: Path, other: Path, tolerance: float = 0.0) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=tolerance, atol=tolerance, msg=name)


def records(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def after_saving(monkeypatch: pytest.MonkeyPatch, stage: int, step: int, happens: Any) -> None:
    """Let something happen once the checkpoint of a step is written."""
    save = start.save_checkpoint

    def save_and_more(path: Path, trainer: Trainer, position: Position, **rest: Any) -> None:
        save(path, trainer, position, **rest)
        if (position.stage, position.step) == (stage, step):
            happens()

    monkeypatch.setattr(start, "save_checkpoint", save_and_more)


def die() -> None:
    raise KilledError


def test_a_run_leaves_model_log_and_settings_and_measures_the_codes(run: Path) -> None:
    assert {"model.safetensors", "metrics.jsonl", "config.toml", "last.pt"} <= {each.name for each in run.iterdir()}
    lines = records(run)
    assert [(line["stage"], line["step"]) for line in lines][:3] == [("a", 0), ("a", 5), ("a", 10)]
    assert lines[-1]["stage"] == "b"
    assert all(len(line["val_rec_levels"]) == 2 and line["val_nu"] >= 0 for line in lines)
    assert load_config("paper", file=run / "config.toml") == TINY


def test_training_reconstructs_better_than_the_mean_and_draws_the_codes_to_the_prior(
    grams: GramCache, tmp_path: Path
) -> None:
    config = load_config("tiny", overrides=("training.steps=60", "training.steps_b=0", "training.validate_every=30"))
    trained = train(grams, tmp_path / "run", config, device="cpu")
    model = load_model(trained.model)
    rows, held_out = grams.select("train"), grams.select("val")
    for level, name in enumerate(config.model.levels):
        mean = grams.coordinates(rows, name).mean(0)
        true = grams.coordinates(held_out, name)
        true, mean = true * true.abs(), mean * mean.abs()
        codes = encode_rows(model.network, grams, held_out)
        made = model.network.decode(codes)[level]
        assert relative_gram_errors(made, true).median() < relative_gram_errors(mean.expand_as(true), true).median()
    assert 0.7 < trained.figures["val_std"] < 1.3
    codes = encode_rows(model.network, grams, rows)
    assert 0.7 < float(codes.std(0).mean()) < 1.3


def test_the_start_is_the_linear_model(grams: GramCache) -> None:
    """With whole ranks and before the first step the auto-encoder is the principal component analysis."""
    config = load_config("tiny", overrides=("model.ranks=[64,64]",))
    rows = grams.select("train")
    torch.manual_seed(0)
    model = start.GramAutoEncoder(config.model)
    start.fit_statistics(model, grams, rows)
    start.principal_start(model, start.LevelFeatures(model, grams, rows).batch(range(len(rows)), torch.device("cpu")))
    model.code_norm.momentum = 1.0  # the running statistics are those of one pass
    model.train()
    pairs = zip(model.standards, grams.levels, strict=True)
    with torch.no_grad():
        model([standard(grams.coordinates(rows, name)) for standard, name in pairs], projected=False)
    model.eval()
    matrices = [grams.coordinates(rows, name) for name in grams.levels]
    matrices = [each * each.abs() for each in matrices]
    space = GramSpace.fit(matrices, config.model.latent)
    linear = space.reconstruct(space.project(matrices))
    for made, wanted in zip(model.decode(model.encode(matrices)), linear, strict=True):
        torch.testing.assert_close(made, wanted, rtol=0.05, atol=0.02 * float(wanted.abs().max()))


@pytest.mark.parametrize("where", [(0, 5), (0, 15)])
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_weights_to_the_bit(
    where: tuple[int, int], run: Path, grams: GramCache, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        after_saving(patch, *where, die)
        with pytest.raises(KilledError):
            train(grams, tmp_path / "run", TINY, device="cpu")
    train(grams, tmp_path / "run", TINY, device="cpu", resume=True)
    assert_same(tmp_path / "run", run)
    assert records(tmp_path / "run") == records(run)


def test_an_adversarial_run_goes_on_to_the_bit_too(grams: GramCache, tmp_path: Path) -> None:
    config = load_config(
        "tiny", overrides=("training.match=gan", "training.gram_gan=0.05", "training.match_weight=0.1")
    )
    train(grams, tmp_path / "whole", config, device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        after_saving(patch, 0, 10, die)
        with pytest.raises(KilledError):
            train(grams, tmp_path / "cut", config, device="cpu")
    train(grams, tmp_path / "cut", config, device="cpu", resume=True)
    assert_same(tmp_path / "cut", tmp_path / "whole")
    assert all("adversary" in line for line in records(tmp_path / "whole") if line["step"])


def test_ctrl_c_saves_the_state_ends_with_130_and_is_gone_on_from(run: Path, grams: GramCache, tmp_path: Path) -> None:
    out = tmp_path / "run"

    @click.group(cls=CommandGroup)
    def command() -> None:
        pass

    command.command("go")(lambda: train(grams, out, TINY, device="cpu"))
    with pytest.MonkeyPatch.context() as patch:
        after_saving(patch, 0, 5, lambda: signal.raise_signal(signal.SIGINT))
        assert CliRunner().invoke(command, ["go"]).exit_code == 130
    state = torch.load(out / "last.pt", weights_only=True)
    assert state["position"]["step"] == 5
    assert not (out / "model.safetensors").exists()
    train(grams, out, TINY, device="cpu", resume=True)
    assert_same(out, run)


def test_two_processes_learn_what_one_does(grams: GramCache, tmp_path: Path) -> None:
    # From default draws: at the principal start gradients are almost nothing, and Adam makes steps of their rounding.
    overrides = ["training.steps=4", "training.steps_b=1", "training.principal_start=false"]
    train(grams, tmp_path / "one", load_config("tiny", overrides=overrides), device="cpu")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1",
        "--master-port", str(port), str(Path(__file__).with_name("two_processes.py")),
        str(grams.folder), str(tmp_path / "two"), *overrides,
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    # Weights are kept in half precision, whose last digit is 1e-3 of them.
    assert_same(tmp_path / "one", tmp_path / "two", tolerance=2e-3)
    # Of the whole batch, after several steps. Held-out figures differ more: what lies before the normalisation of the
    # codes has a bias without a gradient, of whose rounding Adam makes steps that the running mean follows late.
    ours, theirs = ([line["match"] for line in records(tmp_path / name) if "match" in line] for name in ("one", "two"))
    assert len(ours) == 2
    # The discrepancy is what is left of sums of the order of 1, so its error is measured against those. The second is
    # of the step after Adam has begun anew, whose first steps follow the signs of gradients, however small.
    assert theirs[0] == pytest.approx(ours[0], abs=1e-5)
    assert theirs[1] == pytest.approx(ours[1], abs=3e-5)


def test_batches_have_to_be_shared_evenly_and_large_enough(grams: GramCache, tmp_path: Path) -> None:
    config = replace(TINY, training=replace(TINY.training, batch=64))
    with pytest.raises(InputError, match="42 rows for training and 14 held out; training needs at least 64"):
        train(grams, tmp_path / "run", config, device="cpu")


def test_the_channels_have_to_be_those_of_the_gram_sets(grams: GramCache, tmp_path: Path) -> None:
    config = load_config("tiny", overrides=("model.channels=[64,128]",))
    with pytest.raises(InputError, match="do not fit the Gram sets"):
        train(grams, tmp_path / "run", config, device="cpu")


def test_folders_in_use_are_kept_unless_one_says_otherwise(run: Path, grams: GramCache, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="add --resume to go on"):
        train(grams, run, TINY, device="cpu")
    with pytest.raises(InputError, match=r"holds no run to go on with \(last.pt is missing\)"):
        train(grams, tmp_path, TINY, device="cpu", resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is no folder"):
        train(grams, tmp_path / "file", TINY, device="cpu")


@pytest.mark.parametrize(
    ("overrides", "seed", "message"),
    [
        (("training.learning_rate=0.1",), 0, "training.learning_rate 0.0005 there, 0.1 here"),
        ((), 7, "seed 0 there, 7 here"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(
    overrides: tuple[str, ...], seed: int, message: str, run: Path, grams: GramCache
) -> None:
    with pytest.raises(InputError, match=message):
        train(grams, run, load_config("tiny", overrides=overrides), device="cpu", resume=True, seed=seed)


def test_a_damaged_checkpoint_is_refused(grams: GramCache, tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"cannot be read as a checkpoint .*; start anew with --force"):
        train(grams, tmp_path, TINY, device="cpu", resume=True)
    torch.save({"format": 99}, tmp_path / "last.pt")
    with pytest.raises(InputError, match="is no checkpoint of this version"):
        train(grams, tmp_path, TINY, device="cpu", resume=True)
