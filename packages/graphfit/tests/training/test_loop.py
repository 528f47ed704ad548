import copy
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from graphfit.checkpoints import load_model, restore_state, save_state
from graphfit.config import GraphfitConfig, load_config
from graphfit.data.polyvore import read_polyvore
from graphfit.data.splitting import write_polyvore
from graphfit.data.tasks import OutfitData
from graphfit.features import Features
from graphfit.training.loop import Training, finish
from graphfit.training.problem import Problem
from graphfit.training.start import graph_model, train
from hr_common.errors import InputError

# Two processes share out the draws of dropout; without it they do the same sums as one.
PLAIN = ("network.dropout=0.0", "features.input_dropout=0.0", "features.hide=0.0")


def training(problem: Problem, config: GraphfitConfig, seed: int = 0) -> Training:
    return Training(graph_model(problem, config, seed), problem, config, seed=seed, device=torch.device("cpu"))


def test_what_was_learnt_beats_chance_on_held_out_outfits(problem: Problem, learning: GraphfitConfig) -> None:
    one = training(problem, learning)
    before = one.problem.figures(one.model.eval(), "test")
    figures = one.problem.figures(finish(one), "test")
    assert figures["auc"] > max(0.75, before["auc"])
    assert figures["fitb"] > 0.4


@pytest.mark.parametrize("average", [0.0, 0.5])
def test_a_run_cut_off_between_epochs_or_within_one_ends_with_the_same_bits(
    problem: Problem, tmp_path: Path, average: float
) -> None:
    config = load_config("tiny", overrides=(f"training.average={average}",))
    whole = training(problem, config)
    expected = finish(whole).state_dict()
    for steps in (2, whole.steps + 1, whole.steps + 4):
        broken = training(problem, config)
        for taken, _ in enumerate(broken.run(), start=1):
            if taken == steps:
                break
        save_state(tmp_path / "last.pt", broken)
        resumed = training(problem, config)
        restore_state(tmp_path / "last.pt", resumed)
        found = finish(resumed).state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_seed_settles_the_weights(problem: Problem, tiny: GraphfitConfig) -> None:
    one, same, other = (finish(training(problem, tiny, seed)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_training_leaves_the_global_generators_alone(problem: Problem, tiny: GraphfitConfig) -> None:
    before = torch.get_rng_state()
    finish(training(problem, tiny))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_best_epoch_is_kept_and_not_the_last(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config("tiny", overrides=("training.epochs=3",))
    figures = iter([{"auc": 0.6}, {"auc": 0.9}, {"auc": 0.7}])
    monkeypatch.setattr(Problem, "figures", lambda *_: next(figures))
    one = training(problem, config)
    states = [copy.deepcopy(one.model.state_dict()) for position in one.run() if position.step == 0]
    assert one.position.best_epoch == 2
    assert all(torch.equal(one.best[name], states[1][name]) for name in one.best)


def test_a_loss_that_is_no_number_ends_the_run(problem: Problem, tiny: GraphfitConfig) -> None:
    one = training(problem, tiny)
    with torch.no_grad():
        one.model.network.encoder.picture.weight.fill_(float("nan"))  # type: ignore[operator, union-attr]
    with pytest.raises(FloatingPointError, match=r"epoch 1, step 1.*learning_rate"):
        finish(one)


def test_other_settings_seed_or_data_do_not_go_on(problem: Problem, tiny: GraphfitConfig, tmp_path: Path) -> None:
    save_state(tmp_path / "last.pt", training(problem, tiny))
    other = load_config("tiny", overrides=("network.layers=1",))
    with pytest.raises(InputError, match=r"network.layers 2 there, 1 here; seed 0 there, 5 here"):
        restore_state(tmp_path / "last.pt", training(problem, other, seed=5))
    (tmp_path / "broken.pt").write_bytes(b"nothing of use")
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        restore_state(tmp_path / "broken.pt", training(problem, tiny))


def test_a_run_leaves_weights_that_rebuild_the_network(run: Path) -> None:
    loaded = load_model(run)
    assert loaded.card["dataset"] == "wardrobe/nondisjoint"
    assert set(loaded.card["style_counts"]) >= {"triadic", "same"}
    assert loaded.calibration.real
    assert {path.name for path in run.iterdir()} == {
        "config.toml", "last.pt", "metrics.jsonl", "model.safetensors", "run.json",
    }  # fmt: skip


def test_a_run_is_not_overwritten_by_mistake(run: Path, data: OutfitData, features: Features) -> None:
    with pytest.raises(InputError, match="holds a run already; add --resume"):
        train(data, features, run, load_config("tiny"))


def in_child(arguments: list[str], folder: Path, processes: int = 1) -> "subprocess.Popen[bytes]":
    script = str(Path(__file__).parent / "child.py")
    arguments = [*arguments, *PLAIN]
    command = [sys.executable, script, *arguments]
    if processes > 1:
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-port", "0"]
        command = [
            sys.executable,
            *launcher,
            "--rdzv-backend",
            "c10d",
            "--rdzv-endpoint",
            "localhost:0",
            script,
            *arguments,
        ]
    return subprocess.Popen(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)


def in_this_process(arguments: list[str], out: Path, *, resume: bool = False) -> dict[str, torch.Tensor]:
    """Train as the child does and return the weights that are left."""
    config = load_config("tiny", overrides=PLAIN)
    train(read_polyvore(arguments[0]), Features.load(arguments[1]), out, config, device="cpu", resume=resume)
    return load_model(out).model.state_dict()


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory, data: OutfitData, features: Features) -> list[str]:
    """Data and features where a child process finds them."""
    folder = tmp_path_factory.mktemp("child")
    write_polyvore(folder / "data", data, "nondisjoint")
    features.save(folder / "features.npz")
    return [str(folder / "data"), str(folder / "features.npz")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, arguments: list[str]) -> dict[str, torch.Tensor]:
    """Weights of a run that nothing has disturbed."""
    return in_this_process(arguments, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_ends_with_the_same_bits_when_taken_up_again(
    arguments: list[str], whole: dict[str, torch.Tensor], tmp_path: Path, how: signal.Signals
) -> None:
    process = in_child([*arguments, str(tmp_path / "cut"), "slow"], tmp_path)
    last = tmp_path / "cut" / "last.pt"
    for _ in range(3600):
        if last.exists():
            break
        time.sleep(0.05)
    process.send_signal(how)
    assert process.wait(180) != 0
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    cut = in_this_process(arguments, tmp_path / "cut", resume=True)
    assert all(torch.equal(cut[name], whole[name]) for name in whole)


def test_two_processes_learn_what_one_does(
    arguments: list[str], whole: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    assert in_child([*arguments, str(tmp_path / "two"), "fresh"], tmp_path, processes=2).wait(300) == 0
    two = load_model(tmp_path / "two").model.state_dict()
    for name, expected in whole.items():
        np.testing.assert_allclose(two[name].numpy(), expected.numpy(), atol=1e-5)
