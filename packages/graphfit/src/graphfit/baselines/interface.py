"""The one interface of all rows of a table: fit on a problem, then score sets and fill blanks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64

from graphfit.config import GraphfitConfig
from graphfit.data.tasks import FillTask, completed_scores
from graphfit.inputs import ItemInputs
from graphfit.networks.graph_model import GraphModel
from graphfit.networks.outfit_model import OutfitModel
from graphfit.training.loop import Training, finish
from graphfit.training.problem import Problem


@runtime_checkable
@runtime_checkable
class Fitted(Protocol):
    """A method that has seen the training outfits."""

    def score(self, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, " set"]:
        """Score sets of positions in the catalogue; more is better."""

    def fill(self, task: FillTask) -> Float[np.ndarray, "question candidate"]:
        """Score every candidate of every question."""

    def item_embedding(self) -> Float[np.ndarray, "item dim"] | None:
        """Return the vectors of all items, if the method has any."""

    def styles(self, sets: Sequence[Sequence[int]]) -> Int64[np.ndarray, " set"] | None:
        """Name the colour style of sets, if the method does that."""


@dataclass(frozen=True)
class Method:
    """A row of the table."""

    title: str
    """As tables print it."""
    about: str
    """One line for ``graphfit info``."""
    fit: Callable[[Problem, GraphfitConfig, int], Fitted]
    """Learns from a problem, with settings and a seed."""
    is_floor: bool = False
    """Whether it is there to show what needs no learning."""


class Floor:
    """Scores each set by a function of its positions.

    Args:
        function: Score of one set.
    """

    def __init__(self, function: Callable[[Sequence[int]], float]) -> None:
        self._function = function

    def score(self, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, " set"]:
        """Score sets one by one."""
        return np.array([self._function(one) for one in sets], dtype=np.float64)

    def fill(self, task: FillTask) -> Float[np.ndarray, "question candidate"]:
        """Score completed outfits."""
        return completed_scores(self.score(task.filled()), task)

    def item_embedding(self) -> None:
        """Floors have no vectors."""

    def styles(self, sets: Sequence[Sequence[int]]) -> None:
        """Floors name no styles."""


class Learnt:
    """A trained model with the items that it scores.

    Args:
        model: In evaluation mode.
        inputs: Condensed inputs of all items.
        epoch: Best epoch by the validation tasks.
    """

    def __init__(self, model: OutfitModel, inputs: ItemInputs, epoch: int) -> None:
        self.model, self.inputs, self.epoch = model, inputs, epoch

    def score(self, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, " set"]:
        """Score sets by the model."""
        return self.model.score(self.inputs, sets)

    def fill(self, task: FillTask) -> Float[np.ndarray, "question candidate"]:
        """Score candidates by the model."""
        return self.model.fill(self.inputs, task)

    def item_embedding(self) -> Float[np.ndarray, "item dim"]:
        """Return the vectors of all items."""
        vectors: np.ndarray = self.model.item_embedding(self.inputs).cpu().double().numpy()
        return vectors

    def styles(self, sets: Sequence[Sequence[int]]) -> Int64[np.ndarray, " set"] | None:
        """Return the likeliest style of each set, from models that were trained on styles."""
        if not isinstance(self.model, GraphModel) or not self.model.settings.style:
            return None
        likeliest: np.ndarray = self.model.judge(self.inputs, sets)[1].argmax(axis=1)
        return likeliest.astype(np.int64)


def fit_model(
    build: Callable[[Problem, GraphfitConfig, int], OutfitModel], problem: Problem, config: GraphfitConfig, seed: int
) -> Learnt:
    """Train a model by the common loop, with the common corruptions and choice of the best epoch."""
    training = Training(build(problem, config, seed), problem, config, seed=seed, device=torch.device("cpu"))
    model = finish(training)
    return Learnt(model, training.problem.inputs, training.position.best_epoch)
