import gc
import json
import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from hr_common.device import autocast, memory, process_group, resolve, seed_everything, seeded, threads
from hr_common.errors import InputError

CPU = torch.device("cpu")


def test_cpu_is_always_there() -> None:
    assert resolve("cpu") == CPU


def test_auto_takes_a_gpu_if_there_is_one() -> None:
    assert resolve("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_gpu_that_is_not_there_is_refused_with_advice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"--device {name}: this machine has no usable CUDA GPU; use --device cpu"):
        resolve(name)


def test_gpus_are_counted_and_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert resolve("auto") == resolve("cuda") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert resolve("auto") == torch.device("cuda", 1)
    assert resolve("cuda:0") == torch.device("cuda", 0)
    with pytest.raises(InputError, match="there are 2 GPUs here, cuda:0 to cuda:1"):
        resolve("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "", "cpu:0"])
def test_an_unknown_device_lists_the_known(name: str) -> None:
    with pytest.raises(InputError, match="choose auto, cpu, cuda or cuda:N"):
        resolve(name)


def test_the_seed_settles_all_generators() -> None:
    def draw() -> tuple[float, float, float]:
        seed_everything(2**32 - 1)
        return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002

    assert draw() == draw()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(InputError, match="lies outside 0 to 4294967295"):
        seed_everything(seed)


def test_autocast_computes_in_bfloat16_only_when_enabled() -> None:
    a = torch.randn(4, 4)
    with autocast(CPU, True):
        assert (a @ a).dtype == torch.bfloat16
    with autocast(CPU, False):
        assert (a @ a).dtype == torch.float32


def test_memory_grows_with_what_is_held() -> None:
    gc.collect()
    before = memory(CPU)
    ballast = np.ones(100_000_000, np.uint8)
    after = memory(CPU)
    assert after.used - before.used > 50_000_000
    assert after.peak >= after.used
    assert after.total > after.used
    assert ballast.any()


def test_the_number_of_threads_is_restored_also_after_an_error() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.get_num_threads() == before
    with pytest.raises(InputError, match="at least 1"), threads(0):
        pass


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with process_group() as group:
        assert (group.rank, group.local_rank, group.world_size, group.is_main) == (0, 0, 1, True)
        assert not torch.distributed.is_initialized()


def test_two_processes_under_torchrun_add_up_in_one_group_after_another(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent("""
            import json, pathlib, time, torch
            from hr_common.device import process_group

            totals = []
            for round in range(8):
                with process_group(torch.device("cpu")) as group:
                    total = torch.tensor([group.rank + 1.0 + round])
                    torch.distributed.all_reduce(total)
                    totals.append(total.item())
                assert not torch.distributed.is_initialized()
                time.sleep(0.05 * group.rank)  # one process is always late
            answer = [group.rank, group.local_rank, group.world_size, group.is_main, totals]
            pathlib.Path(__file__).with_name(f"{group.rank}.json").write_text(json.dumps(answer))
        """)
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL) as process:
        try:
            # Seconds on an idle machine; three processes load torch.
            assert process.wait(timeout=300) == 0
        finally:
            process.terminate()  # torchrun ends its workers when it is asked to, not when it is killed
    answers = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    totals = [3.0 + 2 * group for group in range(8)]
    assert answers == [[0, 0, 2, True, totals], [1, 1, 2, False, totals]]


def test_a_seeded_block_draws_the_same_and_leaves_the_generator_alone() -> None:
    device = torch.device("cpu")
    before = torch.get_rng_state()
    with seeded(5, device):
        first = torch.rand(4)
    with seeded(5 + 2**63, device):
        again = torch.rand(4)
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
