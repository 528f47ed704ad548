"""The heads of every method on the same frozen features of EfficientNet-Lite0, which has seen ImageNet.

    nox -s bench -- openlt frozen_features --data tinyimagenet_lt --weights efficientnet_lite0.npz

Features are computed once, then each head is trained on them for the same number of epochs: no augmentation, no
attention. A backbone that was trained on ImageNet has seen all of these classes, the unknown ones too, so the figures
are optimistic; they compare heads.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from records import markdown, with_spread, write_csv
from torch import Tensor, nn

from openlt import losses
from openlt.baselines.post_hoc import choose_tau, nearest_mean, prior_corrected, whitened_memory
from openlt.config import load_config
from openlt.data import load_data
from openlt.data.samplers import ClassAwareSampler, ShuffleSampler
from openlt.data.splits import LongTailData
from openlt.losses import DiscriminativeCentroidsLoss
from openlt.metrics.figures import Figures, figures
from openlt.networks.efficientnet_lite import EfficientNetLite0
from openlt.networks.meta_embedding import MetaEmbeddingClassifier
from openlt.networks.pretrained import load_pretrained
from openlt.openset import DETECTORS
from openlt.training.batches import in_order, plain_pictures

WIDTH = 512
BATCH = 128
Loss = Callable[[Tensor, Tensor], Tensor]


class Direct(nn.Module):
    """Linear, ReLU and a linear classifier: the paper's first stage on given features."""

    def __init__(self, given: int, classes: int) -> None:
        super().__init__()
        self.projection = nn.Linear(given, WIDTH)
        self.classifier = nn.Linear(WIDTH, classes)

    def features(self, given: Tensor) -> Tensor:
        return F.relu(self.projection(given))

    def forward(self, given: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(given))
        return logits


@dataclass(frozen=True)
class Features:
    """All splits as features."""

    values: dict[str, Tensor]
    labels: dict[str, Tensor]
    counts: Tensor

    @property
    def classes(self) -> int:
        return len(self.counts)


def extract(data: LongTailData, weights: str, cache: Path) -> Features:
    """Compute the pooled features of every split, once."""
    if not cache.exists():
        overrides = ("network.backbone=efficientnet-lite0", "data.size=64", f"training.batch={BATCH}")
        config = load_config("desk", "lists", "plain", overrides=overrides)
        backbone = EfficientNetLite0().eval()
        load_pretrained(backbone, weights)
        arrays = {}
        for name, split in data.splits.items():
            with torch.inference_mode():
                parts = [
                    backbone(batch.images).mean(dim=(2, 3))
                    for batch in in_order(plain_pictures(split, config), batch=BATCH)
                ]
            arrays[name] = torch.cat(parts).numpy()
            print(f"{name}: {len(arrays[name])} pictures", file=sys.stderr, flush=True)
        np.savez(cache, allow_pickle=False, **arrays)
    with np.load(cache, allow_pickle=False) as arrays:
        values = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    labels = {name: torch.from_numpy(split.labels) for name, split in data.splits.items()}
    return Features(values, labels, torch.from_numpy(data.counts))


def learn(
    module: nn.Module,
    step: Callable[[Tensor, Tensor], Tensor],
    given: Features,
    *,
    epochs: int,
    rate: float,
    seed: int,
    class_aware: bool,
    centroids: nn.Module | None = None,
) -> None:
    """Stochastic gradient descent with a cosine fall; the centroids have an optimiser of their own."""
    x, y = given.values["train"], given.labels["train"]
    sampler = ClassAwareSampler(y.numpy(), 4, seed) if class_aware else ShuffleSampler(y.numpy(), seed)
    steps = len(x) // BATCH
    learnt = [each for each in module.parameters() if each.requires_grad]
    optimisers = [torch.optim.SGD(learnt, lr=rate, momentum=0.9, weight_decay=5e-4)]
    if centroids is not None:
        optimisers.append(torch.optim.SGD(centroids.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4))
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(each, epochs) for each in optimisers]
    for epoch in range(epochs):
        for batch in sampler.indices(epoch, steps * BATCH).reshape(steps, BATCH):
            index = torch.from_numpy(batch)
            loss = step(x[index], y[index])
            for each in optimisers:
                each.zero_grad(set_to_none=True)
            loss.backward()
            for each in optimisers:
                each.step()
        for schedule in schedules:
            schedule.step()


class Memory(nn.Module):
    """Meta-embedding on the direct features, begun as the paper begins its second stage."""

    def __init__(self, start: Direct, given: Features) -> None:
        super().__init__()
        self.direct = start
        self.meta = MetaEmbeddingClassifier(WIDTH, given.classes)
        self.meta.start_from(start.classifier)
        self.holder = DiscriminativeCentroidsLoss(given.classes, WIDTH)
        with torch.no_grad():
            x, y = start.features(given.values["train"]), given.labels["train"]
            sums = torch.zeros(given.classes, WIDTH).index_add_(0, y, x)
            self.holder.centroids.copy_(sums / given.counts[:, None])

    def forward(self, given: Tensor) -> Tensor:
        logits: Tensor = self.meta(self.direct.features(given), self.holder.centroids).logits
        return logits

    def loss(self, objective: Loss) -> Loss:
        """The objective on the logits, and the discriminative-centroids loss on the direct features."""

        def step(x: Tensor, y: Tensor) -> Tensor:
            direct = self.direct.features(x)
            logits = self.meta(direct, self.holder.centroids).logits
            extra: Tensor = self.holder(direct, y)
            return objective(logits, y) + 0.01 * extra

        return step


def heads(given: Features, *, epochs: int, rate: float, seed: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Train every head; each maps features to logits."""
    counts = given.counts
    objectives: dict[str, Loss] = {
        "cross-entropy": lambda logits, y: F.cross_entropy(logits, y),
        "balanced": lambda logits, y: losses.balanced_softmax(logits, y, counts),
        "focal": lambda logits, y: losses.focal(logits, y),
    }

    def direct(objective: str, *, class_aware: bool = False, share: float = 1.0) -> Direct:
        torch.manual_seed(seed)
        module = Direct(given.values["train"].shape[1], given.classes)
        loss = objectives[objective]
        learn(
            module,
            lambda x, y: loss(module(x), y),
            given,
            epochs=round(share * epochs),
            rate=rate,
            seed=seed,
            class_aware=class_aware,
        )
        return module

    def memory(first: str, second: str, *, class_aware: bool) -> Memory:
        module = Memory(direct(first, share=0.6), given)
        learn(
            module,
            module.loss(objectives[second]),
            given,
            epochs=round(0.4 * epochs),
            rate=rate / 5,
            seed=seed + 1,
            class_aware=class_aware,
            centroids=module.holder,
        )
        return module

    plain = direct("cross-entropy")
    with torch.no_grad():
        train, val = plain.features(given.values["train"]), plain.features(given.values["val"])
    mean = nearest_mean(train, given.labels["train"], given.classes)
    _, tau = choose_tau(plain.classifier, val, given.labels["val"])
    corrected = prior_corrected(plain.classifier, counts, 1.0)
    settings = load_config("desk", "lists", "whitened-memory")
    whitened = whitened_memory(
        train, given.labels["train"], counts, tau=settings.losses.tau, scale=settings.network.scale
    )

    def behind(classifier: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda x: classifier(plain.features(x))

    return {
        "plain": plain,
        "focal": direct("focal", class_aware=True),
        "ncm": behind(mean),
        "tau-norm": behind(tau),
        "crt": _retrained(plain, given, objectives["cross-entropy"], epochs=round(0.4 * epochs), rate=rate, seed=seed),
        "logit-adjust-post-hoc": behind(corrected),
        "whitened-memory": behind(whitened),
        "balanced-softmax": direct("balanced"),
        "oltr": memory("cross-entropy", "cross-entropy", class_aware=True),
        "oltr-balanced": memory("balanced", "balanced", class_aware=False),
    }


def _retrained(
    plain: Direct, given: Features, loss: Loss, *, epochs: int, rate: float, seed: int
) -> Callable[[Tensor], Tensor]:
    torch.manual_seed(seed)
    classifier = nn.Linear(WIDTH, given.classes)

    def step(x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            features = plain.features(x)
        return loss(classifier(features), y)

    learn(classifier, step, given, epochs=epochs, rate=rate, seed=seed + 1, class_aware=True)
    return lambda x: classifier(plain.features(x))


@torch.no_grad()
def measure(head: Callable[[Tensor], Tensor], given: Features, detector: str) -> Figures:
    """Figures of the test and open sets."""
    logits = torch.cat([head(given.values[name]) for name in ("test", "open")]).numpy()
    labels = torch.cat([given.labels[name] for name in ("test", "open")]).numpy()
    scores = DETECTORS[detector]().score(logits, logits)
    return figures(logits.argmax(axis=1), scores, labels, given.counts.numpy(), split="test", detector=detector)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of TinyImageNet_LT_train.txt and its pictures")
    parser.add_argument("--weights", default="package", help="file of EfficientNet-Lite0's weights (default: package)")
    parser.add_argument("--cache", type=Path, help="file for the features (default: beside the data)")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("frozen_features.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data("lists", root=arguments.data, verify="off")
    given = extract(data, arguments.weights, arguments.cache or arguments.data / "efficientnet-lite0.npz")
    rows: list[dict[str, object]] = []
    for seed in map(int, arguments.seeds.split(",")):
        for name, head in heads(given, epochs=arguments.epochs, rate=arguments.rate, seed=seed).items():
            by_detector = {each: measure(head, given, each) for each in ("msp", "energy")}
            first = by_detector["msp"]
            rows.append(
                {
                    "method": name,
                    "seed": seed,
                    **{key: getattr(first, key) for key in ("many", "medium", "few", "overall", "f_measure")},
                    **{f"auroc {key}": each.auroc for key, each in by_detector.items()},
                    "epochs": arguments.epochs,
                }
            )
            print(f"{name} {seed}: few {first.few:.3f} overall {first.overall:.3f}", file=sys.stderr, flush=True)
    write_csv(arguments.csv, rows)
    columns = ("many", "medium", "few", "overall", "f_measure", "auroc msp", "auroc energy")
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        cells = [with_spread([row[name] for row in own], percent=name in columns[:4]) for name in columns]  # type: ignore[misc]
        lines.append([str(method), *cells])
    header = ["head", "many %", "medium %", "few %", "overall %", "F", "AUROC msp", "AUROC energy"]
    print(f"{markdown(header, lines)}\n\nwrote {arguments.csv}")


if __name__ == "__main__":
    main()
