"""Which pictures of a collection become which split of a long-tailed, open set. Nothing is read or written here.

All draws order things by a hash of seed and name, so that the same names and seed give the same lists everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int64

from hr_common.errors import InputError
from openlt.data.profiles import Profile, exponential_counts, pareto_counts, step_counts, whole_counts
from openlt.data.splits import SplitName


@dataclass(frozen=True, kw_only=True)
class CutConfig:
    """How to cut. The defaults give sets in the image of the benchmarks."""

    profile: Profile = "pareto"
    """Law of the training counts; ``natural`` keeps what there is."""
    alpha: float = 6.0
    """Exponent of ``pareto``."""
    imbalance: float = 100.0
    """Largest over smallest count, of ``exp`` and ``step``."""
    largest: int | None = None
    """Training pictures of the first class; without it as many as the largest class has."""
    least: int = 5
    """Fewest training pictures of a class."""
    val_per_class: int = 20
    test_per_class: int = 50
    open_classes: tuple[str, ...] = ()
    """Classes to hold open for the test; chosen at random without them."""
    open_fraction: float = 0.1
    """Share of the classes to hold open for the test; half as many more calibrate thresholds."""
    order: Literal["random", "label"] = "random"
    """Who is how frequent; ``label`` goes by the order of the names, as the published CIFAR cuts do."""
    small: Literal["open", "exclude"] = "open"
    """What becomes of classes that are too small for training, validation and test."""
    seed: int = 0


@dataclass(frozen=True)
class Cut:
    """The result: names of pictures of each split and class."""

    classes: tuple[str, ...]
    """Known classes, sorted; the position is the label."""
    members: Mapping[SplitName, Mapping[str, tuple[str, ...]]]
    """Sorted names of pictures by split and class; the classes of the open splits are not among ``classes``."""
    notes: tuple[str, ...]
    """What was done differently from what was asked."""

    @property
    def counts(self) -> Int64[np.ndarray, "class"]:
        """Training pictures of each class."""
        return np.array([len(self.members["train"][name]) for name in self.classes], np.int64)


def cut(
    pictures: Mapping[str, Sequence[str]], config: CutConfig, test_pictures: Mapping[str, Sequence[str]] | None = None
) -> Cut:
    """Cut a collection.

    Args:
        pictures: Names of the pictures of each class.
        config: How.
        test_pictures: Where these are given the test pictures come from here and all others are for training and
            validation.

    Raises:
        InputError: A setting is out of its range, an open class does not exist, or too few classes remain.
    """
    _check(pictures, config)
    reserve = 1 if test_pictures is not None else 2
    too_small = sorted(name for name, each in pictures.items() if len(each) < config.least + reserve)
    if test_pictures is not None:
        too_small = sorted({*too_small, *(name for name in pictures if not test_pictures.get(name))})
    notes = []
    if too_small:
        what = "held open" if config.small == "open" else "left out"
        notes.append(f"{len(too_small)} classes have too few pictures and are {what}: {_some(too_small)}")
    usable = sorted(set(pictures) - set(too_small))
    opened, calibration = _choose_open(usable, config)
    classes = tuple(name for name in usable if name not in opened and name not in calibration)
    if len(classes) < 2:
        raise InputError(f"{len(classes)} known classes remain of {len(pictures)}; two at least are needed")
    members: dict[SplitName, dict[str, tuple[str, ...]]] = {"train": {}, "val": {}, "test": {}}
    remaining: dict[str, list[str]] = {}
    scaled = []
    for name in classes:
        mine = _shuffled(pictures[name], config.seed, f"pictures of {name}")
        if test_pictures is None:
            val, test = _reserved(len(mine), config)
            members["test"][name] = tuple(sorted(mine[:test]))
        else:
            given = _shuffled(test_pictures[name], config.seed, f"test of {name}")[: config.test_per_class]
            members["test"][name] = tuple(sorted(given))
            val, test = min(config.val_per_class, len(mine) - config.least), 0
        members["val"][name] = tuple(sorted(mine[test : test + val]))
        remaining[name] = mine[test + val :]
        if val < config.val_per_class or len(members["test"][name]) < config.test_per_class:
            scaled.append(name)
    if scaled:
        notes.append(f"{len(scaled)} classes have fewer validation or test pictures than asked for: {_some(scaled)}")
    for name, count in _assign({name: len(each) for name, each in remaining.items()}, config).items():
        members["train"][name] = tuple(sorted(remaining[name][:count]))
    strangers = [*opened, *(too_small if config.small == "open" else [])]
    members["open"] = {name: tuple(sorted(pictures[name])) for name in sorted(strangers) if pictures[name]}
    members["open_val"] = {name: tuple(sorted(pictures[name])) for name in calibration}
    return Cut(classes, members, tuple(notes))


def _check(pictures: Mapping[str, Sequence[str]], config: CutConfig) -> None:
    wrong = [
        (config.alpha <= 0, f"alpha={config.alpha:g} has to be above 0"),
        (config.imbalance < 1, f"imbalance={config.imbalance:g} has to be at least 1"),
        (config.least < 1, f"min={config.least} has to be at least 1"),
        (config.largest is not None and config.largest < config.least, f"max={config.largest} is below the minimum"),
        (not 0 <= config.open_fraction < 1, f"open-fraction={config.open_fraction:g} has to lie from 0 to below 1"),
        (min(config.val_per_class, config.test_per_class) < 1, "validation and test need a picture of each class"),
    ]
    if mistakes := [text for is_wrong, text in wrong if is_wrong]:
        raise InputError("; ".join(mistakes))
    if strangers := sorted(set(config.open_classes) - set(pictures)):
        raise InputError(f"there are no classes {_some(strangers)} to hold open; known are {_some(sorted(pictures))}")


def _choose_open(usable: Sequence[str], config: CutConfig) -> tuple[list[str], list[str]]:
    order = _shuffled(usable, config.seed, "open classes")
    if config.open_classes:
        opened = [name for name in usable if name in config.open_classes]
        order = [name for name in order if name not in config.open_classes]
    else:
        wanted = round(config.open_fraction * len(usable))
        opened, order = sorted(order[:wanted]), order[wanted:]
    return opened, sorted(order[: -(-len(opened) // 2)])


def _reserved(count: int, config: CutConfig) -> tuple[int, int]:
    """Validation and test pictures of a class: as asked for, or in the same ratio what the minimum leaves."""
    spare = count - config.least
    wanted = config.val_per_class + config.test_per_class
    if spare >= wanted:
        return config.val_per_class, config.test_per_class
    val = min(max(1, spare * config.val_per_class // wanted), spare - 1)
    return val, spare - val


def _assign(available: Mapping[str, int], config: CutConfig) -> dict[str, int]:
    """Give each class its training count: ranks from the largest on, to a random class that has enough pictures."""
    names = list(available)
    if config.profile == "natural":
        return dict(available)
    most = max(available.values())
    largest = most if config.largest is None else config.largest
    law = {
        "pareto": lambda: pareto_counts(len(names), largest, config.alpha),
        "exp": lambda: exponential_counts(len(names), largest, config.imbalance),
        "step": lambda: step_counts(len(names), largest, config.imbalance),
    }[config.profile]()
    wanted = whole_counts(law, config.least, np.full(len(names), max(most, config.least), np.int64)).tolist()
    if config.order == "label":
        return {name: min(count, available[name]) for name, count in zip(names, wanted, strict=True)}
    waiting = _shuffled(names, config.seed, "ranks")
    counts = {}
    for count in wanted:
        able = next((name for name in waiting if available[name] >= count), None)
        chosen = able if able is not None else max(waiting, key=lambda name: available[name])
        waiting.remove(chosen)
        counts[chosen] = min(count, available[chosen])
    return counts


def _shuffled(names: Iterable[str], seed: int, purpose: str) -> list[str]:
    def place(name: str) -> bytes:
        return hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode("utf-8", "surrogateescape")).digest()

    return sorted(names, key=place)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
