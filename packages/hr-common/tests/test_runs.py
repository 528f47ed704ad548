import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from hr_common.errors import InputError
from hr_common.runs import RunFolder, append_record, cut_log, load_state, save_state


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float = 0.1
    every: int = 5


def save(path: Path, **parts: Any) -> None:
    save_state(path, program="sewing", layout=2, config=Settings(), seed=3, **parts)


def load(path: Path, **changes: Any) -> Mapping[str, Any]:
    wanted = {"program": "sewing", "layout": 2, "config": Settings(), "seed": 3, **changes}
    return load_state(path, **wanted)


def test_a_state_comes_back(tmp_path: Path) -> None:
    path = RunFolder(tmp_path).last
    save(path, step=4, parts={"weight": torch.arange(3.0), "groups": [{"lr": 0.5}]})
    state = load(path)
    assert state["step"] == 4
    assert torch.equal(state["parts"]["weight"], torch.arange(3.0))
    assert state["parts"]["groups"] == [{"lr": 0.5}]


def test_other_settings_seeds_and_data_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save(path, data="cotton")
    changes = {"config": Settings(rate=0.2), "seed": 4, "others": lambda state: [f"{state['data']} there, wool here"]}
    words = r"rate 0\.1 there, 0\.2 here; seed 3 there, 4 here; cotton there, wool here\); repeat them, or start anew"
    with pytest.raises(InputError, match=words):
        load(path, **changes)
    assert load(path, **changes, force=True)["data"] == "cotton"


def test_settings_that_are_free_may_differ(tmp_path: Path) -> None:
    save(tmp_path / "last.pt")
    assert load(tmp_path / "last.pt", config=Settings(every=9), free=("every",))["seed"] == 3


@pytest.mark.parametrize("change", [{"program": "knitting"}, {"layout": 3}])
def test_states_of_others_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    save(tmp_path / "last.pt")
    with pytest.raises(InputError, match="is no checkpoint of this version"):
        load(tmp_path / "last.pt", **change)


def test_what_is_no_state_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    with pytest.raises(InputError, match="No such file"):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        load(path)
    save(path, step=1)
    whole = path.read_bytes()
    for length in (1, len(whole) // 3, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cannot be read as a checkpoint .*; choose another place"):
            load(path, advice="choose another place")
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="is no checkpoint of this version of sewing"):
        load(path)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "sprung").touch, ())

    path = tmp_path / "last.pt"
    torch.save({"program": "sewing", "layout": 2, "trap": Trap()}, path)
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        load(path)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        load(path)
    assert not (tmp_path / "sprung").exists()


def test_a_state_survives_a_writer_that_is_killed(tmp_path: Path) -> None:
    script = """
        import itertools, sys, torch
        from hr_common.runs import save_state
        for step in itertools.count():
            parts = {"weight": torch.full((1 << 18,), float(step)), "step": step}
            save_state(sys.argv[1], program="sewing", layout=2, config=Settings(), seed=3, **parts)
            print(step, flush=True)
    """
    path = tmp_path / "last.pt"
    head = "import dataclasses\n@dataclasses.dataclass\nclass Settings:\n    rate: float = 0.1\n    every: int = 5\n"
    command = [sys.executable, "-c", head + textwrap.dedent(script), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 3:  # the fourth is written, the fifth begun
                os.kill(writer.pid, signal.SIGKILL)
                break
    state = load(path)
    assert state["step"] >= 3
    assert bool((state["weight"] == state["step"]).all())


def test_a_log_is_cut_where_a_run_goes_on(tmp_path: Path) -> None:
    log = RunFolder(tmp_path).log
    for epoch in range(1, 5):
        append_record(log, {"epoch": epoch, "loss": 1 / epoch})
    with log.open("a") as file:
        file.write('{"epoch": 5, "lo')
    cut_log(log, lambda record: record["epoch"] <= 2)
    assert [json.loads(line)["epoch"] for line in log.read_text().splitlines()] == [1, 2]
    cut_log(tmp_path / "missing.jsonl", lambda _: True)
    assert not (tmp_path / "missing.jsonl").exists()
