"""The compiled loop over samples."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hr_common.device import threads
from viai.config import TINY, WaveNetConfig
from viai.networks import wavenet_kernel
from viai.networks.generation import generate, incremental_parameters
from viai.networks.wavenet import WaveNet

ODD = WaveNetConfig(
    layers=4,
    stacks=2,
    residual_channels=11,
    gate_channels=26,
    skip_channels=9,
    mixtures=3,
    upsample_factors=(2, 2),
    context_frames=1,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small operations on two threads take a hundred times as long on a busy machine."""
    with threads(1):
        yield


def network_of(config: WaveNetConfig, bands: int) -> WaveNet:
    torch.manual_seed(1)
    network = WaveNet(config, bands)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.3)
    return network.eval()


def noise_of(batch: int, time: int) -> torch.Tensor:
    return torch.rand(batch, time, 2, generator=torch.Generator().manual_seed(4))


def test_the_arithmetic_hyperbolic_tangent_is_accurate():
    x = np.concatenate((np.linspace(-12, 12, 4001), [-1e30, 1e-20, 0.0, 1e30])).astype(np.float32)
    found = np.array([wavenet_kernel.fast_tanh(value) for value in x])
    np.testing.assert_allclose(found, np.tanh(x.astype(float)), atol=2e-6)


@pytest.mark.parametrize("bands", [0, 3])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize(("layers", "stacks"), [(1, 1), (4, 2), (6, 1)])
def test_compiled_parameters_equal_the_full_pass(layers, stacks, kernel, batch, bands):
    network = network_of(replace(ODD, layers=layers, stacks=stacks, kernel=kernel), bands)
    samples = torch.rand(batch, 320, generator=torch.Generator().manual_seed(2)) - 0.5
    mel = torch.rand(batch, bands, 80, generator=torch.Generator().manual_seed(3)) if bands else None
    with torch.no_grad():
        full = network(samples, mel)
    for known in (200, 3, 0):
        stepped = incremental_parameters(network, samples[:, :known], mel, samples[:, known:], engine="compiled")
        assert (stepped - full[..., known:]).abs().max() <= 1e-4


def test_compiled_and_eager_generation_agree():
    network = network_of(TINY.wavenet, 80)
    past, mel = torch.zeros(2, 400), torch.rand(2, 80, 4, generator=torch.Generator().manual_seed(3))
    noise = noise_of(2, 800)
    compiled = generate(network, past, mel, noise, temperature=0.8, engine="compiled")
    eager = generate(network, past, mel, noise, temperature=0.8, engine="eager")
    assert compiled.std() > 0.01
    torch.testing.assert_close(compiled, eager, rtol=0, atol=1e-4)


def test_generation_is_the_same_to_the_bit_with_one_and_two_threads_and_again():
    network = network_of(TINY.wavenet, 80)
    past, mel = torch.zeros(1, 300), torch.rand(1, 80, 5, generator=torch.Generator().manual_seed(3))
    runs = []
    for count in (1, 2, 2):
        with threads(count):
            runs.append(generate(network, past, mel, noise_of(1, 1200), engine="compiled").numpy().tobytes())
    assert runs[0] == runs[1] == runs[2]


def test_sequences_side_by_side_do_not_touch_each_other():
    network = network_of(TINY.wavenet, 80)
    past = torch.rand(3, 50, generator=torch.Generator().manual_seed(2)) - 0.5
    mel, noise = torch.rand(3, 80, 2, generator=torch.Generator().manual_seed(3)), noise_of(3, 200)
    together = generate(network, past, mel, noise, engine="compiled")
    for i in range(3):
        alone = generate(network, past[i : i + 1], mel[i : i + 1], noise[i : i + 1], engine="compiled")
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-4)


def test_nothing_to_generate_gives_nothing():
    network = network_of(ODD, 3)
    assert generate(network, torch.zeros(1, 8), torch.zeros(1, 3, 2), noise_of(1, 0)).shape == (1, 0)


def test_double_precision_is_left_to_pytorch():
    network = network_of(ODD, 0).double()
    past, noise = torch.zeros(1, 4, dtype=torch.double), noise_of(1, 5).double()
    torch.testing.assert_close(
        generate(network, past, None, noise), generate(network, past, None, noise, engine="eager"), rtol=0, atol=0
    )
    with pytest.raises(ValueError, match="float32"):
        generate(network, past, None, noise, engine="compiled")


GENERATION = """
import torch
from viai.config import TINY
from viai.networks.generation import generate
from viai.networks.wavenet import WaveNet
torch.manual_seed(1)
arguments = WaveNet(TINY.wavenet, 0), torch.zeros(1, 4), None, torch.rand(1, 40, 2)
out = generate(*arguments)
torch.testing.assert_close(out, generate(*arguments, engine="eager"), rtol=0, atol=1e-4)
print("same")
"""


def run_apart(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own, in which numba behaves as on another machine."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_without_numba_pytorch_takes_over_and_says_so_unless_told_to_compile():
    result = run_apart(
        "import sys\nsys.modules['numba'] = None\n" + GENERATION + 'generate(*arguments, engine="compiled")'
    )
    assert result.stdout == "same\n", result.stderr
    assert "numba does not work here" in result.stderr
    assert "ImportError: the compiled loop needs numba" in result.stderr


def test_it_compiles_where_numba_finds_no_folder(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = run_apart(
        "from viai.networks.wavenet_kernel import fast_tanh\nprint(fast_tanh(0.0))",
        NUMBA_CACHE_DIR=str(blocked),
        NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator",
    )
    assert result.stdout == "0.0\n", result.stderr


def test_it_compiles_where_the_folder_is_lost_before_writing(tmp_path: Path):
    folder = tmp_path / "cache"
    loss = (
        "import pathlib, shutil, viai.networks.wavenet_kernel\n"
        f"shutil.rmtree({str(folder)!r}); pathlib.Path({str(folder)!r}).write_text('')\n"
    )
    result = run_apart(loss + GENERATION, NUMBA_CACHE_DIR=str(folder))
    assert result.stdout == "same\n", result.stderr
