"""Second stage of few-shot learning without forgetting: episodes in which base classes play new ones."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor

from hr_common.errors import InputError
from openlt.baselines.fslwf import LearntCosineClassifier, WeightGenerator
from openlt.config import OpenltConfig, stages_of
from openlt.data.splits import LongTailData
from openlt.metrics.bands import band_of
from openlt.networks.open_network import OpenNetwork
from openlt.training.centroids import all_features
from openlt.training.objectives import Objective
from openlt.training.stage import Stateful, learning_rate_factor

QUERIES = 4
"""Pictures of each class that an episode classifies."""
FEATURE_DROPOUT = 0.5


def base_classes(counts: Int64[np.ndarray, "class"]) -> Int64[np.ndarray, " base"]:
    """List the classes that are no few-shot ones; which were the base in the paper's table is not stated there."""
    return np.flatnonzero(band_of(counts, "paper") < 2).astype(np.int64)


def masked_objective(objective: Objective, base: Int64[np.ndarray, " base"]) -> Objective:
    """Let a loss see the base classes only, both among the pictures and among the scores."""
    columns = torch.from_numpy(base)

    def masked(logits: Tensor, labels: Tensor, share: float) -> Tensor:
        hidden = torch.ones(logits.shape[1], dtype=torch.bool, device=logits.device)
        hidden[columns.to(logits.device)] = False
        known = ~hidden[labels]
        if not bool(known.any()):
            return logits.sum() * 0
        return objective(logits[known].masked_fill(hidden, -1e4), labels[known], share)

    return masked


class EpisodeStage:
    """Learns a weight generator, on features that stay as they are.

    In an episode a third of the base classes play new ones: their weights are made from a few examples, and pictures
    of both kinds are classified by all. At the end of an epoch the generator makes the weights of the few-shot classes
    from all of their training pictures.

    Args:
        number: 2.
        config: All settings.
        network: With the features and base weights of the first stage.
        data: What to learn from.
        seed: Of the episodes.
        device: Where it is computed.

    References:
        Gidaris and Komodakis, "Dynamic Few-Shot Visual Learning without Forgetting", CVPR 2018, section 3.4.
    """

    def __init__(
        self,
        number: int,
        config: OpenltConfig,
        network: OpenNetwork,
        data: LongTailData,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        self.number = number
        self.config = config
        self.settings = stages_of(config)[number - 1]
        self.network = network.to(device)
        self.network.features.requires_grad_(False)
        self.steps = config.training.episodes
        self.seed = seed
        self.device = device
        base = base_classes(data.counts)
        if len(base) < 3:
            raise InputError(
                f"fslwf learns from classes of 20 pictures and more, and {data.name} has {len(base)}; "
                "choose another --method"
            )
        classifier = network.classifier
        if not isinstance(classifier, LearntCosineClassifier):
            raise TypeError("the generator makes weights for a cosine classifier")
        self.classifier = classifier
        self.generator = WeightGenerator(network.features.width, len(base)).to(device)
        with torch.no_grad():
            self.generator.keys.copy_(classifier.weight[torch.from_numpy(base).to(device)])
        self._base = base
        self._few = np.setdiff1d(np.arange(data.num_classes), base)
        features, labels = all_features(network.features, data.splits["train"], config, device=device)
        self._features = features.to(device)
        self._members = [torch.from_numpy(np.flatnonzero(labels.numpy() == each)) for each in range(data.num_classes)]
        self.optimiser = torch.optim.SGD(
            [*self.generator.parameters(), *classifier.parameters()],
            lr=self.settings.classifier_learning_rate,
            momentum=self.settings.momentum,
            weight_decay=self.settings.weight_decay,
            nesterov=True,
        )

    @property
    def centroids(self) -> Tensor | None:
        """No memory."""
        return None

    def parts(self) -> Mapping[str, Stateful]:
        """Everything that training changes, by name."""
        return {"network": self.network, "generator": self.generator, "optimiser": self.optimiser}

    def run(self, epoch: int, start: int) -> Iterator[Mapping[str, float]]:
        """Play the episodes of an epoch from ``start`` on."""
        rate = self.settings.classifier_learning_rate * learning_rate_factor(self.settings, epoch)
        self.optimiser.param_groups[0]["lr"] = rate
        for step in range(start, self.steps):
            yield self.update(np.random.default_rng((self.seed, epoch, step)))

    def update(self, rng: np.random.Generator) -> Mapping[str, float]:
        """Play one episode and take one step."""
        shots = self.config.training.shots
        new = np.sort(rng.choice(len(self._base), max(1, len(self._base) // 3), replace=False))
        rest = np.setdiff1d(np.arange(len(self._base)), new)
        examples, queries, labels = [], [], []
        for place in range(len(self._base)):
            members = self._members[self._base[place]]
            drawn = members[torch.from_numpy(rng.permutation(len(members))[: shots + QUERIES])]
            if place in new:
                examples.append(self._features[drawn[:shots]])
                drawn = drawn[shots:]
            queries.append(drawn[:QUERIES])
            labels += [place] * len(queries[-1])
        features = self._features[torch.cat(queries)]
        keep = torch.from_numpy(rng.random(features.shape) >= FEATURE_DROPOUT).to(features)
        weights = self.classifier.weight[torch.from_numpy(self._base).to(self.device)]
        made = self.generator(torch.stack(examples), weights, torch.from_numpy(rest).to(self.device))
        weights = weights.index_copy(0, torch.from_numpy(new).to(self.device), made)
        logits = self.classifier.score(features * keep / (1 - FEATURE_DROPOUT), weights)
        loss = F.cross_entropy(logits, torch.tensor(labels, device=self.device))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return {"loss": float(loss.detach())}

    @torch.no_grad()
    def end_epoch(self, epoch: int) -> None:
        """Make the weights of the few-shot classes from all of their training pictures."""
        self.network.eval()
        base = torch.from_numpy(self._base).to(self.device)
        everybody = torch.arange(len(self._base), device=self.device)
        for label in self._few.tolist():
            examples = self._features[self._members[label]][None]
            made = self.generator(examples, self.classifier.weight[base], everybody)
            self.classifier.weight[label] = made[0]

    def remarks(self) -> Mapping[str, float]:
        """Nothing: the features are in memory."""
        return {}
