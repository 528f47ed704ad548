"""A step of the second stage at the size of Places-LT beside a straightforward version of the same computation.

    nox -s bench -- openlt stage2_speed

365 classes, batches of 128 pictures of 64 pixels, a ResNet-10 with attention. The other version is written as the
equations read: distances of every feature to every centroid, autograd everywhere but in the centroids' own gradient.
Both begin with the same weights and take turns on the same pictures; what is timed is the processor at work. The share
of the time that training waits for pictures is that of reading JPEG files from a disk.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from records import behind, markdown, write_csv
from torch import Tensor, nn

from hr_common import image
from openlt.config import OpenltConfig, StageConfig, load_config
from openlt.data.images import Batch
from openlt.data.splits import ImageSplit, LongTailData
from openlt.losses import DiscriminativeCentroidsLoss
from openlt.networks.feature_network import FeatureNetwork
from openlt.networks.meta_embedding import MetaEmbeddingClassifier
from openlt.networks.open_network import OpenNetwork, build_network
from openlt.training.batches import TrainingBatches, build_sampler, training_pictures
from openlt.training.objectives import logit_objective
from openlt.training.stage import GradientStage

CLASSES = 365
PER_CLASS = 4


def write_pictures(folder: Path, seed: int) -> LongTailData:
    """Draw noise pictures, so that JPEG has something to do."""
    rng = np.random.default_rng(seed)
    paths, labels = [], np.repeat(np.arange(CLASSES), PER_CLASS)
    for number in range(len(labels)):
        coarse = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        paths.append(str(folder / f"{number:05d}.jpg"))
        image.write(paths[-1], np.ascontiguousarray(coarse.repeat(4, axis=0).repeat(4, axis=1)))
    split = ImageSplit("train", tuple(paths), labels.astype(np.int64))
    return LongTailData("noise", tuple(map(str, range(CLASSES))), {"train": split}, {"train": ""})


def build(data: LongTailData, config: OpenltConfig, seed: int) -> tuple[OpenNetwork, DiscriminativeCentroidsLoss]:
    torch.manual_seed(seed)
    network = build_network(config, 2, CLASSES)
    holder = DiscriminativeCentroidsLoss(CLASSES, network.features.width)
    nn.init.normal_(holder.centroids)
    return network, holder


class Straightforward:
    """The same step, as one would write it down first."""

    def __init__(self, network: OpenNetwork, centroids: Tensor, settings: StageConfig) -> None:
        self.features: FeatureNetwork = network.features
        classifier = network.classifier
        assert isinstance(classifier, MetaEmbeddingClassifier)
        assert classifier.hallucinator is not None
        assert classifier.selector is not None
        self.hallucinator, self.selector = classifier.hallucinator, classifier.selector
        self.cosine = classifier.classifier
        self.centroids = nn.Parameter(centroids.clone())
        groups = [
            {"params": self.features.parameters(), "lr": settings.learning_rate},
            {"params": classifier.parameters(), "lr": settings.classifier_learning_rate},
        ]
        usual = {"momentum": settings.momentum, "weight_decay": settings.weight_decay}
        self.optimiser = torch.optim.SGD(groups, **usual)
        self.centroid_optimiser = torch.optim.SGD([self.centroids], lr=settings.centroid_learning_rate, **usual)
        self.weight = settings.feature_weight

    def step(self, pictures: Tensor, labels: Tensor) -> float:
        v = self.features(pictures).features
        memory = self.centroids.detach()
        distance = (v[:, None] - memory[None]).norm(dim=2)
        reach = 10 / distance.sort(dim=1).values[:, :1]
        memory_feature = torch.softmax(self.hallucinator(v), dim=1) @ memory
        z = reach * (v + torch.tanh(self.selector(v)) * memory_feature)
        norm = z.norm(dim=1, keepdim=True)
        weight = self.cosine.weight / self.cosine.weight.norm(dim=1, keepdim=True)
        logits = 16 * (norm / (1 + norm)) * (z / norm) @ weight.T
        square = (v[:, None] - self.centroids[None]).square().sum(dim=2)
        own = F.one_hot(labels, CLASSES).bool()
        repel = (10 - square[~own].sum() / square.numel()).clamp(0, 1e6)
        attract = (v - memory[labels]).square().sum() / (2 * len(v))
        loss = F.cross_entropy(logits, labels) + self.weight * (attract + 0.01 * repel)
        self.optimiser.zero_grad()
        self.centroid_optimiser.zero_grad()
        loss.backward()
        pull = torch.zeros_like(self.centroids)
        for label in labels.unique():
            members = v[labels == label].detach()
            pull[label] = (memory[label] - members).sum(dim=0) / (1 + len(members)) / len(v)
        self.centroids.grad = pull if self.centroids.grad is None else self.centroids.grad + pull
        self.optimiser.step()
        self.centroid_optimiser.step()
        return float(loss.detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("stage2_speed.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    overrides = ("data.size=64", "network.stem=photo", "network.width=64", "network.features=512", "training.batch=128")
    config = load_config("desk", "lists", "oltr", overrides=overrides)
    settings = config.stage2
    assert settings is not None
    with tempfile.TemporaryDirectory() as folder:
        data = write_pictures(Path(folder), arguments.seed)
        network, holder = build(data, config, arguments.seed)
        other_network, other_holder = build(data, config, arguments.seed)
        batches = TrainingBatches(
            training_pictures(data, config, seed=0),
            build_sampler(settings, data.splits["train"].labels, seed=0),
            batch=128,
        )
        objective = logit_objective(settings, config.losses, torch.from_numpy(data.counts))
        stage = GradientStage(2, config, network, batches, objective, centroid_loss=holder, device=torch.device("cpu"))
        plain = Straightforward(other_network, other_holder.centroids.detach(), settings)
        network.train()
        other_network.train()
        times: dict[str, list[float]] = {"openlt": [], "straightforward": []}
        epoch = batches.epoch(0, 0)
        seen: list[Batch] = [next(epoch) for _ in range(2)]
        read = batches.seconds_waited / 2
        gaps = []
        for number in range(arguments.repetitions + 1):
            batch = seen[number % 2]
            began = time.process_time()
            ours = stage.update(batch, 0.0)
            middle = time.process_time()
            theirs = plain.step(batch.images, batch.labels)
            ended = time.process_time()
            gaps.append(abs(ours["loss"] + settings.feature_weight * ours["feature_loss"] - theirs) / theirs)
            if number:  # the first of each also sets up buffers
                times["openlt"].append(middle - began)
                times["straightforward"].append(ended - middle)
    rows = [
        {
            "version": name,
            "seconds_a_step": round(median(spent), 4),
            "fastest": round(min(spent), 4),
            "slowest": round(max(spent), 4),
            "pictures_a_second": round(128 / median(spent), 1),
            "repetitions": arguments.repetitions,
            "seed": arguments.seed,
        }
        for name, spent in times.items()
    ]
    ratio = median(b / a for a, b in zip(times["openlt"], times["straightforward"], strict=True))
    share = read / (read + median(times["openlt"]))
    write_csv(arguments.csv, [{**row, "ratio": round(ratio, 3), "waiting_share": round(share, 3)} for row in rows])
    lines = [[str(row[name]) for name in ("version", "seconds_a_step", "pictures_a_second")] for row in rows]
    print(markdown(["version", "seconds a step", "pictures a second"], lines))
    print(
        f"\nstraightforward takes {ratio:.2f} times as long (median of pairs); the first losses agree to {gaps[0]:.1e}"
    )
    print(f"reading takes {100 * share:.0f} % of the time of a step without --set data.workers=1 or more; {behind()}")
    print(f"wrote {arguments.csv}", file=sys.stderr)


if __name__ == "__main__":
    main()
