"""The compiled loop over samples."""

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest
import torch
from torch import nn

import viai.networks
from hr_common.device import threads
from viai.config import TINY, WaveNetConfig
from viai.mixture import sample
from viai.networks import wavenet_kernel
from viai.networks.generation import Continuation, Engine, generate, generate_together, incremental_parameters
from viai.networks.incremental import CHUNK, STRETCH
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
    noise = noise_of(2, 300)
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


def continuations_of_several_lengths() -> list[Continuation]:
    """Some that end within a chunk, some at and some after its end, and one with nothing to generate."""
    generator = torch.Generator().manual_seed(2)
    return [
        Continuation(
            torch.rand(known, generator=generator) - 0.5,
            torch.rand(80, 7, generator=generator),
            torch.rand(length, 2, generator=generator),
            start,
        )
        for known, length, start in ((50, 40, 0), (0, 700, 17), (130, 512, 320), (1, 1030, 5), (9, 0, 3), (2, 513, 64))
    ]


def test_a_sequence_is_the_same_to_the_bit_alone_and_beside_others():
    network = network_of(replace(ODD, upsample_factors=TINY.wavenet.upsample_factors), 80)
    continuations = continuations_of_several_lengths()
    together = generate_together(network, continuations, engine="compiled")
    assert [len(samples) for samples in together] == [len(one.noise) for one in continuations]
    for one, expected in zip(continuations, together, strict=True):
        assert generate_together(network, [one], engine="compiled")[0].numpy().tobytes() == expected.numpy().tobytes()


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_each_of_several_sequences_is_drawn_from_the_full_pass_over_it(engine: Engine):
    network = network_of(TINY.wavenet, 80)
    continuations = continuations_of_several_lengths()
    for one, drawn in zip(continuations, generate_together(network, continuations, engine=engine), strict=True):
        with torch.no_grad():
            parameters = network(torch.cat((one.past, drawn))[None], one.mel[None], start=one.start)
        expected = sample(parameters[..., len(one.past) :], one.noise[None], min_log_scale=TINY.wavenet.min_log_scale)
        torch.testing.assert_close(drawn, expected[0], rtol=0, atol=1e-4)


def test_no_sequences_give_none():
    assert generate_together(network_of(ODD, 0), []) == []


def test_the_blocks_in_which_conditioning_and_inputs_are_kept_leave_no_seams():
    network = network_of(TINY.wavenet, 80)
    samples = torch.rand(1, STRETCH + CHUNK + 40, generator=torch.Generator().manual_seed(2)) - 0.5
    mel = torch.rand(1, 80, 30, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        full = network(samples, mel, start=100)
    stepped = incremental_parameters(network, samples[:, :20], mel, samples[:, 20:], start=100, engine="compiled")
    assert (stepped - full[..., 20:]).abs().max() <= 1e-4


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


@pytest.fixture
def import_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Import the compiled loop once more, where numba behaves as its environment variables say."""

    def reload(**environment: str) -> ModuleType:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        numba.core.config.reload_config()
        return importlib.import_module("viai.networks.wavenet_kernel")

    monkeypatch.delitem(sys.modules, "viai.networks.wavenet_kernel")
    monkeypatch.delattr(viai.networks, "wavenet_kernel")
    yield reload
    monkeypatch.undo()
    numba.core.config.reload_config()


def compiled_equals_eager() -> bool:
    arguments = network_of(TINY.wavenet, 0), torch.zeros(1, 4), None, noise_of(1, 40)
    difference = generate(*arguments, engine="compiled") - generate(*arguments, engine="eager")
    return bool(difference.abs().max() <= 1e-4)


@pytest.mark.usefixtures("import_anew")
def test_without_numba_pytorch_takes_over_and_says_so_unless_told_to_compile(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setitem(sys.modules, "numba", None)
    arguments = network_of(TINY.wavenet, 0), torch.zeros(1, 4), None, noise_of(1, 5)
    assert generate(*arguments).shape == (1, 5)
    assert "numba does not work here" in caplog.text
    with pytest.raises(ImportError, match="the compiled loop needs numba"):
        generate(*arguments, engine="compiled")


def test_the_machine_code_is_kept_on_disk():
    assert compiled_equals_eager()
    # Found there, or not there yet and written.
    assert list(Path(wavenet_kernel.run.stats.cache_path).glob("wavenet_kernel.run-*.nbc"))


def test_it_compiles_where_numba_finds_no_folder(tmp_path: Path, import_anew: Callable[..., ModuleType]):
    blocked = tmp_path / "file"
    blocked.write_text("")
    kernel = import_anew(NUMBA_CACHE_DIR=str(blocked), NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator")
    assert kernel.fast_tanh(np.float32(0.0)) == 0.0
    assert kernel.fast_tanh.stats.cache_path is None


def test_it_compiles_where_the_folder_is_lost_before_writing(tmp_path: Path, import_anew: Callable[..., ModuleType]):
    folder = tmp_path / "cache"
    kernel = import_anew(NUMBA_CACHE_DIR=str(folder))
    assert str(folder) in kernel.run.stats.cache_path
    shutil.rmtree(folder)
    folder.write_text("")
    assert compiled_equals_eager()
    assert kernel.run.stats.cache_path is None
