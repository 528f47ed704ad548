"""Which annotations of whom a run may use: the columns of the paper's table."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from hr_common.errors import InputError
from hybridmesh.config import Supervision, TrainingConfig
from hybridmesh.data.people import PeopleSet
from hybridmesh.losses import MIN_DENSE

STUDIO = "studio"
"""What the column ``source`` says of people whose 3D every setting keeps."""


class Use(NamedTuple):
    """What of the people in the wild is used."""

    smpl: float
    """Share whose 3D is."""
    dense: bool
    """Whether the dense points are."""


def use_of(supervision: Supervision, part: float) -> Use:
    """Say what a setting uses; sparse keypoints belong to each."""
    return {
        "full": Use(1.0, True),
        "part3d": Use(part, True),
        "3d_sparse": Use(1.0, False),
        "dense_sparse": Use(0.0, True),
        "sparse": Use(0.0, False),
    }[supervision]


def dense_weight(config: TrainingConfig) -> float:
    """Weight of the dense points: as set, or as in the paper's code."""
    if config.dense_weight is not None:
        return config.dense_weight
    return 1.0 if use_of(config.supervision, config.part).smpl > 0 else 10.0


@dataclass(frozen=True, eq=False)
class Flags:
    """For each person and each loss whether it counts."""

    smpl: Bool[np.ndarray, " person"]
    dense: Bool[np.ndarray, " person"]
    keypoints: Bool[np.ndarray, " person"]
    studio: Bool[np.ndarray, " person"]

    @classmethod
    def draw(cls, people: PeopleSet, config: TrainingConfig, *, seed: int) -> "Flags":
        """Settle what a run uses, once and not in every epoch.

        As in the paper's code, the studio keeps its 3D in every setting and has no dense points.

        Args:
            people: Studio and wild, told apart by the column ``source``.
            config: Setting and share.
            seed: Draws whose 3D is used.

        Raises:
            InputError: Nobody would have an annotation that the setting needs.
        """
        use = use_of(config.supervision, config.part)
        source = people.columns.get("source", np.full(len(people), ""))
        studio = np.asarray(source == STUDIO)
        has_smpl = people.has_smpl > 0
        with_3d = np.flatnonzero(has_smpl & ~studio)
        chosen = np.random.default_rng([seed, 3]).permutation(with_3d)[: round(use.smpl * len(with_3d))]
        smpl = has_smpl & studio
        smpl[chosen] = True
        dense = (people.dense_counts >= MIN_DENSE) & ~studio & use.dense
        keypoints = np.zeros(len(people), bool)
        if "keypoints" in people:
            keypoints = np.asarray((people["keypoints"][..., 2] > 0).any(1))
        if use.dense and not dense.any():
            raise InputError(f"nobody has {MIN_DENSE} dense points or more; choose the supervision 3d_sparse or sparse")
        if not smpl.any():
            raise InputError("nobody has 3D; every setting needs people of a studio, whose 'source' is 'studio'")
        return cls(smpl, dense, keypoints, studio)

    @property
    def common(self) -> "Flags":
        """What every setting has: the studio's 3D, and keypoints."""
        return replace(self, smpl=self.smpl & self.studio, dense=np.zeros_like(self.dense))

    def row(self, indices: Int[np.ndarray, " row"]) -> dict[str, Tensor]:
        """The flags of some people as numbers."""
        return {
            name: torch.from_numpy(getattr(self, name)[indices].astype(np.float32))
            for name in ("smpl", "dense", "keypoints", "studio")
        }


def epoch_order(studio: Bool[np.ndarray, " person"], rng: np.random.Generator) -> Int[np.ndarray, " row"]:
    """Order an epoch: everybody in the wild, and as many of the studio, as far as there are so many.

    That is the mixture of the paper's code. Without people in the wild it is everybody.
    """
    inside, outside = np.flatnonzero(studio), np.flatnonzero(~studio)
    taken = rng.permutation(inside)[: len(outside)] if len(outside) else inside
    return rng.permutation(np.concatenate([outside, taken]))
