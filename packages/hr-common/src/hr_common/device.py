"""Where the computation runs: device, seed, precision, threads, memory, and the processes that ``torchrun`` starts."""

from __future__ import annotations

import functools
import itertools
import os
import random
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from hr_common.errors import InputError


@dataclass(frozen=True)
class MemoryFigures:
    """Memory in bytes: in use now, at most since the start, and what the device has.

    On a GPU the first two count tensors; on a CPU, the resident set of this process.
    """

    used: int
    peak: int
    total: int


@dataclass(frozen=True)
class ProcessGroup:
    """This process's number among all and on its machine (that of its GPU), from 0, and how many there are."""

    rank: int
    local_rank: int
    world_size: int

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files and shows the progress."""
        return self.rank == 0


def resolve(name: str) -> torch.device:
    """Turn the value of ``--device`` into a device that exists here.

    It is ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``; under ``torchrun``, ``auto`` and ``cuda``
    mean the GPU of this process.

    Raises:
        InputError: The name is none of these, or this machine has no such GPU.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise InputError(f"--device {name} is unknown; choose auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and count == 0):
        return torch.device("cpu")
    if count == 0:
        raise InputError(f"--device {name}: this machine has no usable CUDA GPU; use --device cpu")
    number = int(name.partition(":")[2] or os.environ.get("LOCAL_RANK", "0"))
    if number >= count:
        raise InputError(f"--device {name}: there are {count} GPUs here, cuda:0 to cuda:{count - 1}")
    return torch.device("cuda", number)


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch; for the command line only.

    Raises:
        InputError: The seed lies outside 0 to 2**32 - 1.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed} lies outside 0 to {2**32 - 1}")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the legacy generator is what third parties draw from
    torch.manual_seed(seed)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the generator that layers such as dropout draw from on a device, and put it back afterwards.

    Not by ``torch.manual_seed``: without a GPU that keeps a stack trace for each call, in case one turns up.

    Args:
        seed: Any integer; taken modulo 2**63.
        device: Where the layers compute.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        on_gpu = device.type == "cuda"
        generator = torch.cuda.default_generators[device.index or 0] if on_gpu else torch.default_generator
        generator.manual_seed(seed % 2**63)
        yield


def autocast(device: torch.device, enabled: bool = True) -> AbstractContextManager[None]:
    """Run matrix products and convolutions in bfloat16, on a CPU as well as on a GPU; parameters stay as they are."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def memory(device: torch.device) -> MemoryFigures:
    """Measure the memory in use on a device, in bytes."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        return MemoryFigures(torch.cuda.memory_allocated(device), torch.cuda.max_memory_allocated(device), total)
    # ru_maxrss is in kilobytes, except on macOS, where it is in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    page = os.sysconf("SC_PAGE_SIZE")
    statm = Path("/proc/self/statm")  # Linux only
    used = int(statm.read_text(encoding="ascii").split()[1]) * page if statm.exists() else peak
    return MemoryFigures(used, max(peak, used), os.sysconf("SC_PHYS_PAGES") * page)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads inside one operation, and restore the number afterwards."""
    if count < 1:
        raise InputError(f"the number of threads has to be at least 1, not {count}")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_group_numbers = itertools.count()


@functools.cache
def _rendezvous() -> tuple[Store, int, int]:
    """Meet the other processes of ``torchrun``, once: the store, the own rank and how many there are."""
    store, rank, world_size = next(iter(rendezvous("env://")))
    return store, rank, world_size


@contextmanager
def process_group(device: torch.device | None = None) -> Iterator[ProcessGroup]:
    """Join the processes that ``torchrun`` started; without ``torchrun``, be the only one.

    If ``torchrun`` started this process, ``torch.distributed`` is initialised inside the block and torn down at its
    end: with NCCL if ``device`` (by default ``resolve("auto")``) is a GPU, else with gloo. Several blocks may follow
    each other, in all processes in the same order.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield ProcessGroup(rank=0, local_rank=0, world_size=1)
        return
    device = resolve("auto") if device is None else device
    if device.type == "cuda":
        torch.cuda.set_device(device)
    store, rank, world_size = _rendezvous()
    # The store of torchrun outlives the group. Without a prefix, a second group would find the addresses that the
    # processes had in the first one there, and wait for ever for an answer.
    own_store = PrefixStore(f"group-{next(_group_numbers)}", store)
    backend = "nccl" if device.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backend, store=own_store, rank=rank, world_size=world_size)
    try:
        local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        yield ProcessGroup(torch.distributed.get_rank(), local_rank, torch.distributed.get_world_size())
    finally:
        torch.distributed.destroy_process_group()
