import json
import math
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from hr_common import weights
from hr_common.errors import InputError
from viai.config import TINY, TrainingConfig, ViaiConfig
from viai.training.loop import MovingAverage, Stateful, learning_rate_factor, load_checkpoint, save_checkpoint, train

CONFIG = replace(TINY, training=replace(TINY.training, steps=6, checkpoint_every=2, log_every=1))


class Line:
    """Learns a line from noisy points; ``ends_at`` is the step at which somebody presses Ctrl-C."""

    def __init__(self, config: ViaiConfig = CONFIG, name: str = "line", ends_at: int | None = None) -> None:
        self.name = name
        self.config = config
        self.ends_at = ends_at
        self.network = torch.nn.Linear(2, 1)
        self.optimiser = torch.optim.Adam(self.network.parameters(), 0.1)
        self.values: dict[int, float] = {}

    def parts(self) -> Mapping[str, Stateful]:
        return {"network": self.network, "optimiser": self.optimiser}

    def update(self, step: int) -> Mapping[str, float]:
        if step == self.ends_at:
            raise KeyboardInterrupt
        points = torch.randn(8, 2)
        loss = (self.network(points) - points.sum(dim=1, keepdim=True)).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return {"loss": self.values.get(step, loss.item())}

    def export(self, path: Path, *, step: int, seed: int) -> None:
        weights.save(path, self.network.state_dict(), {"step": step, "seed": seed})


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "line.log.jsonl").read_text().splitlines()]


def test_a_run_leaves_checkpoint_weights_and_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = train(Line(), tmp_path / "new" / "run", seed=3)
    assert progress.step == 6
    assert sorted(path.name for path in (tmp_path / "new" / "run").iterdir()) == [
        "line.checkpoint.pt",
        "line.log.jsonl",
        "line.safetensors",
    ]
    assert weights.load(progress.weights)[1] == {"step": 6, "seed": 3}
    assert progress.checkpoint.exists()
    # No bar where nobody looks.
    assert capsys.readouterr() == ("", "")


def test_a_line_of_the_log_is_the_mean_since_the_last_one(tmp_path: Path) -> None:
    stage = Line(replace(CONFIG, training=replace(CONFIG.training, steps=5, log_every=2)))
    stage.values = dict(enumerate([1.0, 3.0, 10.0, 20.0, 7.0]))
    train(stage, tmp_path, seed=0)
    lines = records(tmp_path)
    assert [(line["step"], line["loss"]) for line in lines] == [(2, 2.0), (4, 15.0), (5, 7.0)]
    assert all(line["seconds_per_step"] > 0 for line in lines)


def test_a_run_that_was_cut_off_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = Line()
    train(whole, tmp_path / "whole", seed=0)

    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        train(Line(ends_at=5), tmp_path / "cut", seed=0)
    # Other weights and another random state: all has to come from the checkpoint.
    torch.manual_seed(9)
    resumed = Line()
    train(resumed, tmp_path / "cut", seed=0, resume=True)
    assert torch.equal(resumed.network.weight, whole.network.weight)
    first, second = ([(line["step"], line["loss"]) for line in records(tmp_path / name)] for name in ("whole", "cut"))
    # Step 5 was logged before the end and taken again after it.
    assert first == second


def test_half_a_line_that_a_kill_left_is_dropped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(Line(ends_at=4), tmp_path, seed=0)
    with (tmp_path / "line.log.jsonl").open("a") as log:
        log.write('{"step": 5, "lo')
    train(Line(), tmp_path, seed=0, resume=True)
    assert [line["step"] for line in records(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_there_may_be_nothing_to_resume(tmp_path: Path) -> None:
    assert train(Line(), tmp_path, seed=0, resume=True).step == 6


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    progress = train(Line(), tmp_path, seed=0)
    before = progress.weights.read_bytes()
    assert train(Line(), tmp_path, seed=0, resume=True).step == 6
    assert progress.weights.read_bytes() == before


def test_a_checkpoint_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    train(Line(), tmp_path, seed=0)
    with pytest.raises(InputError, match=r"line\.checkpoint\.pt exists; add --resume .* to overwrite it"):
        train(Line(), tmp_path, seed=0)


def test_only_the_main_process_writes(tmp_path: Path) -> None:
    train(Line(), tmp_path / "run", seed=0, is_main=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_checkpoint(tmp_path: Path, value: float) -> None:
    stage = Line()
    stage.values = {3: value}
    with pytest.raises(FloatingPointError, match=rf"loss is {value} at step 3; the last checkpoint is .*line"):
        train(stage, tmp_path, seed=0)
    assert load_checkpoint(tmp_path / "line.checkpoint.pt", Line(), seed=0) == 2


def test_a_checkpoint_of_another_run_is_refused_with_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, Line(), step=2, seed=0)
    with pytest.raises(InputError, match="line there, curve here"):
        load_checkpoint(path, Line(name="curve"), seed=0)
    with pytest.raises(InputError, match="seed 0 there, 1 here"):
        load_checkpoint(path, Line(), seed=1)
    other = replace(CONFIG, training=replace(CONFIG.training, batch=8), picture=replace(CONFIG.picture, size=48))
    with pytest.raises(InputError, match=r"picture\.size 32 there, 48 here; training\.batch 2 there, 8 here"):
        load_checkpoint(path, Line(other), seed=0)


def test_how_often_to_save_may_change_between_two_runs(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, Line(), step=2, seed=0)
    other = replace(CONFIG, training=replace(CONFIG.training, checkpoint_every=5, log_every=7, workers=1))
    assert load_checkpoint(path, Line(other), seed=0) == 2


def test_ctrl_c_saves_where_it_is_and_the_run_goes_on_from_there(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = Line()
    train(whole, tmp_path / "whole", seed=0)

    class Pressed(Line):
        def update(self, step: int) -> dict[str, float]:
            if step == 2:
                signal.raise_signal(signal.SIGINT)
            return dict(super().update(step))

    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        train(Pressed(), tmp_path / "cut", seed=0)
    resumed = Line()
    assert load_checkpoint(tmp_path / "cut" / "line.checkpoint.pt", resumed, seed=0) == 3
    train(resumed, tmp_path / "cut", seed=0, resume=True)
    assert torch.equal(resumed.network.weight, whole.network.weight)


def test_force_begins_anew(tmp_path: Path) -> None:
    train(Line(), tmp_path, seed=0)
    train(Line(), tmp_path, seed=1, force=True)
    assert load_checkpoint(tmp_path / "line.checkpoint.pt", Line(), seed=1) == 6
    assert [line["step"] for line in records(tmp_path)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kept", [1, 10, 700, -1])
def test_a_torn_checkpoint_is_refused_in_one_line(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, Line(), step=2, seed=0)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"cannot be read as a checkpoint .*start anew with --force") as caught:
        load_checkpoint(path, Line(), seed=0)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="is no checkpoint of this version of viai"):
        load_checkpoint(path, Line(), seed=0)
    # What is more than tensors and numbers is never unpickled.
    torch.save({"program": "viai", "layout": 2, "stage": tmp_path}, path)
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        load_checkpoint(path, Line(), seed=0)


def test_the_step_size_falls_over_the_last_steps() -> None:
    config = TrainingConfig(steps=100, decay_steps=20)
    factors = [learning_rate_factor(step, config) for step in (0, 80, 85, 99, 100, 200)]
    assert factors == pytest.approx([1, 1, 0.75, 0.05, 0, 0])
    assert learning_rate_factor(99, TrainingConfig(steps=100)) == 1


def test_the_running_average_by_hand() -> None:
    module = torch.nn.BatchNorm1d(1)
    average = MovingAverage(module, decay=0.25)
    with torch.no_grad():
        module.weight.fill_(12.0)
        module.num_batches_tracked.fill_(7)
    average.update()
    # The first decay is 2 / 11: 1 * 2 / 11 + 12 * 9 / 11.
    assert average.average["weight"].item() == pytest.approx(10)
    assert average.average["num_batches_tracked"].item() == 7
    average.update()
    # The second would be 3 / 12, which is 0.25, and there it stays.
    assert average.average["weight"].item() == pytest.approx(10 * 0.25 + 12 * 0.75)
    average.update()
    assert average.average["weight"].item() == pytest.approx(11.5 * 0.25 + 12 * 0.75)
    assert module.weight.item() == 12


def test_the_running_average_comes_back_from_its_state() -> None:
    module = torch.nn.Linear(2, 2)
    average, other = MovingAverage(module, 0.9), MovingAverage(torch.nn.Linear(2, 2), 0.9)
    average.update()
    other.load_state_dict(average.state_dict())
    assert other.updates == 1
    assert torch.equal(other.average["weight"], average.average["weight"])
